"""The config of a training run: one frozen model, validated at construction, before any file or device is touched."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from cityseg.config import rules
from cityseg.config.settings import EVERYTHING, NOTHING, Effect, Setting, settings_of

Precision = Literal["bfloat16", "float32", "pure-bfloat16"]
Tracking = Literal["none", "offline", "online"]

# Effects of settings of the training step, of how the same step is executed, and of the frames that enter it.
_TRAINING: frozenset[Effect] = EVERYTHING - {"throughput"}
_EXECUTION: frozenset[Effect] = EVERYTHING - {"cost"}
_FRAMES: frozenset[Effect] = frozenset({"estimate", "lr-find"})

_augmentation = partial(Setting, group="Augmentation", affects=_FRAMES)
_loss = partial(Setting, group="Loss", affects=_TRAINING)
_variant = partial(Setting, group="Model", affects=EVERYTHING, applies_when=(rules.UNET_VARIANT,))
_Weight = Annotated[float, Field(ge=0, le=10)]
_Fraction = Annotated[float, Field(ge=0, le=1)]
_BelowOne = Annotated[float, Field(ge=0, lt=1)]
_Count = Annotated[int, Field(ge=0, le=10**9)]


def _expect_printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected text without line breaks, control characters or halves of a pair of surrogates")
    return text


_Text = Annotated[str, AfterValidator(_expect_printable)]


class ExperimentConfig(BaseModel):
    """The config of a training run. Unknown keys, wrong types and contradictions are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    preset: Annotated[_Text, Setting("Preset", "Run", NOTHING, kind="name")] = "custom"
    """Name of the preset that the config started from."""

    architecture: Annotated[Literal["unet", "smp-unet", "lraspp"], Setting("Architecture", "Model", EVERYTHING)] = (
        "unet"
    )
    """Network: our `unet`, or a baseline: `smp-unet` (segmentation-models-pytorch's U-Net on a ResNet-18 encoder) or
    `lraspp` (torchvision's LR-ASPP on a MobileNetV3 backbone)."""
    start_channels: Annotated[
        int,
        Field(ge=1, le=256, examples=[8, 16]),
        Setting("Base channels", "Model", EVERYTHING, applies_when=(rules.UNET,)),
    ] = 16
    """Channels of the U-Net's first level; each deeper level doubles them, up to `max_channels`."""
    max_channels: Annotated[int, Field(ge=0, le=4096), _variant("Maximum channels", advanced=True)] = 0
    """Upper bound on the channels of every U-Net level; 0 sets none."""
    depth: Annotated[int, Field(ge=0, le=7), Setting("Depth", "Model", EVERYTHING, applies_when=(rules.UNET,))] = 3
    """Index of the U-Net's last encoder level; the input is downsampled depth + 1 times, by 2 each."""
    block: Annotated[Literal["double", "residual", "depthwise", "separable"], _variant("Block")] = "double"
    """Block of each U-Net level: two 3x3 convolutions (`double`), the same with a residual connection (`residual`), two
    depthwise separable convolutions (`depthwise`), or these with a residual connection (`separable`)."""
    upsampling: Annotated[Literal["transposed", "bilinear"], _variant("Upsampling", advanced=True)] = "transposed"
    """Upsampling in the U-Net's decoder: 2x2 transposed convolutions, or bilinear interpolation with a quarter of the
    weights."""
    stem: Annotated[Literal[1, 2, 4], _variant("Stem stride", advanced=True)] = 1
    """Stride of a convolution in front of the U-Net's first level: 2 needs a quarter of the MACs and 4 a sixteenth, at
    the price of coarser contours; 1 leaves it out."""
    attention: Annotated[bool, _variant("Attention gates", advanced=True)] = False
    """Attention gates on the U-Net's skip connections, which weight encoder features pixel by pixel."""
    initial: Annotated[_Text, Setting("Initial weights", "Model", frozenset({"lr-find"}), kind="model")] = ""
    """Pretrained model to start from: a shipped model, a run or a checkpoint folder. Empty initialises at random."""

    image_size: Annotated[
        tuple[Annotated[int, Field(ge=8, le=2048)], Annotated[int, Field(ge=8, le=4096)]],
        Field(examples=["64x128", "128x256"]),
        Setting("Frame size", "Data", EVERYTHING),
    ] = (64, 128)
    """Height and width of the network's input, in pixels."""
    normalization: Annotated[Literal["none", "imagenet"], Setting("Normalisation", "Data", _TRAINING - {"cost"})] = (
        "imagenet"
    )
    """`none` leaves RGB in [0, 1]; `imagenet` subtracts ImageNet's mean and divides by its standard deviation, per
    channel."""

    epochs: Annotated[int, Field(ge=1, le=10_000), Setting("Epochs", "Optimiser", NOTHING)] = 10
    """Passes over the training split."""
    batch_size: Annotated[int, Field(ge=1, le=4096), Setting("Batch size", "Optimiser", _TRAINING - {"overfit"})] = 16
    """Frames per optimiser step."""
    optimizer: Annotated[Literal["adam", "adamw", "sgd", "muon"], Setting("Optimiser", "Optimiser", _TRAINING)] = (
        "adamw"
    )
    """`adam` and `sgd` add weight decay to the gradient (L2 regularisation); `adamw` and `muon` decouple it. `muon`
    orthogonalises the momentum of each weight matrix, and is AdamW for all other weights."""
    learning_rate: Annotated[
        float,
        Field(gt=0, le=10, examples=[0.001, 0.003, 0.01]),
        Setting("Learning rate", "Optimiser", frozenset({"overfit"}), step=0.001),
    ] = 4e-3
    """Peak learning rate of the schedule."""
    schedule: Annotated[
        Literal["constant", "cosine", "one-cycle", "poly"], Setting("Schedule", "Optimiser", NOTHING, off="constant")
    ] = "one-cycle"
    """Learning rate over the steps of the run: `constant`, `cosine` decay to 0, `one-cycle` (warm-up and cosine decay),
    or `poly` decay, (1 - step / steps) to the power 0.9."""
    warmup_share: Annotated[
        float,
        Field(gt=0, lt=1),
        Setting("Warm-up fraction", "Optimiser", NOTHING, advanced=True, applies_when=(rules.ONE_CYCLE,)),
    ] = 0.3
    """Fraction of all steps in which one-cycle warms up to the peak learning rate."""
    warmup_steps: Annotated[
        _Count, Setting("Warm-up steps", "Optimiser", NOTHING, advanced=True, applies_when=(rules.NOT_ONE_CYCLE,))
    ] = 0
    """Optimiser steps of linear warm-up from 0, for all schedules but one-cycle."""
    weight_decay: Annotated[
        _Fraction, Setting("Weight decay", "Optimiser", frozenset({"overfit", "lr-find"}), step=0.001)
    ] = 1e-2
    """Weight decay coefficient; a decoupled step shrinks weights by learning rate times this."""
    momentum: Annotated[
        _BelowOne, Setting("Momentum", "Optimiser", _TRAINING - {"estimate"}, advanced=True, applies_when=(rules.SGD,))
    ] = 0.9
    """Nesterov momentum of `sgd`; 0 is plain gradient descent."""
    clip_norm: Annotated[
        float, Field(ge=0, le=1e6), Setting("Gradient clipping", "Optimiser", _TRAINING - {"cost"}, advanced=True)
    ] = 0.0
    """Maximum global L2 norm of the gradients; 0 does not clip."""
    ema_decay: Annotated[
        _BelowOne, Setting("EMA decay", "Optimiser", _TRAINING - {"lr-find"}, advanced=True, step=0.001)
    ] = 0.0
    """Decay per step of an exponential moving average (EMA) of the weights, which is evaluated and saved instead; 0
    keeps none."""

    class_weights: Annotated[
        Literal["none", "log", "median", "inverse-root"],
        _loss("Class weights", off="none", applies_when=(rules.WEIGHTED_CROSS_ENTROPY,)),
    ] = "log"
    """Class weights of the cross-entropy from a class's pixel share in the training split: `log` 1 / ln(1.1 + share),
    `median` median share / share, `inverse-root` 1 / sqrt(share), scaled to a mean of 1, or `none`."""
    cross_entropy_weight: Annotated[_Weight, _loss("Cross-entropy weight")] = 1.0
    """Weight of the cross-entropy loss; 0 leaves it out."""
    dice_weight: Annotated[_Weight, _loss("Dice weight")] = 1.0
    """Weight of the soft Dice loss; 0 leaves it out."""
    lovasz_weight: Annotated[_Weight, _loss("Lovász weight", advanced=True)] = 0.0
    """Weight of the Lovász-softmax loss, a surrogate for 1 - mean IoU; 0 leaves it out."""
    label_smoothing: Annotated[
        _BelowOne, _loss("Label smoothing", advanced=True, applies_when=(rules.CROSS_ENTROPY,))
    ] = 0.0
    """Probability mass that the cross-entropy's targets spread evenly over all classes."""
    focal_gamma: Annotated[_Weight, _loss("Focal gamma", advanced=True, applies_when=(rules.CROSS_ENTROPY,))] = 0.0
    """Focal loss: cross-entropy times (1 - probability of the true class) to this power; 0 is plain cross-entropy."""
    deep_supervision: Annotated[
        _Weight,
        Setting("Deep-supervision weight", "Loss", EVERYTHING, advanced=True, applies_when=(rules.UNET_VARIANT,)),
    ] = 0.0
    """Weight of the mean loss of auxiliary heads on up to three coarser levels of the U-Net's decoder, used in training
    only; 0 leaves them out. The val loss excludes it."""
    teacher: Annotated[_Text, Setting("Teacher", "Loss", EVERYTHING - {"overfit"}, advanced=True, kind="model")] = ""
    """Model to distil from beside the labels: a shipped model, a run or a checkpoint folder. Empty uses the labels
    alone."""
    teacher_weight: Annotated[
        _Fraction,
        Setting("Distillation weight", "Loss", _TRAINING - {"overfit"}, advanced=True, applies_when=(rules.TEACHER,)),
    ] = 0.5
    """Fraction of the loss that comes from the teacher's probabilities; 1 ignores the labels, 0 uses the teacher for
    `label_doubt` alone."""
    label_doubt: Annotated[
        _BelowOne,
        Setting(
            "Label-confidence threshold",
            "Loss",
            _FRAMES,
            advanced=True,
            applies_when=(rules.TEACHER_REQUIRED, rules.LABELS),
        ),
    ] = 0.0
    """Labels to which the teacher gives a lower probability than this are treated as void; 0 keeps all."""

    flip: Annotated[bool, _augmentation("Random horizontal flip", off=False)] = True
    """Flip each training frame horizontally with probability 0.5."""
    scale_min: Annotated[float, Field(ge=0.05, le=1), _augmentation("Minimum scale")] = 1.0
    """Lower bound of the random scale; a frame scaled below 1 is padded with void."""
    scale_max: Annotated[float, Field(ge=1, le=8), _augmentation("Maximum scale")] = 1.0
    """Upper bound of the random scale; a frame scaled above 1 is cropped at random."""
    brightness: Annotated[_BelowOne, _augmentation("Brightness jitter")] = 0.0
    """Maximum relative change of a frame's brightness, up or down."""
    contrast: Annotated[_BelowOne, _augmentation("Contrast jitter")] = 0.0
    """Maximum relative change of a frame's contrast about its mean luma, up or down."""
    saturation: Annotated[_Fraction, _augmentation("Saturation jitter")] = 0.0
    """Maximum relative change of a frame's colour saturation, up or down."""
    hue: Annotated[float, Field(ge=0, le=0.5), _augmentation("Hue jitter", advanced=True, step=0.01)] = 0.0
    """Maximum hue rotation of a frame in either direction, as a fraction of a full turn."""
    tint: Annotated[_BelowOne, _augmentation("White-balance jitter", advanced=True)] = 0.0
    """Maximum relative change of the red, green and blue gains, drawn independently."""
    blur: Annotated[float, Field(ge=0, le=8), _augmentation("Gaussian blur", advanced=True)] = 0.0
    """Maximum standard deviation of the Gaussian blur of a frame, in pixels."""
    noise: Annotated[float, Field(ge=0, le=0.5), _augmentation("Gaussian noise", advanced=True, step=0.01)] = 0.0
    """Maximum standard deviation of the additive Gaussian noise, as a fraction of the value range."""
    night: Annotated[_Fraction, _augmentation("Synthetic night", advanced=True)] = 0.0
    """Probability that a frame is rendered as a night scene: black sky, headlights, street lamps."""
    cutmix: Annotated[_Fraction, _augmentation("CutMix", advanced=True, applies_when=(rules.SEVERAL_FRAMES,))] = 0.0
    """Probability that a rectangle of another frame of the batch is pasted into a frame, labels included."""
    copy_paste: Annotated[
        _Fraction, _augmentation("Copy-paste", advanced=True, applies_when=(rules.SEVERAL_FRAMES,))
    ] = 0.0
    """Probability that the rare objects of another frame of the batch (riders, bicycles, all vehicles but cars) are
    pasted into a frame at their own position, labels included."""
    rare_frames: Annotated[
        _Fraction, Setting("Repeat-factor threshold", "Augmentation", frozenset({"lr-find"}), advanced=True)
    ] = 0.0
    """Repeat-factor sampling: frames with a class that occurs in less than this fraction of the frames are drawn more
    often, by sqrt(threshold / fraction). 0 samples uniformly."""
    half_size_epochs: Annotated[
        _Count, _augmentation("Half-resolution epochs", affects=_FRAMES | {"throughput"}, advanced=True)
    ] = 0
    """Number of first epochs that train at half the height and width, for a quarter of the MACs."""

    precision: Annotated[Precision, Setting("Precision", "Run", EVERYTHING)] = "bfloat16"
    """Training precision: `bfloat16` is mixed precision with float32 weights; `pure-bfloat16` also keeps weights and
    optimiser state in bfloat16."""
    seed: Annotated[
        int, Field(ge=0, lt=2**31), Setting("Seed", "Run", frozenset({"overfit", "lr-find"}), kind="seed")
    ] = 0
    """Seed of the initial weights, the order of frames and all augmentation."""
    group: Annotated[_Text, Setting("Group", "Run", NOTHING, kind="name")] = ""
    """Free-text name that ties runs together, for example one config with several seeds."""
    patience: Annotated[_Count, Setting("Early-stopping patience", "Run", NOTHING, advanced=True)] = 0
    """Epochs without a better macro F1 on val after which the run stops; 0 never stops early."""
    channels_last: Annotated[bool, Setting("Channels-last memory format", "Run", _EXECUTION, advanced=True)] = False
    """Store tensors as NHWC in memory: the same result, faster on some devices."""
    compile: Annotated[bool, Setting("torch.compile", "Run", _EXECUTION, advanced=True)] = False
    """Compile the network with torch.compile, which takes about a minute and on the CPU needs a C++ compiler."""
    tracking: Annotated[Tracking, Setting("Tracking", "Run", NOTHING, advanced=True)] = "none"
    """Also log the run with wandb: not at all, to local files, or to the service."""

    @field_validator("stem", mode="before")
    @classmethod
    def _read_switch(cls, stem: Any) -> Any:
        # Older configs say whether there is a stem, which had a stride of 2.
        return 1 + stem if isinstance(stem, bool) else stem

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> ExperimentConfig:
        if (problem := next(rules.contradictions(self, SETTINGS), None)) is not None:
            raise ValueError(problem)
        return self


SETTINGS: Mapping[str, Setting] = settings_of(ExperimentConfig)
"""Metadata of every field, in the order in which forms and tables show them."""
MODEL_REFERENCES = tuple(name for name, setting in SETTINGS.items() if setting.kind == "model")
"""Settings that name another model, by id or by folder."""
PLAIN_UNET: Mapping[str, Any] = {
    name: setting.off
    for name, setting in SETTINGS.items()
    if setting.group == "Model" and rules.UNET_VARIANT in setting.applies_when
}
"""Arguments of our U-Net that turn it into a variant, with the values of the plain network."""


def affecting(effect: Effect) -> set[str]:
    """Return the names of the settings whose change can change something."""
    return {name for name, setting in SETTINGS.items() if effect in setting.affects}


def differences(config: ExperimentConfig, other: ExperimentConfig) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ as ``{field: (config's value, other's value)}``."""
    mine, theirs = config.model_dump(), other.model_dump()
    return {key: (mine[key], theirs[key]) for key in mine if mine[key] != theirs[key]}
