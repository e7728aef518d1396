"""Comparability of results, and their per-class scores and differences.

Works on the summaries of ``metrics.summarize``, which a model card stores by split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError
from cityseg.metrics import METRICS, Metric

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Basis:
    """The data, size and labels that a result was measured on. Results are comparable if these are equal."""

    split: str  # train, val or test
    fingerprint: str  # hash of the frames and their ground truth
    size: tuple[int, int] | None  # (height, width) that all frames were compared at, None for each label's own size
    label_policy: str  # mapping of annotated labels to train ids

    @classmethod
    def of(cls, summary: Summary, split: str) -> Basis:
        """Read it from a stored summary; missing entries are left empty."""
        height, width = summary.get("size", (0, 0)) or (0, 0)
        size = None if summary.get("size", ()) is None else (height, width)
        policy = str(summary.get("label_policy", "unknown"))
        return cls(split, str(summary.get("fingerprint", "")), size, policy)


def obstacles(first: Basis, second: Basis) -> tuple[str, ...]:
    """Return the reasons why two results are not comparable; empty if they are."""
    if not (first.fingerprint and second.fingerprint):
        return ("no record of the frames that one of them was measured on",)
    found = []
    if first.split != second.split:
        found.append(f"different splits ({first.split} and {second.split})")
    elif first.fingerprint != second.fingerprint:
        # Splits of one dataset differ in their frames anyway, so only one of the two is named.
        found.append("different frames or annotations (the data fingerprints differ)")
    if first.size != second.size:
        found.append(
            f"different evaluation sizes ({_size(first)} and {_size(second)}; cityseg evaluate measures at the labels' "
            "own size)"
        )
    if first.label_policy != second.label_policy:
        found.append(f"different label policies ({first.label_policy} and {second.label_policy})")
    return tuple(found)


def group_comparable(bases: Mapping[str, Basis]) -> list[tuple[str, ...]]:
    """Group the names of comparable results; the largest group first."""
    groups: dict[Basis, list[str]] = {}
    for name, basis in bases.items():
        groups.setdefault(basis, []).append(name)
    return sorted((tuple(names) for names in groups.values()), key=len, reverse=True)


@dataclass(frozen=True)
class ClassTable:
    """One metric of several results by class."""

    names: tuple[str, ...]  # the R results
    metric: Metric  # the score
    scores: np.ndarray  # (19, R) float64; NaN if a class is in neither ground truth nor prediction, or was not measured
    macro: np.ndarray  # (R,) mean over the classes that have a score
    support: np.ndarray  # (19, R) ground truth pixels as a share of all scored pixels, 0 to 1; NaN if unknown


def class_table(summaries: Mapping[str, Summary], metric: Metric) -> ClassTable:
    """Collect one metric of several summaries; raises UsageError for an unknown metric."""
    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}: expected one of {', '.join(METRICS)}")
    support = _columns(summaries, "support")
    total = np.nansum(support, 0)
    return ClassTable(
        names=tuple(summaries),
        metric=metric,
        scores=_columns(summaries, metric),
        macro=np.array([summary.get("macro", {}).get(metric) for summary in summaries.values()], np.float64),
        support=support / np.where(total, total, np.nan),
    )


@dataclass(frozen=True)
class Differences:
    """Scores minus a baseline's, for the results that are comparable with it."""

    baseline: str  # name of the baseline
    scores: np.ndarray  # (19, R); NaN if not comparable or if either side has no score
    macro: np.ndarray  # (R,)
    obstacles: dict[str, tuple[str, ...]]  # reasons why a result is not comparable, for every such result


def differences(table: ClassTable, bases: Mapping[str, Basis], baseline: str) -> Differences:
    """Subtract the baseline's scores from every result's; raises UsageError for a baseline not in the table."""
    if baseline not in table.names:
        raise UsageError(f"unknown baseline {baseline!r}: expected one of {', '.join(table.names) or 'no results'}")
    at = table.names.index(baseline)
    reasons = {name: found for name in table.names if (found := obstacles(bases[baseline], bases[name]))}
    allowed = np.array([name not in reasons for name in table.names])
    return Differences(
        baseline=baseline,
        scores=np.where(allowed, table.scores - table.scores[:, [at]], np.nan),
        macro=np.where(allowed, table.macro - table.macro[at], np.nan),
        obstacles=reasons,
    )


def differing_settings(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Return the settings that are not equal in all configs, each with its value per config."""
    keys = dict.fromkeys(key for config in configs.values() for key in config)
    values = {key: tuple(config.get(key) for config in configs.values()) for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def _columns(summaries: Mapping[str, Summary], field: str) -> np.ndarray:
    """Return (19, R) float64; NaN for None."""
    per_class = [summary.get("per_class", {}) for summary in summaries.values()]
    rows = [[classes.get(name, {}).get(field) for classes in per_class] for name in CLASS_NAMES]
    return np.array(rows, np.float64)


def _size(basis: Basis) -> str:
    return f"{basis.size[1]} × {basis.size[0]} pixels" if basis.size else "each label's own"
