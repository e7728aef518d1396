"""What only a GPU can show; skipped where there is none. The same code runs on the CPU in the other tests.

The suite hides GPUs, so that results can be compared bit for bit; with one:
``CUDA_VISIBLE_DEVICES=0 pytest tests/engine/test_cuda.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cityseg import api, checkpoint, config
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.evaluate import evaluate
from cityseg.engine.preflight.frames import random_frames
from cityseg.engine.runtime.device import best_device
from cityseg.engine.step import TrainingSetup
from cityseg.inference.predictor import Predictor
from cityseg.losses.dice import soft_dice_loss
from cityseg.losses.lovasz import lovasz_softmax_loss
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import UNet

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device, made visible by CUDA_VISIBLE_DEVICES"
)
CPU, GPU = torch.device("cpu"), best_device()
NORMALIZATION = Normalization.named("imagenet")
RECIPE = {
    "image_size": (64, 128),
    "start_channels": 16,
    "depth": 2,
    "block": "separable",
    "stem": 2,
    "upsampling": "bilinear",
    "batch_size": 4,
    "epochs": 2,
    "optimizer": "muon",
    "scale_min": 0.7,
    "scale_max": 1.5,
    "brightness": 0.3,
    "contrast": 0.3,
    "saturation": 0.3,
    "hue": 0.02,
    "tint": 0.1,
    "blur": 0.6,
    "cutmix": 0.3,
    "copy_paste": 0.3,
    "lovasz_weight": 1.0,
    "deep_supervision": 0.4,
    "ema_decay": 0.9,
    "channels_last": True,
}
"""All that a step can do on the device. Noise, which each device draws for itself, is added where it may differ."""


def setup_on(device: torch.device, **changes: object) -> TrainingSetup:
    split = DeviceSplit(random_frames(16, RECIPE["image_size"]), device)
    return TrainingSetup(config.build({**RECIPE, **changes}), split)


def losses(device: torch.device, steps: int = 4, **changes: object) -> list[float]:
    setup = setup_on(device, **changes)
    return torch.stack([setup.step(number, 1e-3) for number in range(steps)]).tolist()


@pytest.fixture
def network() -> UNet:
    torch.manual_seed(5)
    return UNet(16, 2, block="separable", stem=2, upsampling="bilinear").eval()


def test_float32_training_takes_the_same_steps_as_the_cpu():
    np.testing.assert_allclose(losses(GPU, precision="float32"), losses(CPU, precision="float32"), rtol=2e-3)


def test_bfloat16_training_stays_near_float32():
    exact = losses(GPU, precision="float32")
    rounded = losses(GPU, precision="bfloat16")
    assert rounded != exact
    np.testing.assert_allclose(rounded, exact, rtol=0.03)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "pure-bfloat16"])
def test_a_step_never_waits_for_the_gpu(precision):
    changes = {"precision": precision, "noise": 0.05, "night": 0.3, "clip_norm": 1.0}
    if precision == "pure-bfloat16":
        changes |= {"ema_decay": 0.0}
    setup = setup_on(GPU, **changes)
    for number in range(2):
        setup.step(number, 1e-3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        after = [setup.step(number, 1e-3) for number in range(2, 5)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.stack(after).isfinite().all()


def test_a_step_holds_no_memory_back():
    setup = setup_on(GPU)
    held = []
    for number in range(8):
        setup.step(number, 1e-3)
        held.append(torch.cuda.memory_allocated())
    assert max(held[4:]) <= held[3]


def test_float32_means_float32(network):
    """Not the ten bits of a mantissa that a GPU's convolutions would keep by themselves."""
    split = DeviceSplit(random_frames(8, (64, 128)), GPU)
    with torch.no_grad():
        expected = network.double()(NORMALIZATION.apply(split.photos.cpu()).double())
        seen = []
        network.float().to(GPU).register_forward_hook(lambda module, given, logits: seen.append(logits.cpu().double()))
        evaluate(network, split, NORMALIZATION)
    assert (seen[0] - expected).norm() / expected.norm() < 1e-5


def test_an_evaluation_counts_as_the_cpu_does(network):
    frames = random_frames(20, (64, 128))
    there = evaluate(network.to(GPU), DeviceSplit(frames, GPU), NORMALIZATION, detailed=True)
    here = evaluate(network.to(CPU), DeviceSplit(frames, CPU), NORMALIZATION, detailed=True)
    assert there.confusions.sum() == here.confusions.sum()
    # A pixel whose two best classes are as good as equal may fall to either.
    assert np.abs(there.confusions - here.confusions).sum() / 2 <= 1e-4 * here.confusions.sum()
    np.testing.assert_allclose(there.detail.entropy, here.detail.entropy, rtol=1e-4)
    assert np.abs(there.detail.boundary - here.detail.boundary).sum() <= 1e-3 * here.detail.boundary.sum()


def test_losses_are_those_of_the_cpu():
    random = torch.Generator().manual_seed(3)
    logits = torch.randn(3, 19, 20, 30, generator=random)
    labels = torch.randint(0, 19, (3, 20, 30), generator=random)
    labels[:, :4] = 255
    for loss in (soft_dice_loss, lovasz_softmax_loss, SegmentationLoss(dice_weight=1.0)):
        there, here = (logits.to(device, copy=True).requires_grad_() for device in (GPU, CPU))
        a, b = loss(there, labels.to(GPU)), loss(here, labels)
        a.backward()
        b.backward()
        torch.testing.assert_close(a.cpu(), b, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(there.grad.cpu(), here.grad, rtol=1e-3, atol=1e-7)


def test_a_whole_run_on_the_gpu_is_read_on_the_cpu(workplace, streets):
    run = api.train(config.build({**RECIPE, "epochs": 3, "noise": 0.02}), str(streets), name="gpu", runs=workplace).run
    status = run.status()
    assert status["state"] == "finished"
    assert run.describe()["device"] == torch.cuda.get_device_name()
    assert all(line["memory_bytes"] > 0 for line in run.history() if "memory_bytes" in line)
    model, card = checkpoint.load(run.checkpoint)
    assert next(model.parameters()).device == CPU
    assert card.scores["val"]["macro"]["f1"] >= 0
    photo = np.random.default_rng(2).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    here, there = Predictor(model, card).predict(photo), Predictor.load(run.checkpoint, GPU).predict(photo)
    assert (here.train_ids != there.train_ids).mean() <= 1e-3
