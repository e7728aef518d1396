from __future__ import annotations

import pytest
import torch

from cityseg.data.batches import DeviceSplit
from cityseg.engine.preflight import cost
from cityseg.engine.preflight.frames import random_frames
from cityseg.engine.step import TrainingSetup


def by_hand(config) -> int:
    """Multiply-adds of a plain U-Net: pixels x inputs x outputs x kernel of every convolution."""
    height, width = config.image_size
    channels, before, total = config.start_channels, 3, 0
    widths = [channels * 2**level for level in range(config.depth + 2)]
    for level, after in enumerate(widths):
        pixels = (height >> level) * (width >> level)
        total += pixels * 9 * (before * after + after * after)
        before = after
    for level in reversed(range(config.depth + 1)):
        narrow, wide = widths[level], widths[level + 1]
        below = (height >> (level + 1)) * (width >> (level + 1))
        pixels = (height >> level) * (width >> level)
        total += below * 4 * wide * narrow  # 2x2 transposed: four products per input pixel
        total += pixels * 9 * (2 * narrow * narrow + narrow * narrow)
    return total + height * width * channels * 19


@pytest.mark.parametrize(("channels", "depth", "size"), [(4, 1, (32, 64)), (8, 2, (64, 128)), (3, 0, (16, 16))])
def test_multiply_adds_are_those_counted_by_hand(tiny, channels, depth, size):
    config = tiny(start_channels=channels, depth=depth, image_size=size, half_size_epochs=0)
    assert cost.multiply_adds(config) == by_hand(config)


@pytest.mark.parametrize("architecture", ["smp-unet", "lraspp"])
def test_other_networks_are_counted_too(tiny, architecture):
    small, large = (tiny(architecture=architecture, image_size=size) for size in ((64, 64), (128, 128)))
    # LR-ASPP also looks at the frame as a whole, which takes the same work whatever its size.
    assert cost.multiply_adds(large) == pytest.approx(4 * cost.multiply_adds(small), rel=0.05)


def test_weights_gradients_and_optimiser_follow_the_dtype(tiny):
    count = cost.parameters(tiny())
    adamw = cost.memory(tiny(), 10)
    assert (adamw.weights, adamw.gradients, adamw.optimizer) == (4 * count, 4 * count, 8 * count)
    averaged = cost.memory(tiny(ema_decay=0.9, optimizer="sgd"), 10)
    assert (averaged.weights, averaged.optimizer) == (8 * count, 4 * count)
    assert cost.memory(tiny(optimizer="sgd", momentum=0.0), 10).optimizer == 0
    halved = cost.memory(tiny(precision="pure-bfloat16"), 10)
    assert (halved.weights, halved.optimizer) == (2 * count, 4 * count)
    assert adamw.frames == 10 * 32 * 64 * 4
    assert adamw.total == sum(vars(adamw).values())


@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_activations_equal_the_tensors_saved_in_a_real_step(tiny, weight):
    size = {"start_channels": 8, "depth": 2, "image_size": (64, 128)}
    config = tiny(**size, batch_size=32, half_size_epochs=0, deep_supervision=weight)
    kept: dict[int, tuple[int, object]] = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = (storage.nbytes(), storage)
        return tensor

    setup = TrainingSetup(config, DeviceSplit(random_frames(32, config.image_size), torch.device("cpu")))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        setup.step(0, 1e-3)
    sizes = [size for size, _ in kept.values()]
    assert cost.memory(config, 0).activations == pytest.approx(sum(sizes) + 4 * max(sizes), rel=0.05)
    double = cost.memory(tiny(**{**config.model_dump(), "batch_size": 64}), 0)
    assert double.activations == pytest.approx(2 * cost.memory(config, 0).activations, rel=0.02)


def test_a_single_frame_of_one_pixel_below_is_counted(tiny):
    config = tiny(image_size=(16, 16), depth=3, batch_size=1, half_size_epochs=0)
    assert cost.memory(config, 1).activations > 0


def test_a_teachers_probabilities_take_memory_too(tiny):
    size = {"batch_size": 32, "image_size": (64, 128)}
    alone, distilled = (cost.memory(recipe, 10).activations for recipe in (tiny(**size), tiny(**size, teacher="any")))
    assert distilled - alone == 3 * 32 * 19 * 64 * 128 * 4
    doubting = cost.memory(tiny(**size, teacher="any", teacher_weight=0, label_doubt=0.1), 10).activations
    assert doubting - alone == 32 * 19 * 64 * 128 * 4
