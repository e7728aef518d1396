"""The declared effects of settings against their actual ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args

import pytest
import torch
from pydantic import BaseModel, ConfigDict

from cityseg import api
from cityseg.config import SETTINGS, ExperimentConfig, affecting, build, differences
from cityseg.config.settings import EVERYTHING, GROUPS, Effect, Setting, settings_of
from cityseg.data.batches import Normalization
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.preflight.lr_finder import find_learning_rate
from cityseg.engine.preflight.overfit import check_overfit
from cityseg.engine.pretrained import PretrainedInputs, Teacher
from cityseg.engine.step import build_network
from cityseg.errors import UsageError

CPU = torch.device("cpu")
SMALL = {"image_size": (32, 32), "start_channels": 4, "depth": 0, "batch_size": 3, "precision": "float32"}
BASES = (
    {**SMALL, "optimizer": "sgd", "schedule": "constant", "dice_weight": 0.0, "teacher": "best-1", "label_doubt": 0.1},
    SMALL,
)
"""Configs that between them meet the conditions of every setting."""


def alternatives(name: str, value: Any) -> Iterator[Any]:
    """Yield other values of a setting, from its type and bounds."""
    field = ExperimentConfig.model_fields[name]
    if name == "image_size":
        yield tuple(2 * side for side in value)
    elif field.annotation is bool:
        yield not value
    elif choices := get_args(field.annotation):
        yield from (choice for choice in choices if choice != value)
    elif field.annotation is str:
        yield from (text for text in ("another", "") if text != value)
    elif field.annotation is int:
        yield value + 1
    else:
        bounds = [
            getattr(part, kind) for part in field.metadata for kind in ("ge", "gt", "le", "lt") if hasattr(part, kind)
        ]
        low, width = min(bounds), min(max(bounds) - min(bounds), 1)
        yield from (other for share in (0.0, 0.5, 0.9, 0.01) if (other := low + share * width) != value)


def changed(config: ExperimentConfig, name: str) -> Iterator[ExperimentConfig]:
    """Yield valid configs that differ from another in one setting."""
    for value in alternatives(name, getattr(config, name)):
        try:
            yield build({**config.model_dump(), name: value})
        except UsageError:
            continue


def expect_declared_effects(
    effect: Effect, outcome: Callable[[ExperimentConfig], object], *, left_out: tuple[str, ...] = (), **values: Any
) -> None:
    """Compare the declared effects of settings with outcomes of configs that differ in them.

    Args:
        effect: named by the settings' metadata.
        outcome: the real computation.
        left_out: settings that affect it, but not in a way that shows here.
        values: other values for the base configs.
    """
    bases = [build({**base, **values}) for base in BASES]
    expected = [outcome(base) for base in bases]
    unaffecting = [name for name in SETTINGS if name not in affecting(effect)]
    varied = set()
    for base, known in zip(bases, expected, strict=True):
        other = base
        for name in unaffecting:
            other = next(changed(other, name), other)
        varied |= differences(base, other).keys()
        assert outcome(other) == known, f"one of {', '.join(differences(base, other))} affects it"
    assert varied == set(unaffecting)
    for name in affecting(effect) - set(left_out):
        outcomes = (
            outcome(other) != known
            for base, known in zip(bases, expected, strict=True)
            for other in changed(base, name)
        )
        assert any(outcomes), f"{name} does not affect it"


@pytest.fixture
def frames(cached_split) -> Callable[[ExperimentConfig], CachedSplit]:
    """Give random frames of a config's size, in which one class is rare."""

    def of(config: ExperimentConfig) -> CachedSplit:
        split = cached_split(5, config.image_size)
        split.labels[1:][split.labels[1:] == 18] = 0
        return split

    return of


@pytest.mark.parametrize("name", ExperimentConfig.model_fields)
def test_every_field_has_its_metadata(name):
    setting = SETTINGS[name]
    assert setting.label.strip()
    assert setting.group in GROUPS
    assert setting.help.endswith(".")
    assert setting.affects <= EVERYTHING
    assert setting.applies(build({})) in (True, False)


def test_labels_are_unique():
    assert len({setting.label for setting in SETTINGS.values()}) == len(SETTINGS)


def test_a_field_without_metadata_is_an_error():
    class Lacking(BaseModel):
        model_config = ConfigDict(use_attribute_docstrings=True)

        known: Annotated[int, Setting("Known", "Run", frozenset())] = 0
        """With its metadata."""
        unknown: int = 0
        """Without."""

    with pytest.raises(TypeError) as refused:
        settings_of(Lacking)
    assert str(refused.value) == "Lacking.unknown: expected a Setting in its annotation, found none; add one"


def test_what_affects_throughput_affects_the_measured_time():
    assert affecting("throughput") < affecting("estimate")


@pytest.mark.slow
def test_the_cost_depends_on_the_settings_that_affect_it_alone():
    # With fewer frames in a batch, evaluation would need more memory than the loss.
    expect_declared_effects("cost", lambda config: api.cost_of(config, 10), batch_size=64)


@pytest.mark.slow
def test_the_overfit_check_depends_on_the_settings_that_affect_it_alone(frames):
    left_out = ("channels_last", "compile")
    expect_declared_effects(
        "overfit", lambda config: check_overfit(config, frames(config), CPU, steps=3), left_out=left_out
    )


@pytest.mark.slow
def test_the_learning_rate_finder_depends_on_the_settings_that_affect_it_alone(frames):
    network = build_network(build(SMALL), CPU).eval()
    teacher = Teacher(network, (32, 32), Normalization.named("imagenet"))

    def outcome(config):
        pretrained = PretrainedInputs(teacher=teacher if config.teacher else None)
        return find_learning_rate(config, frames(config), CPU, pretrained=pretrained, steps=4)

    expect_declared_effects("lr-find", outcome, left_out=("channels_last", "compile", "initial"))
