"""Setting results side by side: whether two may be subtracted, and per-class scores of several.

Everything here works on the summaries that ``metrics.summarize`` makes and a model card stores by split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError
from cityseg.metrics import METRICS

Metric = Literal["precision", "recall", "f1", "dice", "iou"]
Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Basis:
    """What a result was measured on. Two results are comparable only if all of it agrees.

    Attributes:
        split: train, val or test.
        fingerprint: names the frames and their truth.
        size: (height, width) at which truth and prediction were compared.
        label_policy: how annotated labels became train ids.
    """

    split: str
    fingerprint: str
    size: tuple[int, int]
    label_policy: str

    @classmethod
    def of(cls, summary: Summary, split: str) -> Basis:
        """Read it from a stored summary; what a summary does not say is left empty."""
        height, width = summary.get("size") or (0, 0)
        return cls(
            split, str(summary.get("fingerprint", "")), (height, width), str(summary.get("label_policy", "unknown"))
        )


def obstacles(first: Basis, second: Basis) -> tuple[str, ...]:
    """Say in words what keeps two results from being compared; nothing if they are comparable."""
    found = []
    if not (first.fingerprint and second.fingerprint):
        return ("no record of the frames that one of them was measured on",)
    if first.split != second.split:
        found.append(f"different splits ({first.split} and {second.split})")
    elif first.fingerprint != second.fingerprint:
        # Two splits of one dataset differ in their frames anyway, so this is said once.
        found.append("different frames or annotations (the data fingerprints differ)")
    if first.size != second.size:
        found.append(f"different evaluation sizes ({_size(first)} and {_size(second)} pixels)")
    if first.label_policy != second.label_policy:
        found.append(f"different label policies ({first.label_policy} and {second.label_policy})")
    return tuple(found)


def group_comparable(bases: Mapping[str, Basis]) -> list[tuple[str, ...]]:
    """Group names whose results may be subtracted from one another; the largest group first."""
    groups: dict[Basis, list[str]] = {}
    for name, basis in bases.items():
        groups.setdefault(basis, []).append(name)
    return sorted((tuple(names) for names in groups.values()), key=len, reverse=True)


@dataclass(frozen=True)
class ClassTable:
    """One metric of several results, class by class.

    Attributes:
        names: the results, R of them.
        metric: which score.
        scores: (19, R) float64; NaN where a class occurs in neither truth nor prediction, or was not measured.
        macro: (R,) mean over the classes that have a score.
        support: (19, R) truth pixels as a share of all scored pixels, 0 to 1; NaN where unknown.
    """

    names: tuple[str, ...]
    metric: Metric
    scores: np.ndarray
    macro: np.ndarray
    support: np.ndarray


def class_table(summaries: Mapping[str, Summary], metric: Metric) -> ClassTable:
    """Line up one metric of several summaries.

    Raises:
        UsageError: no such metric.
    """
    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}: expected one of {', '.join(METRICS)}")
    columns = [_column(summary, metric) for summary in summaries.values()]
    supports = [_column(summary, "support") for summary in summaries.values()]
    totals = [np.nansum(support) or np.nan for support in supports]
    empty = np.empty((len(CLASS_NAMES), 0))
    return ClassTable(
        names=tuple(summaries),
        metric=metric,
        scores=np.column_stack(columns) if columns else empty,
        macro=np.array([_number(summary.get("macro", {}).get(metric)) for summary in summaries.values()]),
        support=np.column_stack([s / t for s, t in zip(supports, totals, strict=True)]) if columns else empty,
    )


@dataclass(frozen=True)
class Differences:
    """Scores minus a baseline's, withheld where the two are not comparable.

    Attributes:
        baseline: what was subtracted.
        scores: (19, R); NaN where withheld or where either side has no score.
        macro: (R,).
        withheld: per result that was not subtracted, what stands in the way.
    """

    baseline: str
    scores: np.ndarray
    macro: np.ndarray
    withheld: dict[str, tuple[str, ...]]


def differences(table: ClassTable, bases: Mapping[str, Basis], baseline: str) -> Differences:
    """Subtract one result's scores from every result's.

    Raises:
        UsageError: the baseline is not in the table.
    """
    if baseline not in table.names:
        raise UsageError(f"unknown baseline {baseline!r}: expected one of {', '.join(table.names) or 'no results'}")
    at = table.names.index(baseline)
    withheld = {name: found for name in table.names if (found := obstacles(bases[baseline], bases[name]))}
    allowed = np.array([name not in withheld for name in table.names])
    return Differences(
        baseline=baseline,
        scores=np.where(allowed, table.scores - table.scores[:, [at]], np.nan),
        macro=np.where(allowed, table.macro - table.macro[at], np.nan),
        withheld=withheld,
    )


def differing_settings(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Return the settings that are not the same everywhere, each with its value per result in order."""
    keys: Sequence[str] = list(dict.fromkeys(key for config in configs.values() for key in config))
    values = {key: tuple(config.get(key) for config in configs.values()) for key in keys}
    return {key: row for key, row in values.items() if any(value != row[0] for value in row)}


def _column(summary: Summary, field: str) -> np.ndarray:
    per_class = summary.get("per_class", {})
    return np.array([_number(per_class.get(name, {}).get(field)) for name in CLASS_NAMES])


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _size(basis: Basis) -> str:
    return f"{basis.size[0]}x{basis.size[1]}"
