"""What a run is: one frozen, fully checked description.

Everything is validated at construction, before any file or device is touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from cityseg.errors import UsageError

PLAIN_UNET: dict[str, Any] = {
    "block": "double",
    "stem": 1,
    "attention": False,
    "max_channels": 0,
    "upsampling": "transposed",
}
"""Settings that belong to our U-Net alone, as the first study's network has them."""
Precision = Literal["bfloat16", "float32", "pure-bfloat16"]
Tracking = Literal["none", "offline", "online"]


class ExperimentConfig(BaseModel):
    """A training run. Unknown keys, wrong types and contradictions are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    preset: str = "custom"
    """Name of the preset this description started from."""
    group: str = ""
    """Free word that ties runs together, for example the same recipe with several seeds."""

    architecture: Literal["unet", "smp-unet", "lraspp"] = "unet"
    """Network: our `unet`, or a baseline: `smp-unet` (segmentation-models-pytorch's on a ResNet-18) or `lraspp`
    (torchvision's on a MobileNetV3)."""
    start_channels: Annotated[int, Field(ge=1, le=256)] = 16
    """Channels of the first U-Net level; each level below doubles them, up to `max_channels`."""
    depth: Annotated[int, Field(ge=0, le=7)] = 3
    """Index of the last U-Net level; the input is halved depth + 1 times."""
    max_channels: Annotated[int, Field(ge=0, le=4096)] = 0
    """No U-Net level has more channels; 0 sets no bound."""
    upsampling: Literal["transposed", "bilinear"] = "transposed"
    """How the U-Net's way up doubles the size: with learned 2x2 kernels, or smoothly with a quarter of the weights."""
    block: Literal["double", "residual", "depthwise", "separable"] = "double"
    """What a U-Net level does: two convolutions, two with a shortcut around them (`residual`), two split by channel
    (`depthwise`), or both (`separable`)."""
    stem: Literal[1, 2, 4] = 1
    """How many times smaller than the frame the first U-Net level is: 2 takes a quarter of the work and 4 a sixteenth,
    with coarser edges."""
    attention: bool = False
    """Let the U-Net weigh what it carries over from its way down, pixel by pixel (attention gates)."""
    initial: str = ""
    """Model whose weights the run starts from: a shipped model, a run or a folder. Empty starts from random weights."""

    image_size: tuple[Annotated[int, Field(ge=8, le=2048)], Annotated[int, Field(ge=8, le=4096)]] = (64, 128)
    """Height and width, in pixels, of the frames the network sees."""
    normalization: Literal["none", "imagenet"] = "imagenet"
    """`none` leaves photos in [0, 1]; `imagenet` applies ImageNet's mean and deviation, per channel."""
    flip: bool = True
    """Mirror every training frame left to right with probability one half."""
    scale_min: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Least zoom factor of a training frame; below 1 it may become smaller, with void around it."""
    scale_max: Annotated[float, Field(ge=1, le=8)] = 1.0
    """Largest zoom factor of a training frame; above 1 the network may see a random part of it, enlarged."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of a training photo's brightness, up or down."""
    contrast: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of a training photo's contrast about its mean grey, up or down."""
    saturation: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Largest relative change of a training photo's colour saturation, up or down."""
    hue: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest turn of a training photo's colours around the colour circle, in turns, either way."""
    tint: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of each colour of a training photo, red, green and blue apart, as another white balance
    would make it."""
    blur: Annotated[float, Field(ge=0, le=8)] = 0.0
    """Largest standard deviation, in pixels, of the Gaussian that blurs a training photo."""
    noise: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest standard deviation of the noise added to a training photo, as a share of white."""
    night: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that a training photo is turned into night: black sky, headlights, lamps."""
    cutmix: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that a rectangle of another frame of the batch, labels included, is pasted into a frame."""
    copy_paste: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that the rare things of another frame of the batch (riders, bicycles, all vehicles but cars), labels
    included, are pasted into a frame, where they stand."""
    rare_frames: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the frames; frames with a class that fewer of them show are drawn more often, the others less: by the
    root of how much rarer it is (repeat factor sampling). 0 draws all alike."""
    half_size_epochs: Annotated[int, Field(ge=0)] = 0
    """How many of the first epochs train on frames of half the height and width, a quarter of the work."""

    epochs: Annotated[int, Field(ge=1, le=10_000)] = 10
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=1, le=4096)] = 16
    """Frames in one optimiser step."""
    optimizer: Literal["adam", "adamw", "sgd", "muon"] = "adamw"
    """`adam` and `sgd` add weight decay to the gradient, `adamw` applies it to the weights; `muon` does so too, and
    steps equally far in all directions of a weight matrix."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Momentum of `sgd` (Nesterov's), per step; the other optimisers have their own."""
    learning_rate: Annotated[float, Field(gt=0, le=10)] = 4e-3
    """Learning rate of the constant schedule, the peak of the one-cycle schedule; per step, no unit."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 1e-2
    """Weight decay per step, as a share of the weight times the learning rate."""
    schedule: Literal["constant", "cosine", "one-cycle", "poly"] = "one-cycle"
    """How the learning rate moves over the run's steps: not at all, down along half a cosine, up and down, or down as
    (1 - share of steps done) to the power 0.9."""
    warmup_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of all steps that one-cycle takes to climb to its peak."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Optimiser steps over which the other schedules climb from zero, in a straight line."""
    clip_norm: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    """Largest norm of all gradients together; longer ones are shortened to it. 0 leaves them alone."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the averaged weights that a step keeps; the average is what is scored and kept. 0 keeps no average."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Epochs without a better macro F1 on val after which the run ends early; 0 never does."""

    class_weights: Literal["none", "log", "median", "inverse-root"] = "log"
    """Weight of each class in cross-entropy, by its pixel share in the training split: `log` 1 / ln(1.1 + share),
    `median` median share / share, `inverse-root` 1 / root of the share, scaled to a mean of 1; `none` treats pixels
    alike."""
    cross_entropy_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Weight of the cross-entropy loss; 0 leaves it out."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of a pixel's truth that cross-entropy spreads evenly over all classes."""
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Focal loss: cross-entropy times (1 - probability of the truth) to this power; 0 is plain cross-entropy."""
    dice_weight: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Weight of the soft Dice loss; 0 leaves it out."""
    lovasz_weight: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Weight of the Lovasz-softmax loss, which stands for 1 - IoU; 0 leaves it out."""
    deep_supervision: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Weight of the mean of the same loss on up to three coarser levels of the U-Net's way up, which get last layers of
    their own while it trains (deep supervision); 0 leaves it out. The loss on val is without it."""

    teacher: str = ""
    """Model whose probabilities the run learns from beside the labels (distillation): a shipped model, a run or a
    folder. Empty learns from the labels alone."""
    teacher_weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Share of the loss that the teacher decides; 1 leaves the labels out, 0 asks it for `label_doubt` alone."""
    label_doubt: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """A label counts as void where the teacher gives its class a probability below this; 0 trusts all labels."""

    precision: Precision = "bfloat16"
    """`bfloat16` computes in it with float32 weights; `pure-bfloat16` keeps weights and optimiser in bfloat16 too."""
    channels_last: bool = False
    """Keep the channels of a pixel side by side in memory; the same results, faster on some devices."""
    compile: bool = False
    """Let torch.compile turn the network into fused code first; takes a minute, and needs a C++ compiler on the CPU."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Decides the initial weights, the order of frames and every random draw."""
    tracking: Tracking = "none"
    """Whether the run is also logged with wandb: not at all, into local files, or to the service."""

    @field_validator("stem", mode="before")
    @classmethod
    def _read_switch(cls, stem: Any) -> Any:
        # Older descriptions say whether there is a stem, which halved the frame.
        return 1 + stem if isinstance(stem, bool) else stem

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> ExperimentConfig:
        unet = self.architecture == "unet"
        if not unet and any(getattr(self, name) != plain for name, plain in PLAIN_UNET.items()):
            raise ValueError(
                f"{', '.join(PLAIN_UNET)} belong to architecture unet, found {self.architecture}; leave them out"
            )
        smallest = self.stem * 2 ** (self.depth + 1) if unet else 32
        if min(self.image_size) < smallest:
            raise ValueError(
                f"image_size {self.image_size[0]}x{self.image_size[1]} is too small for "
                f"{f'depth {self.depth}' if unet else self.architecture}: expected at least {smallest} pixels on each "
                f"side; use a larger image_size{' or a smaller depth' if unet else ''}"
            )
        if self.half_size_epochs and min(self.image_size) // 2 < smallest:
            raise ValueError(
                f"half_size_epochs needs an image_size of at least {2 * smallest} pixels on each side "
                f"{f'at depth {self.depth}' if unet else f'for {self.architecture}'}"
            )
        if self.focal_gamma and self.label_smoothing:
            raise ValueError(
                "focal_gamma and label_smoothing contradict each other: one trusts sure pixels more, the other less; "
                "set one of them to 0"
            )
        if not self.cross_entropy_weight and not self.dice_weight and not self.lovasz_weight:
            raise ValueError(
                "expected a loss, found cross_entropy_weight, dice_weight and lovasz_weight all 0; raise one of them"
            )
        if self.deep_supervision and not unet:
            raise ValueError(
                f"deep_supervision belongs to architecture unet, found {self.architecture}; set deep_supervision to 0"
            )
        if self.label_doubt and not self.teacher:
            raise ValueError("label_doubt needs a teacher that doubts the labels, found none; name a teacher")
        if self.teacher and not self.teacher_weight and not self.label_doubt:
            raise ValueError(
                "expected a teacher that decides something, found teacher_weight and label_doubt both 0; "
                "raise one of them or leave the teacher out"
            )
        if self.warmup_steps and self.schedule == "one-cycle":
            raise ValueError("warmup_steps belongs to the other schedules; one-cycle climbs over its warmup_share")
        if self.ema_decay and self.precision == "pure-bfloat16":
            raise ValueError(
                "ema_decay needs weights finer than bfloat16, which would swallow each small change; "
                "use precision=bfloat16 or float32"
            )
        if self.half_size_epochs > self.epochs:
            raise ValueError(
                f"half_size_epochs is {self.half_size_epochs}, more than the {self.epochs} epochs of the run"
            )
        return self


def build(values: Mapping[str, Any]) -> ExperimentConfig:
    """Check values and make a description of them.

    Raises:
        UsageError: an unknown key, a wrong type, a value out of range or a contradiction, in one sentence.
    """
    try:
        return ExperimentConfig.model_validate(dict(values))
    except ValidationError as error:
        raise UsageError("; ".join(_sentence(problem) for problem in error.errors())) from None


def override(config: ExperimentConfig, settings: Sequence[str]) -> ExperimentConfig:
    """Apply ``KEY=VALUE`` words, the values written as JSON or plain text; sizes also as ``HxW``.

    Raises:
        UsageError: a word without ``=``, or whatever ``build`` refuses.
    """
    values: dict[str, Any] = config.model_dump()
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator:
            raise UsageError(f"expected KEY=VALUE, found {setting!r}; for example learning_rate=0.003")
        values[key.strip()] = _parse(key.strip(), text.strip())
    return build(values)


def load(path: Path) -> ExperimentConfig:
    """Read a description from a JSON file.

    Raises:
        UsageError: the file is missing, is no JSON object, or holds what ``build`` refuses.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: expected a configuration file, found none ({error.strerror})") from None
    except ValueError:
        raise UsageError(f"{path}: expected JSON, found something else; 'cityseg train' writes such a file") from None
    if isinstance(values, dict) and isinstance(values.get("config"), dict):
        values = values["config"]  # a run folder's config.json holds the description beside its surroundings
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected a JSON object of settings, found {type(values).__name__}")
    return build(values)


def differences(config: ExperimentConfig, other: ExperimentConfig) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ as ``{field: (config's value, other's value)}``."""
    mine, theirs = config.model_dump(), other.model_dump()
    return {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}


def parse_size(text: str) -> tuple[int, int]:
    """Read ``HxW`` as (height, width) in pixels.

    Raises:
        UsageError: anything else.
    """
    height, separator, width = text.lower().partition("x")
    if not (separator and height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise UsageError(f"expected a size as HxW (height x width in pixels, for example 128x256), found {text!r}")
    return int(height), int(width)


def _parse(key: str, text: str) -> Any:
    if key == "image_size" and not text.startswith("["):
        return parse_size(text)
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False}.get(text, text)


def _sentence(problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"unknown setting {key!r}: expected one of {', '.join(ExperimentConfig.model_fields)}"
    message = problem["msg"].removeprefix("Value error, ")
    if not key:
        return message
    return f"{key}: {message[0].lower()}{message[1:]}, found {problem['input']!r}"
