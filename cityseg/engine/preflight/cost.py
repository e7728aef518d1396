"""What a recipe takes before anything is computed: counted on tensors that have a shape and no memory."""

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
_TAUGHT_COPIES = 3
"""Of a teacher's probabilities: themselves, weighted, and times the logarithms that learn from them."""
_FRAME_BYTES = 4
"""Per pixel of a frame that lies on the device: red, green, blue and the train id."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a training holds at its fullest moment, estimated.

    Attributes:
        weights: the network, and its average where one is kept.
        gradients: one per weight.
        optimizer: what the optimiser remembers of each weight.
        activations: what a step keeps of the forward pass for the backward pass, with room for its largest tensor
            four times, which the loss works on; or the logits of an evaluation batch, where those are larger.
        frames: all splits, which lie on the device as bytes.
        process: Python and PyTorch themselves.
    """

    weights: int
    gradients: int
    optimizer: int
    activations: int
    frames: int
    process: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(vars(self).values())


def parameters(config: ExperimentConfig) -> int:
    """Count the trained parameters of a recipe's network."""
    with torch.device("meta"):
        return count_parameters(build_model(config.architecture, arguments_of(config)))


def multiply_adds(config: ExperimentConfig) -> int:
    """Count the multiply-adds of predicting one frame: convolutions, transposed convolutions and matrix products.

    Normalisation, activations, pooling and resizing are left out, as is usual; so are borders, whose products with
    the padding's zeros count like any other.
    """
    with torch.device("meta"):
        model = build_model(config.architecture, arguments_of(config)).eval()
        photo = torch.empty(1, 3, *config.image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(photo)
    # PyTorch counts a multiply-add as two operations.
    return int(counter.get_total_flops()) // 2


def memory(config: ExperimentConfig, frames: int) -> Memory:
    """Estimate the memory of a training.

    Args:
        config: the recipe.
        frames: frames of all splits together.
    """
    count = parameters(config)
    width = 2 if config.precision == "pure-bfloat16" else 4
    # Muon remembers one value for each weight of a matrix, which nearly all weights are.
    remembered = {"sgd": 1 if config.momentum else 0, "muon": 1}.get(config.optimizer, 2)
    height, across = config.image_size
    logits = NUM_CLASSES * height * across * 4
    # The teacher itself sees a few frames at a time; only to doubt labels, its probabilities are looked at once.
    copies = (_TAUGHT_COPIES if config.teacher_weight else 1) if config.teacher else 0
    taught = copies * config.batch_size * logits
    return Memory(
        weights=count * width * (2 if config.ema_decay else 1),
        gradients=count * width,
        optimizer=count * width * remembered,
        activations=max(_activations(config) + taught, 2 * EVALUATION_BATCH * logits),
        frames=frames * height * across * _FRAME_BYTES,
        process=_PROCESS_BYTES,
    )


def _activations(config: ExperimentConfig) -> int:
    """Add up the tensors that autograd keeps of one batch; of views of the same memory only one counts.

    A batch of one counts as two, since a single pixel per channel could not be normalised.
    """
    kept: dict[int, tuple[int, Any]] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        # The storage is held on to, so that no later one can take its number.
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
