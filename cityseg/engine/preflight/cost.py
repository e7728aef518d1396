"""The cost of a config, computed on fake and meta tensors, which have a shape but no memory."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from cityseg.classes import NUM_CLASSES
from cityseg.config import ExperimentConfig
from cityseg.engine.deep_supervision import DeepLoss, DeeplySupervised
from cityseg.engine.evaluate import EVALUATION_BATCH
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import arguments_of, build_model, count_parameters

_PROCESS_BYTES = 700 * 2**20
"""Python with PyTorch and its libraries, before the first tensor."""
_WORKING_COPIES = 4
_TEACHER_COPIES = 3
"""Copies of a teacher's probabilities: as they are, weighted, and times the student's log-probabilities."""
_FRAME_BYTES = 4
"""Bytes per pixel of a frame on the device: red, green, blue and the train id."""


@dataclass(frozen=True)
class Memory:
    """Estimated peak memory of a training in bytes."""

    weights: int  # the network and its EMA, if used
    gradients: int  # one per weight
    optimizer: int  # the optimiser's state
    # Tensors saved for the backward pass plus four copies of the largest one, which the loss works on; or the logits of
    # an evaluation batch if those are larger.
    activations: int
    frames: int  # all splits, held on the device as bytes
    process: int  # Python and PyTorch

    @property
    def total(self) -> int:
        """The sum of all parts."""
        return sum(vars(self).values())


def parameters(config: ExperimentConfig) -> int:
    """Count the trained parameters of a config's network."""
    with torch.device("meta"):
        return count_parameters(build_model(config.architecture, arguments_of(config)))


def multiply_adds(config: ExperimentConfig) -> int:
    """Count the MACs to predict one frame: convolutions, transposed convolutions and matrix products.

    As usual, normalisation, activations, pooling and resizing do not count, and products with padding zeros do.
    """
    with torch.device("meta"):
        model = build_model(config.architecture, arguments_of(config)).eval()
        photo = torch.empty(1, 3, *config.image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(photo)
    # PyTorch counts a multiply-add as two operations.
    return int(counter.get_total_flops()) // 2


def memory(config: ExperimentConfig, frames: int) -> Memory:
    """Estimate the memory of a training on so many frames in all splits together."""
    count = parameters(config)
    width = 2 if config.precision == "pure-bfloat16" else 4
    # Muon keeps one value per weight of a matrix, and nearly all weights belong to one.
    states = {"sgd": 1 if config.momentum else 0, "muon": 1}.get(config.optimizer, 2)
    height, across = config.image_size
    logits = NUM_CLASSES * height * across * 4
    # The teacher predicts a few frames at a time; only its probabilities are held for the whole batch.
    copies = (_TEACHER_COPIES if config.teacher_weight else 1) if config.teacher else 0
    teacher = copies * config.batch_size * logits
    return Memory(
        weights=count * width * (2 if config.ema_decay else 1),
        gradients=count * width,
        optimizer=count * width * states,
        activations=max(_activations(config) + teacher, 2 * EVALUATION_BATCH * logits),
        frames=frames * height * across * _FRAME_BYTES,
        process=_PROCESS_BYTES,
    )


def _activations(config: ExperimentConfig) -> int:
    """Add up the tensors that autograd saves for one batch; views of the same storage count once.

    A batch of one counts as two, since a single pixel per channel cannot be normalised.
    """
    kept: dict[int, tuple[int, Any]] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # Holding the storage keeps its number from being reused.
        kept[storage._cdata] = (storage.nbytes(), storage)
        return tensor

    frames = max(2, config.batch_size)
    share = np.full(NUM_CLASSES, 1 / NUM_CLASSES)
    with FakeTensorMode(), contextlib.ExitStack() as stack:
        model = build_model(config.architecture, arguments_of(config)).train()
        loss: nn.Module = SegmentationLoss.of(config, share)
        if config.deep_supervision:
            model, loss = DeeplySupervised(model), DeepLoss(loss, config.deep_supervision)
        dtype = torch.bfloat16 if config.precision == "pure-bfloat16" else torch.float32
        weights = {name: weight.to(dtype) for name, weight in model.named_parameters()}
        photos = torch.empty(frames, 3, *config.image_size, dtype=dtype)
        labels = torch.empty(frames, *config.image_size, dtype=torch.uint8)
        stack.enter_context(torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor))
        stack.enter_context(torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bfloat16"))
        loss(torch.func.functional_call(model, weights, photos), labels)
        own = {weight.untyped_storage()._cdata for weight in weights.values()}
    sizes = [size for number, (size, _) in kept.items() if number not in own]
    return sum(sizes) + _WORKING_COPIES * max(sizes)
