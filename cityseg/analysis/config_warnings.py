"""What in a recipe cannot work, works against itself or is ignored: sentences to read before a launch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cityseg.config import ExperimentConfig

_FEW_STEPS = 20
_GIGABYTE = 2**30


@dataclass(frozen=True)
class Surroundings:
    """What a recipe meets on this machine and this data.

    Attributes:
        train_frames: frames in the training split.
        native_bfloat16: whether the device has instructions for bfloat16.
        memory_bytes: what the training is estimated to need.
        free_bytes: what the device has free, or None where that is not known.
    """

    train_frames: int
    native_bfloat16: bool
    memory_bytes: int
    free_bytes: int | None


def recipe_warnings(config: ExperimentConfig, around: Surroundings) -> tuple[str, ...]:
    """Return one sentence for each thing to mend or to know, what makes a run fail first.

    What no run could begin with is refused by ``ExperimentConfig`` itself and is not repeated here.
    """
    return (*_failures(config, around), *_schedule(config, around), *_ignored(config))


def recipe_notes(config: ExperimentConfig, around: Surroundings) -> tuple[str, ...]:
    """Return one sentence for each thing that works, and that one should know."""
    return (*_slow(config, around), *_early(config))


def _failures(config: ExperimentConfig, around: Surroundings) -> Iterator[str]:
    if around.free_bytes is not None and around.memory_bytes > around.free_bytes:
        yield (
            f"The training needs about {_gigabytes(around.memory_bytes)} of memory, and "
            f"{_gigabytes(around.free_bytes)} are free: it will probably be killed. Lower batch_size or image_size, or "
            "end what else is running."
        )
    last = around.train_frames % config.batch_size or config.batch_size
    if last == 1 and _narrows_to_one_pixel(config):
        yield (
            f"The network narrows a frame of {_size(config)} down to one pixel, and a batch of one frame cannot be "
            f"normalised there: the run will fail. Change batch_size (now {config.batch_size}, for "
            f"{_counted(around.train_frames, 'frame')}), lower depth or enlarge image_size."
        )


def _schedule(config: ExperimentConfig, around: Surroundings) -> Iterator[str]:
    steps = -(-around.train_frames // config.batch_size) * config.epochs
    if config.batch_size > around.train_frames:
        yield (
            f"batch_size {config.batch_size} is larger than the training split of "
            f"{_counted(around.train_frames, 'frame')}: every epoch is one step on all of it. Lower batch_size."
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


def _ignored(config: ExperimentConfig) -> Iterator[str]:
    plain = ExperimentConfig()
    for name in ("cutmix", "copy_paste"):
        if getattr(config, name) and config.batch_size == 1:
            yield f"{name} has no other frame to paste from in batches of one. Raise batch_size, or set {name} to 0."
    if config.optimizer != "sgd" and config.momentum != plain.momentum:
        yield f"momentum is ignored: it belongs to sgd, and the optimiser is {config.optimizer}."
    if config.schedule != "one-cycle" and config.warmup_share != plain.warmup_share:
        yield (
            f"warmup_share is ignored: it belongs to one-cycle, and the schedule is {config.schedule}. Its warm-up is "
            "set with warmup_steps."
        )
    if not config.cross_entropy_weight:
        unused = {
            "label_smoothing": config.label_smoothing,
            "focal_gamma": config.focal_gamma,
            "class_weights": config.class_weights != "none" and not (config.teacher and config.teacher_weight),
        }
        for name in (name for name, used in unused.items() if used):
            yield f"{name} is ignored: it belongs to cross-entropy, whose weight is 0."
    if not config.teacher and config.teacher_weight != plain.teacher_weight:
        yield "teacher_weight is ignored: no teacher is named."
    if config.teacher and config.teacher_weight == 1:
        yield (
            "The labels play no part: the teacher decides the whole loss. Lower teacher_weight to learn from them too."
        )
        if config.label_doubt:
            yield "label_doubt is ignored: it belongs to the labels, and teacher_weight 1 leaves them out."


def _slow(config: ExperimentConfig, around: Surroundings) -> Iterator[str]:
    if config.precision != "float32" and not around.native_bfloat16:
        yield (
            f"This device has no instructions for bfloat16: {config.precision} is computed in float32 and rounded, "
            "which is no faster. precision=float32 is exact and at least as fast."
        )


def _narrows_to_one_pixel(config: ExperimentConfig) -> bool:
    """Whether the lowest level of the network is a single pixel; LR-ASPP's is four at least."""
    if config.architecture == "lraspp":
        return False
    sides = [side // 2 if config.half_size_epochs else side for side in config.image_size]
    if config.architecture == "smp-unet":
        return max(sides) <= 32
    return max(sides) // (config.stem * 2 ** (config.depth + 1)) <= 1


def _size(config: ExperimentConfig) -> str:
    return f"{config.image_size[0]}x{config.image_size[1]} pixels"


def _gigabytes(count: int) -> str:
    return f"{count / _GIGABYTE:.1f} GB"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
