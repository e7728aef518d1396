"""A candidate against the baseline: the choice of both and of the score, and their cached comparison."""

from __future__ import annotations

from typing import cast

import streamlit as st

from cityseg import api
from cityseg.analysis.comparison.bootstrap import Certainty
from cityseg.analysis.comparison.comparability import obstacles
from cityseg.api import PairComparison, Result
from cityseg.api.types import Metric, Split
from cityseg.ui.app import glossary
from cityseg.ui.common.url_choice import segmented_choice, select_choice
from cityseg.ui.compare.context import CompareContext

Version = tuple[str, int]
"""A file and its modification time in nanoseconds: the key of a cached answer."""
_CANDIDATE, _CANDIDATE_PARAMETER = "compare_other", "other"
_METRIC, _METRIC_PARAMETER = "compare_metric", "metric"


def candidates(context: CompareContext) -> tuple[str, list[str]]:
    """Return the baseline, or what stands in for it, and the results comparable with it, the best first."""
    if not context.summaries:
        return "", []
    baseline = context.reference(context.summaries)
    return baseline, context.comparable(baseline, context.summaries)


def choose(context: CompareContext, purpose: str) -> tuple[Metric, str, str] | None:
    """Choose a score and a candidate for the baseline.

    Args:
        context: the page's selection.
        purpose: what the tab shows, for the hint if fewer than two comparable results are selected.

    Returns:
        Score, baseline and candidate; None, after the hint, if there is no pair.
    """
    baseline, names = candidates(context)
    if not names:
        st.info(
            f"Tick at least two results that were measured on the same frames at the same size to see {purpose}.",
            icon=":material/check_box:",
        )
        return None
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        metric = choose_metric()
    candidate = select_choice(
        f"Compared with {baseline}", names, _CANDIDATE, _CANDIDATE_PARAMETER, place=right, help="The best first."
    )
    notes = []
    if context.baseline is None:
        notes.append(f"No baseline is chosen; {baseline}, the second best, is used instead.")
    if others := [name for name in context.summaries if name not in (baseline, *names)]:
        notes.append(f"Not comparable with {baseline}, so not offered: {', '.join(others)}.")
    if notes:
        st.caption(" ".join(notes))
    return metric, baseline, candidate


def not_comparable(context: CompareContext) -> str:
    """Return a sentence and a list of the results that cannot be compared with the baseline; empty if all can."""
    if context.baseline is None:
        return ""
    basis = context.bases[context.baseline]
    reasons = {name: found for name, other in context.bases.items() if (found := obstacles(basis, other))}
    lines = "\n".join(f"- **{name}**: {', '.join(found)}" for name, found in reasons.items())
    return f"Not comparable with **{context.baseline}**, so no differences are shown:\n{lines}" if reasons else ""


def choose_metric() -> Metric:
    """Choose one of the five scores; the choice is shared by all tabs."""
    titles = {metric: title for metric, (title, _) in glossary.SCORES.items()}
    meanings = "\n\n".join(f"**{title}**: {meaning}" for title, meaning in glossary.SCORES.values())
    return cast("Metric", segmented_choice("Score", titles, _METRIC, _METRIC_PARAMETER, "f1", help=meanings))


def compare_pair(context: CompareContext, baseline: str, candidate: str) -> PairComparison:
    """Return ``api.compare_pair`` of two selected results, cached; raises DataError if their matrices are missing."""
    return _pair(*_arguments(context, baseline, candidate))


def differences(context: CompareContext, baseline: str, candidate: str) -> Certainty:
    """Return the differences of two comparable results, cached; raises DataError if their matrices are missing."""
    return _differences(*_arguments(context, baseline, candidate))


def _arguments(context: CompareContext, *names: str) -> tuple[Version, Version, Split, Result, Result]:
    first, second = (context.selected[name] for name in names)
    return _version(first, context.split), _version(second, context.split), context.split, first, second


def _version(result: Result, split: Split) -> Version:
    path = result.run.folder / f"confusion-{split}.npz"
    return str(path), path.stat().st_mtime_ns if path.is_file() else 0


@st.cache_resource(show_spinner=False, max_entries=16)
def _pair(first: Version, second: Version, split: Split, _first: Result, _second: Result) -> PairComparison:
    return api.compare_pair(_first, _second, split)


@st.cache_data(show_spinner=False, max_entries=128)
def _differences(first: Version, second: Version, split: Split, _first: Result, _second: Result) -> Certainty:
    return _pair(first, second, split, _first, _second).differences
