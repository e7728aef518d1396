"""Groups of runs: runs with one config but different seeds form a variant, with mean and spread of its scores."""

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
    """A run of a group."""

    id: str  # the run's id
    config: ExperimentConfig  # its config
    finished: bool  # whether its training is complete; only then its scores count
    scores: Mapping[str, Summary]  # summaries of the best weights by split


@dataclass(frozen=True)
class Spread:
    """One score over several seeds."""

    n: int  # number of seeds
    mean: float  # their mean, 0 to 1
    deviation: float | None  # sample standard deviation; None for a single seed
    low: float  # smallest score
    high: float  # largest score


@dataclass(frozen=True)
class Variant:
    """Runs of a group that differ only in their seed and were measured on the same data."""

    settings: Mapping[str, Any]  # values of the settings in which the group's variants differ
    seeds: tuple[int, ...]  # seeds of the finished runs whose scores count, ascending
    runs: tuple[str, ...]  # ids of those runs, in the same order
    unfinished: tuple[str, ...]  # ids of the unfinished runs
    scores: Mapping[str, Mapping[str, Spread]]  # spread by split and macro metric (`f1`, `iou`); absent if not measured


@dataclass(frozen=True)
class Group:
    """All runs of one group name."""

    name: str  # the group
    variants: tuple[Variant, ...]  # by mean macro F1 on val, the best first; those without a score last


def groups(members: Sequence[Member]) -> list[Group]:
    """Return the groups in the order of their first run; runs without a group are left out.

    Of several finished runs with one config, data and seed only the first counts, because they repeat one result.
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
class _SameConfig:
    """Members with one config; the finished ones by basis of measurement, then by seed."""

    config: ExperimentConfig
    measured: dict[tuple[Basis, ...], dict[int, Member]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)


def _variants(members: Sequence[Member]) -> tuple[Variant, ...]:
    configs: dict[str, _SameConfig] = {}
    for member in members:
        config = member.config.model_copy(update={"seed": 0})
        same = configs.setdefault(config.model_dump_json(), _SameConfig(config))
        if member.finished:
            basis = tuple(Basis.of(member.scores[split], split) for split in SPLITS if split in member.scores)
            same.measured.setdefault(basis, {}).setdefault(member.config.seed, member)
        else:
            same.unfinished.append(member.id)
    varied = differing_settings({key: same.config.model_dump(mode="json") for key, same in configs.items()})
    variants = []
    for place, same in enumerate(configs.values()):
        settings = {name: values[place] for name, values in varied.items()}
        for number, by_seed in enumerate(same.measured.values() or ({},)):
            # Unfinished runs are listed once, with the first.
            variants.append(_variant(settings, by_seed, () if number else tuple(same.unfinished)))
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
