"""Every config that is accepted trains a step on two frames, or is refused before it in one sentence."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import hypothesis
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from cityseg import config as configuration
from cityseg.config import PLAIN_UNET, SETTINGS, ExperimentConfig
from cityseg.config.rules import has_single_pixel_batch
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine.pretrained import NO_PRETRAINED, PretrainedInputs, Teacher
from cityseg.engine.step import TrainingSetup, learning_rate
from cityseg.errors import UsageError
from cityseg.models import build_model

CPU = torch.device("cpu")
SIDES = st.integers(8, 24)
SMALL: dict[str, st.SearchStrategy[Any]] = {
    # A step of a baseline takes as long as twenty of a small U-Net.
    "architecture": st.integers(0, 59).map(lambda number: {0: "smp-unet", 1: "lraspp"}.get(number, "unet")),
    "image_size": st.tuples(SIDES, SIDES) | st.sampled_from([8, 16, 32]).map(lambda side: (side, side)),
    "start_channels": st.integers(1, 3),
    "max_channels": st.integers(0, 12),
    "depth": st.integers(0, 3),
    "batch_size": st.sampled_from([1, 1, 2, 3, 4096]),
    "epochs": st.integers(1, 4),
    "half_size_epochs": st.integers(0, 1),
    "warmup_steps": st.integers(0, 5),
    "patience": st.integers(0, 5),
    "seed": st.integers(0, 2**31 - 1),
    "teacher": st.sampled_from(["", "tiny"]),
    # Names of other models and of the run; a compilation takes a minute.
    **{name: st.just(SETTINGS[name].off) for name in ("preset", "group", "initial", "compile", "tracking")},
}


def values_of(name: str) -> st.SearchStrategy[Any]:
    """Return a strategy for a setting's values, from its type and bounds; every second one is the default."""
    field = ExperimentConfig.model_fields[name]
    if name in SMALL:
        return SMALL[name]
    default = st.just(field.default)
    if field.annotation is bool:
        return st.booleans()
    if get_origin(field.annotation) is Literal:
        return st.sampled_from(get_args(field.annotation))
    assert field.annotation is float, f"{name}: give it a strategy in SMALL"
    bounds = {key: value for part in field.metadata for key, value in _bounds(part).items()}
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    return default | st.floats(low, high, exclude_min="gt" in bounds, exclude_max="lt" in bounds)


def _bounds(part: object) -> dict[str, float]:
    return {key: getattr(part, key) for key in ("ge", "gt", "le", "lt") if hasattr(part, key)}


def consistent(values: dict[str, Any]) -> dict[str, Any]:
    """Take back what the rules between settings would refuse, so that most drawn configs are accepted."""
    if values["architecture"] != "unet":
        values |= {**PLAIN_UNET, "deep_supervision": 0.0, "image_size": tuple(32 + s for s in values["image_size"])}
    if values["schedule"] == "one-cycle":
        values["warmup_steps"] = 0
    if not values["teacher"]:
        values["label_doubt"] = 0.0
    if values["focal_gamma"]:
        values["label_smoothing"] = 0.0
    if values["ema_decay"] and values["precision"] == "pure-bfloat16":
        values["precision"] = "bfloat16"
    side = min(values["image_size"]) // (2 if values["half_size_epochs"] else 1)
    while values["depth"] and values["stem"] * 2 ** (values["depth"] + 1) > side:
        values["depth"] -= 1
    return values


CONFIGS = st.fixed_dictionaries({name: values_of(name) for name in SETTINGS}).map(consistent)
CASES = hypothesis.settings(
    max_examples=300 if hypothesis.settings.default.max_examples <= 200 else 1_000,  # a case takes 0.2 s
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],  # shrinking a config takes minutes
)


def accepted(values: dict[str, Any]) -> ExperimentConfig | None:
    """Return the config of some values, or None if they are refused."""
    try:
        return configuration.build(values)
    except UsageError as error:
        sentence = str(error)
    hypothesis.event("refused")
    assert "\n" not in sentence
    return None


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    torch.manual_seed(0)
    model = build_model("unet", {"start_channels": 2, "depth": 1}).eval()
    return Teacher(model, (16, 24), Normalization.named("imagenet"), 1.5)


@CASES
@given(CONFIGS, st.sampled_from([0.0, 0.1, 0.9, 1.0]))
@example({"image_size": (16, 16), "depth": 3, "start_channels": 4, "batch_size": 1}, 0.0)
@example({"architecture": "smp-unet", "image_size": (32, 32), "batch_size": 1, "precision": "float32"}, 0.0)
@example({"architecture": "smp-unet", "image_size": (32, 32), "batch_size": 2, "precision": "float32"}, 0.0)
@example({"architecture": "smp-unet", "image_size": (32, 33), "batch_size": 1}, 0.0)
@example({"architecture": "smp-unet", "image_size": (33, 32), "batch_size": 1, "precision": "float32"}, 0.0)
@example({"architecture": "lraspp", "image_size": (32, 32), "batch_size": 1}, 0.0)
@example({"image_size": (31, 31), "depth": 3, "start_channels": 2, "batch_size": 1}, 0.0)
@example({"image_size": (31, 32), "depth": 3, "start_channels": 2, "batch_size": 1}, 0.0)
@example({"image_size": (16, 63), "depth": 3, "stem": 1, "start_channels": 2, "batch_size": 1}, 0.0)
@example({"image_size": (63, 63), "depth": 3, "stem": 2, "start_channels": 2, "batch_size": 1}, 0.0)
@example({"image_size": (63, 63), "depth": 3, "half_size_epochs": 1, "start_channels": 2, "batch_size": 1}, 0.0)
def test_an_accepted_config_takes_a_step_or_is_refused_before(cached_split, teacher, values, void):
    config = accepted(values)
    if config is None:
        return
    split = DeviceSplit(cached_split(frames=2, size=config.image_size, void=void), CPU)
    pretrained = PretrainedInputs(teacher=teacher) if config.teacher else NO_PRETRAINED
    if has_single_pixel_batch(config, 2):
        with pytest.raises(UsageError, match="expected at least two values per channel to normalise") as refused:
            TrainingSetup(config, split, pretrained)
        assert "image_size" in str(refused.value)
        hypothesis.event("refused for its batches")
        return
    hypothesis.event("took a step")
    setup = TrainingSetup(config, split, pretrained)
    before = [parameter.detach().clone() for parameter in setup.model.parameters()]
    loss = float(setup.step(0, max(learning_rate(config, 0, 10), 1e-3)))
    assert np.isfinite(loss)
    if void < 1 and not config.label_doubt:
        changed = [not torch.equal(old, new) for old, new in zip(before, setup.model.parameters(), strict=True)]
        assert any(changed)


@given(CONFIGS, st.integers(1, 9))
def test_the_refusal_is_exactly_that_of_batch_normalisation(values, frames):
    """The rule agrees with the network: a single value per channel on some level of the last batch."""
    config = accepted({**values, "architecture": "unet", "precision": "float32", "batch_size": 4})
    if config is None:
        return
    last = frames % 4 or 4
    sides = [side // 2 if config.half_size_epochs else side for side in config.image_size]
    model = build_model("unet", {"start_channels": 1, "depth": config.depth, "stem": config.stem}).train()
    photos = torch.rand(last, 3, *sides)
    if has_single_pixel_batch(config, frames):
        with pytest.raises(ValueError, match="more than 1 value per channel"):
            model(photos)
    else:
        model(photos)
