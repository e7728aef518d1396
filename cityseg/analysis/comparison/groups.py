"""Groups of runs: what is the same recipe but for the seed is put together, with mean and spread of its scores."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cityseg.analysis.comparison.comparability import Basis, Summary, differing_settings
from cityseg.config import ExperimentConfig

METRICS = ("f1", "iou")
SPLITS = ("val", "test")


@dataclass(frozen=True)
class Member:
    """A run of a group, as far as it matters here.

    Attributes:
        id: the run's id.
        config: its description.
        finished: whether it did all it was to do; only then its scores count.
        scores: summaries of the best weights by split.
    """

    id: str
    config: ExperimentConfig
    finished: bool
    scores: Mapping[str, Summary]


@dataclass(frozen=True)
class Spread:
    """One score over several seeds.

    Attributes:
        n: number of seeds.
        mean: their mean, 0 to 1.
        deviation: sample standard deviation, in the score's unit; None for a single seed, which has no spread.
        low: least score.
        high: largest score.
    """

    n: int
    mean: float
    deviation: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Variant:
    """Runs of a group that differ in their seed alone and were measured on the same data.

    Attributes:
        settings: the settings that tell it from the group's other variants, with its values.
        seeds: of the finished runs whose scores count, in order.
        runs: ids of those runs, in the same order.
        unfinished: ids of the runs that have not finished.
        scores: spread by split and macro metric (``f1``, ``iou``); what was not measured is absent.
    """

    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    runs: tuple[str, ...]
    unfinished: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Spread]]


@dataclass(frozen=True)
class Group:
    """All runs of one group name.

    Attributes:
        name: the group.
        variants: the best mean macro F1 on val first, then what has no score.
    """

    name: str
    variants: tuple[Variant, ...]


def groups(members: Sequence[Member]) -> list[Group]:
    """Put runs together by their group, in the order in which the groups are first met; runs without one are left out.

    Of several finished runs with one recipe, data and seed only the first counts: they are one result seen twice.
    """
    by_name: dict[str, list[Member]] = {}
    for member in members:
        if member.config.group:
            by_name.setdefault(member.config.group, []).append(member)
    return [Group(name, _variants(found)) for name, found in by_name.items()]


def spread(values: Sequence[float]) -> Spread:
    """Return mean and spread of at least one value."""
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(len(values), statistics.fmean(values), deviation, min(values), max(values))


@dataclass
class _Alike:
    """Members with one recipe; the finished ones by what they were measured on, then by seed."""

    config: ExperimentConfig
    measured: dict[tuple[Basis, ...], dict[int, Member]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)


def _variants(members: Sequence[Member]) -> tuple[Variant, ...]:
    recipes: dict[str, _Alike] = {}
    for member in members:
        recipe = member.config.model_copy(update={"seed": 0})
        alike = recipes.setdefault(recipe.model_dump_json(), _Alike(recipe))
        if member.finished:
            basis = tuple(Basis.of(member.scores[split], split) for split in SPLITS if split in member.scores)
            alike.measured.setdefault(basis, {}).setdefault(member.config.seed, member)
        else:
            alike.unfinished.append(member.id)
    varied = differing_settings({key: alike.config.model_dump(mode="json") for key, alike in recipes.items()})
    variants = []
    for place, alike in enumerate(recipes.values()):
        settings = {name: values[place] for name, values in varied.items()}
        unfinished = tuple(alike.unfinished)
        for by_seed in alike.measured.values() or ({},):
            variants.append(_variant(settings, by_seed, unfinished))
            unfinished = ()  # what has no score yet is shown once, with the first
    return tuple(sorted(variants, key=_rank))


def _variant(settings: Mapping[str, Any], by_seed: Mapping[int, Member], unfinished: tuple[str, ...]) -> Variant:
    seeds = tuple(sorted(by_seed))
    counted = [by_seed[seed] for seed in seeds]
    scores: dict[str, dict[str, Spread]] = {}
    for split in SPLITS:
        for metric in METRICS:
            values = [member.scores.get(split, {}).get("macro", {}).get(metric) for member in counted]
            known = [value for value in values if value is not None]
            if known:
                scores.setdefault(split, {})[metric] = spread(known)
    return Variant(settings, seeds, tuple(member.id for member in counted), unfinished, scores)


def _rank(variant: Variant) -> float:
    best = variant.scores.get("val", {}).get("f1")
    return -best.mean if best else 1.0
