"""The CPU's test of what a GPU does: tensors of the ``meta`` device have no content, so asking for it is seen."""

from __future__ import annotations

import copy
from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cityseg.data.batches import DeviceSplit, Normalization, epoch_order
from cityseg.data.transfer import constants, send
from cityseg.engine.deep_supervision import supervised
from cityseg.engine.evaluate import EVALUATION_BATCH, evaluate
from cityseg.engine.pretrained import Teacher
from cityseg.engine.step import WeightAverage, build_optimizer, make_train_step
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import UNet, arguments_of, build_model

aten = torch.ops.aten
META = torch.device("meta")
WAITING = {
    aten._local_scalar_dense.default: 1.0,
    aten.nonzero.default: None,
    aten.masked_select.default: None,
    aten.bincount.default: None,
    aten._linalg_check_errors.default: None,
    aten._unique2.default: None,
    aten.repeat_interleave.Tensor: None,
}
"""What makes the host wait for a GPU, with an answer where the code can go on with one."""


class Waits(TorchDispatchMode):
    """Counts what is called, and lists what would make the host wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        self.calls[str(func)] += 1
        on_device = [self.is_meta(value) for value in args if isinstance(value, torch.Tensor)]
        if func in WAITING and any(on_device):
            self.found.append(str(func))
            return WAITING[func]
        if func is aten.lift_fresh.default and on_device[0]:
            self.found.append("a tensor made of numbers")
        if func is aten.index.Tensor and on_device[0]:
            places = [index for index in args[1] if index is not None]
            if any(not self.is_meta(index) or index.dtype in (torch.bool, torch.uint8) for index in places):
                self.found.append("indexing by a mask, or by what the host holds")
        if func is aten._to_copy.default and "device" in kwargs:
            there = kwargs["device"].type == "meta"
            if on_device[0] and not there:
                self.found.append("a copy to the host")
                return torch.zeros(args[0].shape, dtype=kwargs.get("dtype", args[0].dtype))
            if there and not on_device[0] and not kwargs.get("non_blocking"):
                self.found.append("a copy to the device that is waited for")
        return func(*args, **kwargs)

    @staticmethod
    def is_meta(tensor: torch.Tensor) -> bool:
        return tensor.device.type == "meta"


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (lambda x: float(x.sum()), "aten._local_scalar_dense.default"),
        (lambda x: bool((x > 0).any()), "aten._local_scalar_dense.default"),
        (lambda x: x.cpu(), "a copy to the host"),
        (lambda x: torch.zeros(3).to(x.device), "a copy to the device that is waited for"),
        (lambda x: x.new_tensor((1.0, 2.0)), "a tensor made of numbers"),
        (lambda x: torch.linalg.inv(x), "aten._linalg_check_errors.default"),
        (lambda x: x[torch.tensor([1, 0])], "indexing by a mask, or by what the host holds"),
    ],
)
def test_waiting_is_noticed(ask, found):
    x = torch.zeros(3, 3, device=META)
    with Waits() as waits:
        ask(x)
    assert waits.found == [found]


@pytest.fixture(autouse=True)
def constants_travel_once():
    """Constants are brought to a device once in a process, which may be in a test's first step."""
    constants.cache_clear()
    yield
    constants.cache_clear()


RECIPES = {
    "plain": {"flip": False},
    "light": {
        "brightness": 0.3,
        "contrast": 0.3,
        "saturation": 0.3,
        "hue": 0.1,
        "tint": 0.1,
        "blur": 1.0,
        "night": 0.5,
    },
    "place": {"scale_min": 0.5, "scale_max": 2.0, "cutmix": 0.5, "copy_paste": 0.5, "half_size_epochs": 1},
    "losses": {"lovasz_weight": 1.0, "focal_gamma": 2.0, "clip_norm": 1.0, "ema_decay": 0.9},
    "doubt": {"deep_supervision": 0.4, "teacher": "wise", "teacher_weight": 0, "label_doubt": 0.1},
    "sgd": {"optimizer": "sgd", "class_weights": "none", "label_smoothing": 0.1, "channels_last": True},
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_never_waits(tiny, cached_split, name):
    settings = tiny(**{"half_size_epochs": 0, "image_size": (16, 32), **RECIPES[name]})
    split = DeviceSplit(cached_split(frames=8, size=(16, 32)), META)
    model = build_model(settings.architecture, arguments_of(settings)).to(META)
    loss = SegmentationLoss.of(settings, np.full(19, 1 / 19)).to(META)
    average = WeightAverage(model, 0.9) if settings.ema_decay else None
    wise = Teacher(copy.deepcopy(model).eval(), (8, 16), Normalization.named("imagenet"))
    teacher = wise if name in ("losses", "doubt") else None
    network = supervised(settings, model)
    step = make_train_step(settings, network, loss, build_optimizer(settings, network), split, average, teacher)
    order = send(epoch_order(8, 0, 0), META)
    step(order[:3], 0, 0)
    with Waits() as waits:
        value = step(order[3:6], 0, 1)
    assert waits.found == []
    assert (value.device, value.shape, value.requires_grad) == (META, (), False)


def test_a_step_has_as_many_calls_for_many_frames_as_for_few(tiny, cached_split):
    settings = tiny(half_size_epochs=0, image_size=(16, 32), hue=0.1, blur=1.0, scale_max=2.0, cutmix=0.5, night=0.5)
    split = DeviceSplit(cached_split(frames=16, size=(16, 32)), META)
    model = build_model(settings.architecture, arguments_of(settings)).to(META)
    step = make_train_step(settings, model, SegmentationLoss(), build_optimizer(settings, model), split)
    counts = []
    for batch in (2, 2, 16):
        with Waits() as waits:
            step(torch.arange(batch, device=META), 0, 1)
        counts.append(waits.calls)
    assert counts[1] == counts[2]


def test_an_evaluation_waits_at_its_end_only(cached_split):
    model, imagenet = UNet(4, 1).to(META), Normalization.named("imagenet")
    ends = []
    for batches in (1, 3):
        split = DeviceSplit(cached_split(frames=batches * EVALUATION_BATCH - 3, size=(8, 16)), META)
        truth = np.zeros((len(split), 12, 20), np.uint8)
        imagenet.apply(split.photos[:1])
        with Waits() as waits:
            result = evaluate(model, split, imagenet, loss=SegmentationLoss(None, 1.0), truth=truth, keep=(0, 2))
        assert result.confusions.shape == (len(split), 19, 19)
        ends.append(waits.found)
    # The whole matrix, the loss and its pixels, the matrix of each frame and the kept frames.
    assert ends[0] == ends[1]
    assert len(ends[0]) == 5
