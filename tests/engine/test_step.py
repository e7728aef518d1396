from __future__ import annotations

import pytest
import torch

from cityseg.data.batches import DeviceSplit, Normalization, flip_some, generator
from cityseg.engine.step import build_optimizer, learning_rate, make_train_step
from cityseg.losses import SegmentationLoss, log_class_weights
from cityseg.models import arguments_of, build_model

CPU = torch.device("cpu")


@pytest.mark.parametrize("steps", [10, 60, 84, 240, 930])
@pytest.mark.parametrize("share", [0.3, 0.25])
def test_one_cycle_is_torchs(tiny, steps, share):
    settings = tiny(schedule="one-cycle", learning_rate=4e-3, warmup_share=share)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=4e-3,
        total_steps=steps,
        pct_start=share,
        anneal_strategy="cos",
        div_factor=25,
        final_div_factor=1e4,
    )
    for step in range(steps):
        assert learning_rate(settings, step, steps) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9, abs=1e-15)
        optimizer.step()
        if step < steps - 1:
            scheduler.step()


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_one_cycle_of_very_short_runs_stays_within_its_bounds(tiny, steps):
    settings = tiny(schedule="one-cycle", learning_rate=4e-3)
    rates = [learning_rate(settings, step, steps) for step in range(steps)]
    assert rates[0] == pytest.approx(4e-3 / 25)
    assert all(rate * (1 + 1e-9) >= 4e-3 / 25e4 and rate <= 4e-3 for rate in rates)


def test_a_constant_schedule_is_constant(tiny):
    settings = tiny(schedule="constant", learning_rate=1e-3)
    assert {learning_rate(settings, step, 60) for step in range(60)} == {1e-3}


def test_optimizers(tiny):
    model = torch.nn.Conv2d(3, 4, 1)
    for name, kind in (("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)):
        optimizer = build_optimizer(tiny(optimizer=name, weight_decay=0.25, learning_rate=0.5), model)
        assert type(optimizer) is kind
        (group,) = optimizer.param_groups
        assert (group["lr"], group["weight_decay"], len(group["params"])) == (0.5, 0.25, 2)


def begin(settings, split):
    torch.manual_seed(settings.seed)
    model = build_model(settings.architecture, arguments_of(settings))
    if settings.precision == "pure-bfloat16":
        model.bfloat16()
    loss = SegmentationLoss(log_class_weights(split.class_share()), settings.dice_weight)
    optimizer = build_optimizer(settings, model)
    return model, make_train_step(settings, model, loss, optimizer, split)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "pure-bfloat16"])
def test_the_same_seed_gives_the_same_bits_and_lowers_the_loss(tiny, cached_split, precision):
    settings = tiny(precision=precision)
    # Frames of one class each: something a tiny network can learn in a few steps.
    source = cached_split(frames=4, size=(16, 32))
    for index, train_id in enumerate((0, 8, 10, 13)):
        source.labels[index] = train_id
        source.photos[index] = 60 * index
    results = []
    for seed in (0, 0, 1):
        model, step = begin(settings.model_copy(update={"seed": seed}), DeviceSplit(source, CPU))
        values = [step(torch.arange(4), 1, position) for position in range(8)]
        results.append((torch.stack(values), model.state_dict()))
    (losses, weights), (again, same), (_, other) = results
    assert torch.equal(losses, again)
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    assert not torch.equal(weights["head.weight"], other["head.weight"])
    assert losses[-1] < 0.85 * losses[0]
    assert not losses.requires_grad


def test_the_network_sees_normalised_flipped_frames_of_the_epochs_size(tiny, cached_split):
    settings = tiny(half_size_epochs=1, flip=True, normalization="imagenet", seed=3)
    split = DeviceSplit(cached_split(frames=6, size=(16, 32)), CPU)
    model, step = begin(settings, split)
    seen: list[torch.Tensor] = []
    model.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    indices = torch.tensor([5, 2, 0])
    step(indices, 0, 0)
    step(indices, 1, 4)
    assert seen[0].shape == (3, 3, 8, 16)
    photos, labels = split.at(indices)
    expected, _ = flip_some(Normalization.named("imagenet").apply(photos), labels, generator(3, 1, 4))
    assert torch.equal(seen[1], expected)


def test_without_flip_nothing_is_drawn(tiny, cached_split):
    settings = tiny(half_size_epochs=0, flip=False, normalization="none")
    split = DeviceSplit(cached_split(frames=6, size=(16, 32)), CPU)
    model, step = begin(settings, split)
    seen: list[torch.Tensor] = []
    model.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    step(torch.tensor([1, 4]), 0, 0)
    torch.testing.assert_close(seen[0], split.photos[[1, 4]].permute(0, 3, 1, 2) / 255)
