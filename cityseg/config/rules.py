"""Rules between settings: when a setting has an effect, and which combinations are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cityseg.config.settings import Condition, Setting

if TYPE_CHECKING:
    from cityseg.config.experiment import ExperimentConfig

_NARROW = 32
"""Widths of the input at which oneDNN 3.x reads past its memory on processors with AMX: its convolutions of stride 2 in
bfloat16 from two columns to one, of 128 channels and more, which only ``smp-unet`` has."""
UNET = Condition(lambda config: config.architecture == "unet")
UNET_VARIANT = Condition(UNET.holds, refused="expected architecture unet, found {architecture}; use the default")
SGD = Condition(
    lambda config: config.optimizer == "sgd", ignored="it belongs to sgd, and the optimiser is {optimizer}."
)
ONE_CYCLE = Condition(
    lambda config: config.schedule == "one-cycle",
    ignored="it belongs to one-cycle, and the schedule is {schedule}, whose warm-up is set with warmup_steps.",
)
NOT_ONE_CYCLE = Condition(
    lambda config: config.schedule != "one-cycle",
    refused="expected a schedule other than one-cycle, which warms up over warmup_share; set warmup_steps to 0",
)
CROSS_ENTROPY = Condition(
    lambda config: config.cross_entropy_weight, ignored="it belongs to cross-entropy, whose weight is 0."
)
WEIGHTED_CROSS_ENTROPY = Condition(
    lambda config: config.cross_entropy_weight or (config.teacher and config.teacher_weight),
    ignored=CROSS_ENTROPY.ignored,
)
TEACHER = Condition(lambda config: config.teacher, ignored="no teacher is named.")
TEACHER_REQUIRED = Condition(TEACHER.holds, refused="expected a teacher to rate the labels, found none; name a teacher")
LABELS = Condition(
    lambda config: config.teacher_weight < 1, ignored="it belongs to the labels, and teacher_weight 1 leaves them out."
)
SEVERAL_FRAMES = Condition(
    lambda config: config.batch_size > 1, ignored="it pastes from another frame of the batch, and batch_size is 1."
)


def has_single_pixel_batch(config: ExperimentConfig, frames: int) -> bool:
    """Whether a batch of an epoch over so many frames has one value per channel on the network's lowest level.

    Batch normalisation has no statistics of a single value: a batch of one frame that is narrowed to one pixel.
    """
    if (frames % config.batch_size or config.batch_size) > 1 or config.architecture == "lraspp":
        return False  # LR-ASPP's lowest level has four pixels at least
    height, width = (side // 2 if config.half_size_epochs else side for side in config.image_size)
    smallest = 32 if config.architecture == "smp-unet" else config.stem * 2 ** (config.depth + 1)
    # The baseline pads to a multiple, our U-Net crops.
    largest = smallest if config.architecture == "smp-unet" else 2 * smallest - 1
    return max(height, width) <= largest


def ignored(config: ExperimentConfig, settings: Mapping[str, Setting]) -> Iterator[str]:
    """Yield a sentence for every setting that is set and has no effect."""
    for name, setting in settings.items():
        for condition in setting.applies_when:
            if condition.ignored and getattr(config, name) != setting.off and not condition.holds(config):
                yield f"{name} is ignored: {condition.ignored.format_map(vars(config))}"


def contradictions(config: ExperimentConfig, settings: Mapping[str, Setting]) -> Iterator[str]:
    """Yield a sentence for every reason why no run could begin with a config whose fields are right by themselves."""
    misplaced: dict[str, list[str]] = {}
    for name, setting in settings.items():
        for condition in setting.applies_when:
            if condition.refused and getattr(config, name) != setting.off and not condition.holds(config):
                misplaced.setdefault(condition.refused.format_map(vars(config)), []).append(name)
    for sentence, names in misplaced.items():
        yield f"{', '.join(names)}: {sentence}"
    unet, (height, width) = config.architecture == "unet", config.image_size
    smallest = config.stem * 2 ** (config.depth + 1) if unet else 32
    if min(height, width) < smallest:
        yield (
            f"image_size {height}x{width} is too small for {f'depth {config.depth}' if unet else config.architecture}: "
            f"expected at least {smallest} pixels on each side; use a larger image_size"
            f"{' or a smaller depth' if unet else ''}"
        )
    narrowest = width // 2 if config.half_size_epochs else width
    if config.architecture == "smp-unet" and config.precision != "float32" and smallest <= narrowest <= _NARROW:
        yield (
            f"image_size {height}x{width} is too narrow for smp-unet in {config.precision}: expected more than "
            f"{_NARROW} pixels of width, also in half-size epochs, or precision float32; with fewer, processors with "
            "AMX compute wrong values"
        )
    if config.half_size_epochs and min(height, width) // 2 < smallest:
        yield (
            f"half_size_epochs needs an image_size of at least {2 * smallest} pixels on each side "
            f"{f'at depth {config.depth}' if unet else f'for {config.architecture}'}"
        )
    if config.focal_gamma and config.label_smoothing:
        yield (
            "focal_gamma and label_smoothing contradict each other: one raises confidence, the other lowers it; set "
            "one of them to 0"
        )
    if not (config.cross_entropy_weight or config.dice_weight or config.lovasz_weight):
        yield "expected a loss, found cross_entropy_weight, dice_weight and lovasz_weight all 0; raise one of them"
    if config.teacher and not (config.teacher_weight or config.label_doubt):
        yield (
            "expected a teacher with an effect, found teacher_weight and label_doubt both 0; raise one of them or "
            "leave the teacher out"
        )
    if config.ema_decay and config.precision == "pure-bfloat16":
        yield (
            "ema_decay needs weights finer than bfloat16, which would round small updates away; use "
            "precision=bfloat16 or float32"
        )
    if config.half_size_epochs > config.epochs:
        yield f"half_size_epochs is {config.half_size_epochs}, more than the {config.epochs} epochs of the run"
