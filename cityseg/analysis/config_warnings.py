"""Warnings about a config before a run: settings that will fail, contradict each other or are ignored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cityseg.config import SETTINGS, ExperimentConfig
from cityseg.config.rules import has_single_pixel_batch, ignored

_FEW_STEPS = 20
_GIGABYTE = 2**30


@dataclass(frozen=True)
class Environment:
    """The machine and dataset that a config is checked for."""

    train_frames: int  # frames in the training split
    native_bfloat16: bool  # whether the device has instructions for bfloat16
    memory_bytes: int  # estimated memory of the training
    free_bytes: int | None  # free memory of the device, or None if unknown


def config_warnings(config: ExperimentConfig, environment: Environment) -> tuple[str, ...]:
    """Return one sentence per problem, fatal ones first; ``ExperimentConfig`` itself refuses invalid combinations."""
    return (
        *_failures(config, environment),
        *_schedule(config, environment),
        *_labels(config),
        *ignored(config, SETTINGS),
    )


def config_notes(config: ExperimentConfig, environment: Environment) -> tuple[str, ...]:
    """Return one sentence per harmless property that is worth knowing."""
    return (*_slow(config, environment), *_early(config))


def _failures(config: ExperimentConfig, environment: Environment) -> Iterator[str]:
    if environment.free_bytes is not None and environment.memory_bytes > environment.free_bytes:
        yield (
            f"The training needs about {_gigabytes(environment.memory_bytes)} of memory, and "
            f"{_gigabytes(environment.free_bytes)} are free: it will probably be killed. Lower batch_size or "
            "image_size, or end other programs."
        )
    if has_single_pixel_batch(config, environment.train_frames):
        yield (
            f"The network narrows a frame of {_size(config)} down to one pixel, and a batch of one frame cannot be "
            f"normalised there: the run is refused. Change batch_size (now {config.batch_size}, for "
            f"{_counted(environment.train_frames, 'frame')}), lower depth or enlarge image_size."
        )


def _schedule(config: ExperimentConfig, environment: Environment) -> Iterator[str]:
    steps = -(-environment.train_frames // config.batch_size) * config.epochs
    if config.batch_size > environment.train_frames:
        yield (
            f"batch_size {config.batch_size} is larger than the training split of "
            f"{_counted(environment.train_frames, 'frame')}: every epoch is one step on all of it. Lower batch_size."
        )
    if steps < _FEW_STEPS:
        yield (
            f"The run has only {_counted(steps, 'optimiser step')}, too few to learn much. Raise epochs or lower "
            "batch_size."
        )
    if config.warmup_steps >= steps:
        yield (
            f"The warm-up of {_counted(config.warmup_steps, 'step')} is as long as the run of {steps:,} or longer: the "
            "learning rate hardly reaches its peak. Lower warmup_steps or raise epochs."
        )
    if config.half_size_epochs == config.epochs:
        yield (
            "Every epoch trains at half the image size, but scores are measured at the full size. Lower "
            "half_size_epochs, or halve image_size instead."
        )
    if config.patience >= config.epochs:
        yield (
            f"patience {config.patience} is not less than the {_counted(config.epochs, 'epoch')} of the run: it never "
            "ends early. Lower patience, or set it to 0."
        )


def _early(config: ExperimentConfig) -> Iterator[str]:
    if config.schedule != "constant" and 0 < config.patience < config.epochs:
        yield (
            f"The {config.schedule} schedule is planned for all {config.epochs} epochs: an early stop after "
            f"{config.patience} without a better score can come before the low learning rates that help most."
        )


def _labels(config: ExperimentConfig) -> Iterator[str]:
    if config.teacher and config.teacher_weight == 1:
        yield "The labels have no effect: the teacher decides the whole loss. Lower teacher_weight to use them too."


def _slow(config: ExperimentConfig, environment: Environment) -> Iterator[str]:
    if config.precision != "float32" and not environment.native_bfloat16:
        yield (
            f"This device has no instructions for bfloat16: {config.precision} is computed in float32 and rounded, "
            "which is no faster. precision=float32 is exact and at least as fast."
        )


def _size(config: ExperimentConfig) -> str:
    return f"{config.image_size[0]}x{config.image_size[1]} pixels"


def _gigabytes(count: int) -> str:
    return f"{count / _GIGABYTE:.1f} GB"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
