"""Setting results against a baseline: differences with intervals and verdicts, and what caused them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.analysis.comparison import bootstrap, verdicts
from cityseg.analysis.comparison.bootstrap import Certainty, Estimate
from cityseg.analysis.comparison.comparability import Basis, Metric, differing_settings, obstacles
from cityseg.analysis.comparison.contributions import Bridge, bridge
from cityseg.api.results.listing import Result, find_result
from cityseg.classes import CLASS_NAMES
from cityseg.data.layouts.detect import Split
from cityseg.errors import UsageError


@dataclass(frozen=True)
class Pair:
    """Two results on the frames that both were measured on.

    Attributes:
        frames: their names, N of them.
        first: (N, 19, 19) counts of the baseline, rows = truth.
        second: (N, 19, 19) of the other.
    """

    frames: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True)
class Contest:
    """One result against the baseline.

    Attributes:
        name: the result.
        obstacles: why the two may not be subtracted; then the rest is None.
        certainty: differences with intervals and verdicts.
        bridge: what each class adds to the difference of the macro score, and each frame to that.
        frames: the frames that both have.
    """

    name: str
    obstacles: tuple[str, ...]
    certainty: Certainty | None = None
    bridge: Bridge | None = None
    frames: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contests:
    """Several results against one baseline.

    Attributes:
        split: what they were scored on.
        metric: whose bridge was built.
        baseline: the name of one of the results.
        results: all of them by name.
        contests: one per result but the baseline.
    """

    split: Split
    metric: Metric
    baseline: str
    results: dict[str, Result]
    contests: tuple[Contest, ...]

    def settings(self) -> dict[str, tuple[Any, ...]]:
        """Return the settings that are not the same for all results, with a value per result."""
        return differing_settings({name: one.config.model_dump(mode="json") for name, one in self.results.items()})

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "split": self.split,
            "metric": self.metric,
            "baseline": self.baseline,
            "results": {name: result.scores.get(self.split) for name, result in self.results.items()},
            "settings": {key: dict(zip(self.results, row, strict=True)) for key, row in self.settings().items()},
            "comparisons": [_document(contest, self.metric) for contest in self.contests],
        }


def basis(result: Result, split: Split) -> Basis:
    """Return what a result's scores on a split were measured on."""
    return Basis.of(result.scores.get(split, {}), split)


def pair(first: Result, second: Result, split: Split) -> Pair:
    """Read the matrices of two results for the frames that both have.

    Raises:
        UsageError: they were measured differently.
        DataError: a result has no matrices of the split, or they share no frame.
    """
    if found := obstacles(basis(first, split), basis(second, split)):
        raise UsageError(
            f"{first.id} and {second.id}: expected results measured alike, found {', '.join(found)}; "
            "evaluate both on the same data and size"
        )
    ours, theirs = first.run.confusions(split), second.run.confusions(split)
    return Pair(*bootstrap.pair(ours.frames, ours.matrices, theirs.frames, theirs.matrices))


def compare(
    names: Sequence[str],
    split: Split = "test",
    *,
    metric: Metric = "iou",
    baseline: str | None = None,
    runs: Path | None = None,
) -> Contests:
    """Compare results with a baseline, each with its intervals, verdicts and bridge.

    Args:
        names: two or more MODELs: run ids, shipped models or folders.
        split: val or test.
        metric: for the bridge, and for the classes.
        baseline: one of ``names``; the first if None.
        runs: folder of runs.

    Raises:
        UsageError: fewer than two names, one of them twice or unknown, or a baseline that is none of them.
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
    contests = tuple(_contest(name, results[chosen], results[name], split, metric) for name in names if name != chosen)
    return Contests(split, metric, chosen, results, contests)


def _contest(name: str, first: Result, second: Result, split: Split, metric: Metric) -> Contest:
    if found := obstacles(basis(first, split), basis(second, split)):
        return Contest(name, found)
    both = pair(first, second, split)
    return Contest(
        name,
        (),
        bootstrap.compare(both.first, both.second),
        bridge(both.first, both.second, metric),
        both.frames,
    )


def _document(contest: Contest, metric: Metric) -> dict[str, Any]:
    if contest.certainty is None or contest.bridge is None:
        return {"name": contest.name, "withheld": list(contest.obstacles)}
    classes = contest.certainty.classes(metric)
    found = verdicts.tally(classes)
    return {
        "name": contest.name,
        "withheld": [],
        "frames": contest.certainty.frames,
        "overall": {name: _estimate(value) for name, value in contest.certainty.overall.items()},
        "per_class": {name: _estimate(value) for name, value in classes.items()},
        "won": list(found.won),
        "lost": list(found.lost),
        "open": list(found.open),
        "bridge": {
            "start": _plain(contest.bridge.start),
            "end": _plain(contest.bridge.end),
            "classes": dict(zip(CLASS_NAMES, map(_plain, contest.bridge.classes), strict=True)),
        },
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    values = {key: _plain(value) if isinstance(value, float) else value for key, value in asdict(estimate).items()}
    return {**values, "reason": verdicts.reason(estimate)}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
