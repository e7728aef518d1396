"""Metadata of a setting: what forms, tables, warnings, caches and preflight checks know about a field of a config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, get_args

from pydantic import BaseModel

Group = Literal["Model", "Data", "Optimiser", "Loss", "Augmentation", "Run"]
GROUPS: tuple[Group, ...] = get_args(Group)
Effect = Literal["cost", "throughput", "estimate", "overfit", "lr-find"]
"""What a setting can change: `cost` is parameters, MACs and memory; `throughput` is training frames per second, to a
first approximation; `estimate`, `overfit` and `lr-find` are the outcomes of the preflight checks of those names."""
NOTHING: frozenset[Effect] = frozenset()
EVERYTHING: frozenset[Effect] = frozenset(get_args(Effect))


@dataclass(frozen=True)
class Condition:
    """When a setting has an effect, given the other settings.

    A value other than `off` is ignored or refused where the condition does not hold. Both texts may name fields of the
    config in braces.

    Attributes:
        holds: takes the config.
        ignored: completes the warning ``NAME is ignored: ...``.
        refused: completes the error ``NAME: ...``.
    """

    holds: Callable[[Any], bool]
    ignored: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Setting:
    """What is known about a field beside its type, bounds and default; one stands in each field's ``Annotated``.

    Attributes:
        label: name on pages, unique.
        group: tab of the form.
        affects: what a change of the setting can change. Cached figures and preflight outcomes are reused for configs
            that differ only in settings that do not affect them.
        advanced: whether the form folds it away and charts leave it out at first.
        kind: `value`, free text that only `name`s the run, reference to a `model`, or the `seed`.
        step: increment of a float's number input.
        off: value with which the setting does nothing; the default unless given.
        applies_when: conditions that have to hold for the setting to have an effect.
        help: the field's docstring, filled in by ``settings_of``.
    """

    label: str
    group: Group
    affects: frozenset[Effect]
    _: KW_ONLY
    advanced: bool = False
    kind: Literal["value", "name", "model", "seed"] = "value"
    step: float = 0.1
    off: Any = None
    applies_when: tuple[Condition, ...] = ()
    help: str = ""

    def applies(self, config: Any) -> bool:
        """Return whether the setting has an effect in a config."""
        return all(condition.holds(config) for condition in self.applies_when)


def settings_of(model: type[BaseModel]) -> dict[str, Setting]:
    """Return the metadata of all fields by name, in the order of their definition.

    Raises:
        TypeError: a field lacks its metadata.
    """
    settings = {}
    for name, field in model.model_fields.items():
        setting = next((item for item in field.metadata if isinstance(item, Setting)), None)
        if setting is None:
            raise TypeError(f"{model.__name__}.{name}: expected a Setting in its annotation, found none; add one")
        off = field.default if setting.off is None else setting.off
        settings[name] = replace(setting, off=off, help=" ".join((field.description or "").split()))
    return settings
