"""Metadata of the fields of a config, for forms, tables, warnings, caches and preflight checks."""

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
    """

    holds: Callable[[Any], bool]  # takes the config
    ignored: str = ""  # completes the warning ``NAME is ignored: ...``
    refused: str = ""  # completes the error ``NAME: ...``


@dataclass(frozen=True)
class Setting:
    """Metadata of a field beside its type, bounds and default, in the field's ``Annotated``."""

    label: str  # name on pages, unique
    group: Group  # tab of the form
    affects: frozenset[Effect]
    """What a change of the setting can change. Cached figures and preflight outcomes are reused for configs that differ
    only in settings that do not affect them."""
    _: KW_ONLY
    advanced: bool = False  # whether the form folds it away and charts leave it out at first
    kind: Literal["value", "name", "model", "seed"] = "value"
    """`value`, free text that only `name`s the run, reference to a `model`, or the `seed`."""
    step: float = 0.1  # increment of a float's number input
    off: Any = None  # value with which the setting does nothing; by default the field's default
    applies_when: tuple[Condition, ...] = ()  # conditions that have to hold for the setting to have an effect
    help: str = ""  # the field's docstring, filled in by ``settings_of``

    def applies(self, config: Any) -> bool:
        """Return whether the setting has an effect in a config."""
        return all(condition.holds(config) for condition in self.applies_when)


def settings_of(model: type[BaseModel]) -> dict[str, Setting]:
    """Return the metadata of all fields by name, in the order of their definition; TypeError if one lacks it."""
    settings = {}
    for name, field in model.model_fields.items():
        setting = next((item for item in field.metadata if isinstance(item, Setting)), None)
        if setting is None:
            raise TypeError(f"{model.__name__}.{name}: expected a Setting in its annotation, found none; add one")
        off = field.default if setting.off is None else setting.off
        settings[name] = replace(setting, off=off, help=" ".join((field.description or "").split()))
    return settings
