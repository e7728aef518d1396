"""Comparison of results with a baseline: differences with intervals and verdicts, and contributions of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.analysis.comparison import bootstrap, verdicts
from cityseg.analysis.comparison.bootstrap import Certainty, Estimate
from cityseg.analysis.comparison.comparability import Basis, differing_settings, obstacles
from cityseg.analysis.comparison.contributions import Contributions, contributions
from cityseg.api.results.listing import Result, find_result
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.data.dataset import Split
from cityseg.errors import UsageError
from cityseg.metrics import Metric, none_for_nan


def _no_counts() -> np.ndarray:
    return np.zeros((0, NUM_CLASSES, NUM_CLASSES), np.int64)


@dataclass(frozen=True)
class PairComparison:
    """A candidate against a baseline, on the frames that both were measured on."""

    obstacles: tuple[str, ...] = ()  # reasons why the two are not comparable; if there are any, the rest is empty
    frames: tuple[str, ...] = ()  # names of the N common frames
    baseline: np.ndarray = field(default_factory=_no_counts)  # (N, 19, 19) counts, rows = ground truth
    candidate: np.ndarray = field(default_factory=_no_counts)

    @cached_property
    def differences(self) -> Certainty:
        """Differences of all scores, candidate minus baseline, with intervals and verdicts; takes a bootstrap."""
        return bootstrap.compare(self.baseline, self.candidate)

    def contributions(self, metric: Metric) -> Contributions:
        """Return the contribution of every class and frame to the difference of the macro score."""
        return contributions(self.baseline, self.candidate, metric)

    def as_dict(self, name: str, metric: Metric) -> dict[str, Any]:
        """Return plain values for JSON; ``name`` is the candidate's."""
        if self.obstacles:
            return {"name": name, "withheld": list(self.obstacles)}
        classes = self.differences.classes(metric)
        parts = self.contributions(metric)
        return {
            "name": name,
            "withheld": [],
            "frames": self.differences.frames,
            "overall": {score: _estimate(value) for score, value in self.differences.overall.items()},
            "per_class": {class_name: _estimate(value) for class_name, value in classes.items()},
            **{key: list(names) for key, names in asdict(verdicts.tally(classes)).items()},
            "bridge": {
                "start": none_for_nan(parts.start),
                "end": none_for_nan(parts.end),
                "classes": dict(zip(CLASS_NAMES, map(none_for_nan, parts.classes), strict=True)),
            },
        }


@dataclass(frozen=True)
class Comparison:
    """Several candidates against one baseline."""

    split: Split
    metric: Metric  # score of the classes and of their contributions
    baseline: str  # name of one of ``results``
    results: dict[str, Result]
    pairs: dict[str, PairComparison]  # the comparison of every candidate with the baseline, by the candidate's name

    def settings(self) -> dict[str, tuple[Any, ...]]:
        """Return the settings that differ between the results, each with a value per result."""
        return differing_settings({name: one.config.model_dump(mode="json") for name, one in self.results.items()})

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "split": self.split,
            "metric": self.metric,
            "baseline": self.baseline,
            "results": {name: result.scores.get(self.split) for name, result in self.results.items()},
            "settings": {key: dict(zip(self.results, row, strict=True)) for key, row in self.settings().items()},
            "comparisons": [pair.as_dict(name, self.metric) for name, pair in self.pairs.items()],
        }


def compare(
    names: Sequence[str],
    split: Split = "test",
    *,
    metric: Metric = "iou",
    baseline: str | None = None,
    runs: Path | None = None,
) -> Comparison:
    """Compare several results with a baseline.

    Args:
        names: two or more MODELs.
        metric: score of the classes and of their contributions.
        baseline: one of ``names``; the first if None.

    Raises:
        UsageError: fewer than two names, a repeated one, or a baseline that is not among them.
        DataError: a result that was not scored on the split.
    """
    if len(names) < 2:
        raise UsageError(f"expected two or more results to compare, found {len(names)}; name another one")
    if len(set(names)) < len(names):
        raise UsageError(f"expected different results, found one twice in {', '.join(names)}; name each once")
    if baseline is not None and baseline not in names:
        raise UsageError(f"unknown baseline {baseline!r}: expected one of {', '.join(names)}")
    results = {name: find_result(name, runs) for name in names}
    chosen = names[0] if baseline is None else baseline
    for result in results.values():
        result.run.confusions(split)
    pairs = {name: compare_pair(results[chosen], results[name], split) for name in names if name != chosen}
    return Comparison(split, metric, chosen, results, pairs)


def compare_pair(baseline: Result, candidate: Result, split: Split) -> PairComparison:
    """Compare a candidate with a baseline; only the obstacles are returned if the two are not comparable.

    Raises:
        DataError: a result without matrices of the split, or no common frame.
    """
    bases = [Basis.of(result.scores.get(split, {}), split) for result in (baseline, candidate)]
    if found := obstacles(*bases):
        return PairComparison(found)
    first, second = baseline.run.confusions(split), candidate.run.confusions(split)
    return PairComparison((), *bootstrap.pair(first.frames, first.matrices, second.frames, second.matrices))


def _estimate(estimate: Estimate) -> dict[str, Any]:
    numbers = {key: none_for_nan(value) if isinstance(value, float) else value for key, value in vars(estimate).items()}
    return {**numbers, "reason": verdicts.reason(estimate)}
