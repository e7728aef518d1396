"""Who is compared with whom on the Compare page, and the answers, worked out once per pair of stored results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from cityseg.analysis.comparison import bootstrap
from cityseg.analysis.comparison.bootstrap import Certainty
from cityseg.analysis.comparison.comparability import Metric, group_comparable, obstacles
from cityseg.analysis.comparison.contributions import Bridge, bridge
from cityseg.api import Result
from cityseg.api.results.compare import Pair, pair
from cityseg.api.types import Split
from cityseg.ui.app import glossary, url_state
from cityseg.ui.compare.context import Comparison

Stamp = tuple[str, int]
"""A file and when it was written: what a cached answer depends on."""
_OTHER, _OTHER_PARAMETER = "compare_other", "other"
_METRIC, _METRIC_PARAMETER = "compare_metric", "metric"


@dataclass(frozen=True)
class Opponents:
    """Whom a tab compares.

    Attributes:
        first: the baseline, or what stands in for it.
        second: the results that may be compared with it, the best first.
        stands_in: whether no baseline was chosen.
    """

    first: str
    second: tuple[str, ...]
    stands_in: bool


def opponents(comparison: Comparison) -> Opponents | None:
    """Return the baseline and those comparable with it; None where there are not two such results.

    Without a baseline the second best of the largest group measured alike stands in, so that the question is whether
    the best is really better.
    """
    if comparison.baseline is not None:
        basis = comparison.bases[comparison.baseline]
        names = [name for name in comparison.summaries if not obstacles(basis, comparison.bases[name])]
        rest = tuple(name for name in ranked(comparison, names) if name != comparison.baseline)
        return Opponents(comparison.baseline, rest, False) if rest else None
    groups = [group for group in group_comparable(comparison.bases) if len(group) > 1]
    if not groups:
        return None
    best, second, *others = ranked(comparison, list(groups[0]))
    return Opponents(second, (best, *others), True)


def ranked(comparison: Comparison, names: list[str]) -> list[str]:
    """Order names by macro F1, the best first."""
    return sorted(names, key=lambda name: -(comparison.summaries[name]["macro"]["f1"] or 0.0))


def choose(comparison: Comparison, question: str) -> tuple[Metric, str, str] | None:
    """Let the user choose a score, and one of the results that can be compared with the baseline.

    Args:
        comparison: the page's selection.
        question: what the tab would answer, for those who have to select more first.

    Returns:
        The score, the baseline and the other; None where there is no pair.
    """
    found = opponents(comparison)
    if found is None:
        st.info(
            f"Tick at least two results that were measured on the same frames at the same size to see {question}.",
            icon=":material/check_box:",
        )
        return None
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        metric = choose_metric()
    url_state.settle(_OTHER, _OTHER_PARAMETER, found.second, found.second[0])
    with right:
        other = st.selectbox(f"Compared with {found.first}", found.second, key=_OTHER, help="The best first.")
    url_state.keep(_OTHER, _OTHER_PARAMETER, other)
    notes = []
    if found.stands_in:
        notes.append(f"No baseline is chosen, so {found.first}, the second best of its kind, stands in for one.")
    if others := [name for name in comparison.summaries if name not in (found.first, *found.second)]:
        notes.append(f"Measured differently, so not offered: {', '.join(others)}.")
    if notes:
        st.caption(" ".join(notes))
    return metric, found.first, other


def withheld(comparison: Comparison) -> str:
    """Say which of the selected results must not be subtracted from the baseline, and why; empty if all may be."""
    if comparison.baseline is None:
        return ""
    basis = comparison.bases[comparison.baseline]
    reasons = {name: found for name, other in comparison.bases.items() if (found := obstacles(basis, other))}
    if not reasons:
        return ""
    lines = "\n".join(f"- **{name}**: {', '.join(found)}" for name, found in reasons.items())
    return f"Not subtracted from **{comparison.baseline}**, because they were measured differently:\n{lines}"


def choose_metric() -> Metric:
    """Let the user choose one of the five scores, the same on every tab."""
    metrics = list(glossary.SCORES)
    url_state.settle(_METRIC, _METRIC_PARAMETER, metrics, "f1")
    metric: Any = st.segmented_control(
        "Score",
        metrics,
        key=_METRIC,
        required=True,
        format_func=lambda key: glossary.SCORES[key][0],
        help="\n\n".join(f"**{name}**: {meaning}" for name, meaning in glossary.SCORES.values()),
    )
    url_state.keep(_METRIC, _METRIC_PARAMETER, metric)
    return metric


def certainty(comparison: Comparison, first: str, second: str) -> Certainty:
    """Return the differences of two results with their intervals; raises DataError where their matrices are gone."""
    return _certainty(*_key(comparison, first, second), comparison.selected[first], comparison.selected[second])


def matched(comparison: Comparison, first: str, second: str) -> Pair:
    """Return the matrices of the frames that both have; raises DataError where there are none."""
    return _matched(*_key(comparison, first, second), comparison.selected[first], comparison.selected[second])


def build_bridge(comparison: Comparison, first: str, second: str, metric: Metric) -> Bridge:
    """Return what each class, and each frame of ``matched``, adds to the difference of two means."""
    both = matched(comparison, first, second)
    return bridge(both.first, both.second, metric)


def _key(comparison: Comparison, first: str, second: str) -> tuple[Stamp, Stamp, Split]:
    split = comparison.split
    return _stamp(comparison.selected[first], split), _stamp(comparison.selected[second], split), split


def _stamp(result: Result, split: Split) -> Stamp:
    path = result.run.folder / f"confusion-{split}.npz"
    return str(path), path.stat().st_mtime_ns if path.is_file() else 0


@st.cache_resource(show_spinner=False, max_entries=16)
def _matched(first: Stamp, second: Stamp, split: Split, _first: Result, _second: Result) -> Pair:
    return pair(_first, _second, split)


@st.cache_data(show_spinner=False, max_entries=128)
def _certainty(first: Stamp, second: Stamp, split: Split, _first: Result, _second: Result) -> Certainty:
    both = _matched(first, second, split, _first, _second)
    return bootstrap.compare(both.first, both.second)
