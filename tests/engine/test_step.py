from __future__ import annotations

import pytest
import torch

from cityseg.data.augmentation.augment import flip_some
from cityseg.data.batches import DeviceSplit, Normalization, generator
from cityseg.engine.step import WeightAverage, build_optimizer, learning_rate, make_train_step
from cityseg.losses.segmentation import SegmentationLoss
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


def test_sgd(tiny):
    model = torch.nn.Conv2d(3, 4, 1)
    for momentum, nesterov in ((0.9, True), (0.0, False)):
        optimizer = build_optimizer(tiny(optimizer="sgd", momentum=momentum, weight_decay=0.1), model)
        assert type(optimizer) is torch.optim.SGD
        (group,) = optimizer.param_groups
        assert (group["momentum"], group["nesterov"], group["weight_decay"]) == (momentum, nesterov, 0.1)


@pytest.mark.parametrize("warmup", [0, 7])
@pytest.mark.parametrize("steps", [20, 93])
def test_cosine_and_poly_are_torchs_after_a_straight_climb(tiny, warmup, steps):
    for name in ("cosine", "poly", "constant"):
        settings = tiny(schedule=name, learning_rate=0.5, warmup_steps=warmup)
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        scheduler = {
            "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps - warmup),
            "poly": torch.optim.lr_scheduler.PolynomialLR(optimizer, steps - warmup, power=0.9),
            "constant": torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0),
        }[name]
        climb = [learning_rate(settings, step, steps) for step in range(warmup)]
        assert climb == pytest.approx([0.5 * (step + 1) / warmup for step in range(warmup)])
        for step in range(warmup, steps):
            assert learning_rate(settings, step, steps) == pytest.approx(
                scheduler.get_last_lr()[0], rel=1e-6, abs=1e-12
            )
            optimizer.step()
            scheduler.step()


def begin(settings, split):
    torch.manual_seed(settings.seed)
    model = build_model(settings.architecture, arguments_of(settings))
    if settings.precision == "pure-bfloat16":
        model.bfloat16()
    loss = SegmentationLoss.of(settings, split.class_share())
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
    flipped, _ = flip_some(photos, labels, generator(3, 1, 4))
    assert torch.equal(seen[1], Normalization.named("imagenet").apply(flipped))


def test_without_flip_no_random_number_is_used(tiny, cached_split):
    settings = tiny(half_size_epochs=0, flip=False, normalization="none")
    split = DeviceSplit(cached_split(frames=6, size=(16, 32)), CPU)
    model, step = begin(settings, split)
    seen: list[torch.Tensor] = []
    model.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
    step(torch.tensor([1, 4]), 0, 0)
    torch.testing.assert_close(seen[0], split.photos[[1, 4]].permute(0, 3, 1, 2) / 255)


def test_gradients_are_clipped_together(tiny, cached_split):
    split = DeviceSplit(cached_split(frames=4, size=(16, 32)), CPU)
    moves = {}
    for bound in (0.0, 1e-3):
        settings = tiny(optimizer="sgd", momentum=0.0, weight_decay=0.0, learning_rate=1.0, clip_norm=bound)
        model, step = begin(settings, split)
        before = [parameter.detach().clone() for parameter in model.parameters()]
        step(torch.arange(4), 0, 0)
        difference = [new.detach() - old for new, old in zip(model.parameters(), before, strict=True)]
        # The schedule is the caller's, so a step of plain SGD at rate 1 is the gradient itself.
        moves[bound] = float(torch.stack([one.norm() for one in difference]).norm())
    assert moves[1e-3] == pytest.approx(1e-3, rel=1e-3)
    assert moves[0.0] > 0.01


def test_channels_last_gives_the_same_losses(tiny, cached_split):
    split = DeviceSplit(cached_split(frames=4, size=(16, 32)), CPU)
    losses = {}
    for flag in (False, True):
        model, step = begin(tiny(channels_last=flag, precision="float32"), split)
        if flag:
            model.to(memory_format=torch.channels_last)
        seen: list[torch.Tensor] = []
        model.register_forward_pre_hook(lambda module, given, seen=seen: seen.append(given[0]))
        losses[flag] = torch.stack([step(torch.arange(4), 0, position) for position in range(3)])
        assert seen[0].is_contiguous(memory_format=torch.channels_last) is flag
    torch.testing.assert_close(losses[True], losses[False], rtol=1e-3, atol=1e-4)


def test_the_average_of_weights_follows_its_definition():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), torch.nn.BatchNorm2d(1))
    average = WeightAverage(model, 0.5)
    expected = {name: value.clone() for name, value in model.state_dict().items()}
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    for step in range(30):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        model(torch.randn(4, 1, 3, 3))
        average.update()
        keep = min(0.5, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            expected[name] = keep * expected[name] + (1 - keep) * value if value.is_floating_point() else value
    for name, value in average.model.state_dict().items():
        torch.testing.assert_close(value, expected[name])
