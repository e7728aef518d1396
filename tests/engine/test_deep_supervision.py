"""Heads on coarser levels: where they sit, what they are compared with, and how they are trained."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from cityseg.data.batches import DeviceSplit
from cityseg.engine.deep_supervision import DeepLoss, DeeplySupervised, at_stride, supervised
from cityseg.engine.step import TrainingSetup, build_network, build_optimizer, make_train_step, network_input
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import UNet

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("depth", "stem", "strides"), [(0, 1, [2]), (1, 1, [2, 4]), (1, 4, [8, 16]), (3, 2, [4, 8, 16])]
)
def test_heads_read_the_levels_below_the_finest(depth, stem, strides):
    torch.manual_seed(0)
    model = UNet(4, depth, stem=stem, max_channels=24).eval()
    network, x = DeeplySupervised(model), torch.randn(2, 3, 64, 96)
    # From the bottleneck up, as they are computed.
    found = []
    for layer in (model.down[-1], *model.up):
        layer.register_forward_hook(lambda layer, inputs, output: found.append(output))
    with torch.no_grad():
        plain = model(x)
        levels = found[-2::-1]
        logits, coarser = network(x)
        assert torch.equal(logits, plain)
        assert list(coarser) == strides
        for (stride, level), features, head in zip(coarser.items(), levels, network.heads, strict=False):
            assert level.shape == (2, 19, 64 // stride, 96 // stride)
            torch.testing.assert_close(level, F.conv2d(features, head.weight, head.bias))


@pytest.mark.parametrize("stride", [2, 4, 8, 16])
def test_labels_of_a_level_are_the_nearest_ones(stride):
    labels = torch.randint(0, 19, (2, 32, 48)).byte()
    level = torch.empty(2, 5, 32 // stride, 48 // stride)
    nearest = F.interpolate(labels[:, None].float(), level.shape[-2:], mode="nearest-exact")[:, 0].byte()
    assert torch.equal(at_stride(labels, stride, level), nearest)


def test_a_level_of_an_odd_size_lies_in_the_middle():
    rows = torch.arange(37)[:, None].expand(37, 23)
    found = at_stride(rows, 4, torch.empty(8, 5))  # 32 of 37 rows: two are left over above
    assert found[:, 0].tolist() == [4, 8, 12, 16, 20, 24, 28, 32]
    assert at_stride(rows.T, 4, torch.empty(5, 8)).shape == (5, 8)


@pytest.mark.parametrize("distilled", [False, True])
def test_the_loss_is_that_of_the_finest_level_and_the_mean_of_the_others(distilled):
    torch.manual_seed(0)
    labels = torch.randint(0, 19, (2, 16, 32))
    labels[0, :5] = 255
    logits, coarser = torch.randn(2, 19, 16, 32), {s: torch.randn(2, 19, 16 // s, 32 // s) for s in (2, 4, 8)}
    probabilities = torch.randn(2, 19, 16, 32).softmax(1) if distilled else None
    loss = SegmentationLoss(torch.rand(19), 1.0, lovasz_weight=0.5, teacher_weight=0.3)
    parts = []
    for stride, level in coarser.items():
        truth = labels[:, stride // 2 :: stride, stride // 2 :: stride]
        wise = None if probabilities is None else probabilities[:, :, stride // 2 :: stride, stride // 2 :: stride]
        parts.append(loss(level, truth, wise))
    expected = loss(logits, labels, probabilities) + 0.4 * sum(parts) / 3
    torch.testing.assert_close(DeepLoss(loss, 0.4)((logits, coarser), labels, probabilities), expected)


def test_a_step_is_the_one_computed_by_hand(tiny, cached_split):
    settings = tiny(optimizer="sgd", momentum=0.0, weight_decay=0.0, flip=False, deep_supervision=0.7, depth=2)
    split = DeviceSplit(cached_split(frames=3, size=(32, 64)), CPU)
    network = supervised(settings, build_network(settings, CPU).train())
    loss = SegmentationLoss.of(settings, split.class_share())
    before = copy.deepcopy(network)
    x, labels = network_input(settings, split.photos), split.labels
    logits, coarser = before(x)
    parts = [loss(level, labels[:, s // 2 :: s, s // 2 :: s]) for s, level in coarser.items()]
    expected = loss(logits, labels) + 0.7 * (parts[0] + parts[1] + parts[2]) / 3
    expected.backward()
    step = make_train_step(settings, network, loss, build_optimizer(settings, network), split)
    torch.testing.assert_close(step(torch.arange(3), 1, 0), expected.detach())
    moved = dict(network.named_parameters())
    for name, weight in before.named_parameters():
        torch.testing.assert_close(moved[name], weight - settings.learning_rate * weight.grad, msg=name)
    assert all(head.weight.grad.abs().sum() > 0 for head in network.heads)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "pure-bfloat16"])
@pytest.mark.parametrize("size", [(32, 64), (38, 70)])
def test_every_dtype_and_size_learns(tiny, cached_split, precision, size):
    frames = cached_split(frames=4, size=size)
    for index, train_id in enumerate((0, 8, 10, 13)):
        frames.labels[index], frames.photos[index] = train_id, 60 * index
    recipe = tiny(precision=precision, image_size=size, deep_supervision=1, channels_last=True, depth=2, batch_size=4)
    setup = TrainingSetup(recipe, DeviceSplit(frames, CPU))
    losses = [float(setup.step(number, 0.01, first_epoch=1)) for number in range(10)]
    assert losses[-1] < 0.8 * losses[0]
    dtype = torch.bfloat16 if precision == "pure-bfloat16" else torch.float32
    assert {weight.dtype for weight in setup.trained.parameters()} == {dtype}


def test_heads_leave_the_initial_weights_unchanged(tiny):
    plain = build_network(tiny(), CPU)
    heads = [supervised(tiny(deep_supervision=1), build_network(tiny(), CPU)) for _ in range(2)]
    for one, two, weight in zip(*(network.model.parameters() for network in heads), plain.parameters(), strict=True):
        assert torch.equal(one, weight)
        assert torch.equal(two, weight)
    for one, two in zip(*(network.heads.parameters() for network in heads), strict=True):
        assert torch.equal(one, two)
    assert supervised(tiny(), plain) is plain


def test_muon_leaves_heads_to_adamw(tiny):
    network = supervised(tiny(deep_supervision=1), build_network(tiny(), CPU))
    optimizer = build_optimizer(tiny(optimizer="muon"), network)
    by_adamw = {id(weight) for group in optimizer.param_groups if not group["orthogonal"] for weight in group["params"]}
    assert all(id(weight) in by_adamw for weight in network.heads.parameters())
