"""One optimiser step as a plain function of tensors, its parts, and the setup that a run and preflight checks share."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from cityseg import distributed
from cityseg.config import ExperimentConfig
from cityseg.config.rules import has_single_pixel_batch
from cityseg.data.augmentation.augment import Augmentation
from cityseg.data.batches import DeviceSplit, Normalization, epoch_order, generator
from cityseg.data.transfer import send
from cityseg.engine.deep_supervision import DeepLoss, DeeplySupervised, supervised
from cityseg.engine.muon import Muon
from cityseg.engine.pretrained import NO_PRETRAINED, PretrainedInputs, Teacher, drop_doubtful_labels
from cityseg.engine.runtime.precision import arithmetic
from cityseg.errors import UsageError
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import arguments_of, build_model
from cityseg.models.distributed_norm import synchronise_statistics

_POLY_POWER = 0.9

TrainStep = Callable[[Tensor, int, int], Tensor]
"""(indices of the batch, epoch, step within the epoch) -> detached scalar loss, still on the device."""
Update = Callable[..., Tensor]
"""(network input, labels, teacher's probabilities or None) -> detached scalar loss, still on the device."""


class TrainingSetup:
    """A config's network with its initial weights, its loss, optimiser and step function, on the device of the split.

    Attributes:
        model: the network, in training mode.
        trained: the network with auxiliary heads, if the config has deep supervision.
        loss: of this process's pixels alone, for evaluation.

    Raises:
        UsageError: a batch that cannot be normalised, see ``expect_normalizable``.
    """

    def __init__(
        self, config: ExperimentConfig, split: DeviceSplit, pretrained: PretrainedInputs = NO_PRETRAINED
    ) -> None:
        expect_normalizable(config, len(split))
        self.config, self.split, self.pretrained = config, split, pretrained
        self.model = synchronise_statistics(build_network(config, split.device), split.device).train()
        self.trained = supervised(config, self.model)
        self.heads = self.trained.heads if isinstance(self.trained, DeeplySupervised) else None
        if pretrained.weights:
            self.model.load_state_dict(pretrained.weights)
        self.average = WeightAverage(self.model, config.ema_decay) if config.ema_decay else None
        if config.compile:
            for network in {self.model, self.trained}:
                network.compile()
        share = split.class_share()
        self.loss = SegmentationLoss.of(config, share).to(split.device)
        self._spread_loss = SegmentationLoss.of(config, share, spread=distributed.count() > 1).to(split.device)
        self.optimizer = build_optimizer(config, self.trained)
        self.epoch_length = -(-len(split) // config.batch_size)
        self._factors = split.repeat_factors(config.rare_frames)
        self._order: tuple[int, Tensor] | None = None

    @property
    def scored_model(self) -> nn.Module:
        """The network to evaluate: the weight average if there is one."""
        return self.average.model if self.average else self.model

    @cached_property
    def _step(self) -> TrainStep:
        teacher = self.pretrained.teacher.to(self.split.device) if self.pretrained.teacher else None
        loss, optimizer = self._spread_loss, self.optimizer
        return make_train_step(self.config, self.trained, loss, optimizer, self.split, self.average, teacher)

    def step(self, number: int, rate: float, *, first_epoch: int = 0) -> Tensor:
        """Do optimiser step ``number``, counted from 0, on its batch of the run; return its loss, still on the device.

        ``first_epoch`` is the epoch of step 0, for configs whose first epochs differ.
        """
        epoch, position = divmod(number, self.epoch_length)
        epoch += first_epoch
        if self._order is None or self._order[0] != epoch:
            order = epoch_order(len(self.split), self.config.seed, epoch, self._factors)
            self._order = epoch, send(order, self.split.device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        start = position * self.config.batch_size
        return self._step(self._order[1][start : start + self.config.batch_size], epoch, position)


def expect_normalizable(config: ExperimentConfig, frames: int) -> None:
    """Raise UsageError if a batch of an epoch over so many frames leaves batch normalisation a single value."""
    if not has_single_pixel_batch(config, frames):
        return
    found = "a batch of one frame" if config.batch_size == 1 else f"a last batch of one of {frames} frames"
    remedies = [f"change batch_size (now {config.batch_size})"] if frames > 1 else ["add frames"]
    remedies += ["lower depth"] if config.architecture == "unet" else []
    remedies += ["set half_size_epochs to 0"] if config.half_size_epochs else []
    raise UsageError(
        f"expected at least two values per channel to normalise, found {found}, which the network narrows to one "
        f"pixel; {', '.join(remedies)} or enlarge image_size (now {config.image_size[0]}x{config.image_size[1]})"
    )


def build_network(config: ExperimentConfig, device: torch.device) -> nn.Module:
    """Return the config's network on the device, initialised from its seed."""
    torch.manual_seed(config.seed)
    model = build_model(config.architecture, arguments_of(config)).to(device)
    if config.precision == "pure-bfloat16":
        model.bfloat16()
    if config.channels_last:
        model.to(memory_format=torch.channels_last)
    return model


def build_optimizer(config: ExperimentConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Return the config's optimiser over all weights."""
    settings: dict[str, Any] = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), momentum=config.momentum, nesterov=config.momentum > 0, foreach=True, **settings
        )
    if config.optimizer == "muon":
        return Muon(model, **settings)
    return (torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam)(model.parameters(), **settings)


def learning_rate(config: ExperimentConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step, 0 to ``steps - 1``.

    One-cycle rises from 1/25 of the peak and falls to 1e-4 of that start, both along half a cosine (Smith and Topin,
    arXiv 1708.07120). Poly is DeepLab's (Chen et al., arXiv 1606.00915, section 4.1).
    """
    peak = config.learning_rate
    if config.schedule == "one-cycle":
        start = peak / 25
        top = max(1.0, config.warmup_share * steps - 1)
        if step <= top:
            return _half_cosine(start, peak, step / top)
        return _half_cosine(peak, start / 1e4, (step - top) / max(1.0, steps - 1 - top))
    if step < config.warmup_steps:
        return peak * (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
    if config.schedule == "cosine":
        return _half_cosine(peak, 0.0, share)
    return peak * (1 - share) ** _POLY_POWER if config.schedule == "poly" else peak


def _half_cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * min(share, 1.0))) / 2


def make_train_step(
    config: ExperimentConfig,
    model: nn.Module,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    split: DeviceSplit,
    average: WeightAverage | None = None,
    teacher: Teacher | None = None,
) -> TrainStep:
    """Return the step function of a run; it never waits for the device.

    Each process takes its shard of the batch, after augmenting the whole batch, so that random draws and pasting
    between frames equal those of a single process. The teacher serves distillation and drops doubtful labels.
    """
    augmentation = Augmentation.of(config)
    update = make_update(config, model, loss, optimizer, split.device, average)

    def step(indices: Tensor, epoch: int, position: int) -> Tensor:
        photos, labels = split.at(send(indices, split.device), half_size=epoch < config.half_size_epochs)
        photos, labels = augmentation(photos, labels, generator(config.seed, epoch, position))
        own = distributed.shard(len(photos))
        photos, labels = photos[own], labels[own]
        soft_targets = teacher.probabilities(photos) if teacher else None
        if soft_targets is not None and config.label_doubt:
            labels = drop_doubtful_labels(labels, soft_targets, config.label_doubt)
        if not config.teacher_weight:
            soft_targets = None
        return update(network_input(config, photos), labels, soft_targets)

    return step


def network_input(config: ExperimentConfig, photos: Tensor) -> Tensor:
    """Return (N, 3, H, W) normalised input of (N, H, W, 3) photos, in the config's dtype and memory format."""
    dtype = torch.bfloat16 if config.precision == "pure-bfloat16" else torch.float32
    memory = torch.channels_last if config.channels_last else torch.contiguous_format
    return Normalization.named(config.normalization).apply(photos).to(dtype, memory_format=memory)


def make_update(
    config: ExperimentConfig,
    model: nn.Module,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device,
    average: WeightAverage | None = None,
) -> Update:
    """Return the part of a step after its data are in place: forward pass, backward pass and optimiser.

    The model is in training mode, maybe compiled, and has auxiliary heads for deep supervision.
    """
    parameters = list(model.parameters())
    if config.deep_supervision:
        loss = DeepLoss(loss, config.deep_supervision)

    def update(x: Tensor, labels: Tensor, soft_targets: Tensor | None = None) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        with arithmetic(config.precision, device):
            value = loss(model(x), labels, soft_targets)
            value.backward()
        distributed.average_gradients(parameters)
        if config.clip_norm:
            nn.utils.clip_grad_norm_(parameters, config.clip_norm)
        optimizer.step()
        if average is not None:
            average.update()
        result: Tensor = value.detach()
        return result

    return update


class WeightAverage:
    """An exponential moving average of a model's weights and buffers (Polyak averaging).

    The decay warms up as ``(1 + step) / (10 + step)``, so that the random start is forgotten soon.

    ``torch.optim.swa_utils.AveragedModel`` gives the same bits if its ``multi_avg_fn`` has this schedule, but its step
    counter makes the host wait for a GPU three times per update (as ``tests/engine/test_waiting.py`` counts), and an
    update of 106 tensors takes 1.6 ms of the host's time instead of 0.13 ms. ``get_ema_multi_avg_fn`` has no such
    schedule and does not copy integer buffers.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay, self.steps = decay, 0
        both = [(mine, theirs) for (_, mine), (_, theirs) in zip(_state(self.model), _state(model), strict=True)]
        self._mine = [mine for mine, _ in both if mine.is_floating_point()]
        self._theirs = [theirs for mine, theirs in both if mine.is_floating_point()]
        self._counters = [(mine, theirs) for mine, theirs in both if not mine.is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Update the average; call after every optimiser step."""
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        torch._foreach_lerp_(self._mine, self._theirs, 1 - keep)
        for mine, theirs in self._counters:
            mine.copy_(theirs)


def _state(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]
