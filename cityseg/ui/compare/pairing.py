"""Two results side by side: their choice and that of a score, their matrices, and their cached comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import streamlit as st

from cityseg import api
from cityseg.analysis.comparison.comparability import obstacles
from cityseg.api import PairComparison, Result
from cityseg.api.types import FrameConfusions, Metric, Split
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import glossary, url_state
from cityseg.ui.common.measured_split import confusions_version, stored_confusions
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.compare.context import CompareContext

_FROM = "pair_first"
_PAGE_BASELINE = "pair_baseline"  # session key of the page's baseline in the last run


def candidates(context: CompareContext) -> tuple[str, list[str]]:
    """Return the baseline, or what stands in for it, and the results comparable with it, the best first."""
    if not context.summaries:
        return "", []
    baseline = context.reference(context.summaries)
    return baseline, context.comparable(baseline, context.summaries)


def choose_candidate(context: CompareContext, purpose: str) -> tuple[Metric, str, str] | None:
    """Choose a score and a candidate; return both with the baseline between them.

    None, after a hint that names the ``purpose`` of the tab, if fewer than two comparable results are selected.
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
    candidate = choose_option(
        right.selectbox, f"Compared with {escape(baseline)}", names, "compare_other", "other", help="The best first."
    )
    notes = []
    if context.baseline is None:
        notes.append(f"No baseline is chosen; {escape(baseline)}, the second best, is used instead.")
    if others := [name for name in context.summaries if name not in (baseline, *names)]:
        notes.append(f"Not comparable with {escape(baseline)}, so not offered: {escape(', '.join(others))}.")
    if notes:
        st.caption(" ".join(notes))
    return metric, baseline, candidate


def not_comparable(context: CompareContext) -> str:
    """Return, in Markdown, a sentence and a list of the results that cannot be compared with the baseline; empty if "
    "all can."""
    if context.baseline is None:
        return ""
    basis = context.bases[context.baseline]
    reasons = {name: found for name, other in context.bases.items() if (found := obstacles(basis, other))}
    lines = "\n".join(f"- **{escape(name)}**: {escape(', '.join(found))}" for name, found in reasons.items())
    return (
        f"Not comparable with **{escape(context.baseline)}**, so no differences are shown:\n{lines}" if reasons else ""
    )


def choose_metric() -> Metric:
    """Choose one of the five scores; the choice is shared by all tabs."""
    titles = {metric: title for metric, (title, _) in glossary.SCORES.items()}
    meanings = "\n\n".join(f"**{title}**: {meaning}" for title, meaning in glossary.SCORES.values())
    chosen = choose_option(st.segmented_control, "Score", titles, "compare_metric", "metric", help=meanings)
    return cast("Metric", chosen)


@dataclass(frozen=True)
class ChosenPair:
    """The names of two results, and the reasons why their scores are not comparable; none if they are."""

    baseline: str
    candidate: str
    obstacles: tuple[str, ...]


def choose_pair(context: CompareContext, names: list[str]) -> ChosenPair | None:
    """Choose two of ``names``; None, after a message, if there are fewer than two.

    By default they are the baseline, or the second best, and the best result comparable with it.
    """
    if len(names) < 2:
        st.info("Tick two or more rows of the table to see what changes from one to the other.", icon=":material/info:")
        return None
    earlier = st.session_state.setdefault(_PAGE_BASELINE, context.baseline)
    if context.baseline in names and earlier != context.baseline:
        url_state.request(_FROM, str(context.baseline))
    st.session_state[_PAGE_BASELINE] = context.baseline
    left, right = st.columns(2)
    meaning = "The baseline of the comparison. It follows the page's baseline when that is changed."
    baseline = choose_option(left.selectbox, "From", names, _FROM, "from", context.reference(names), help=meaning)
    others = [name for name in names if name != baseline]
    best = (context.comparable(baseline, others) or context.ranked(others))[0]
    meaning = "The candidate: blue is better, orange worse."
    candidate = choose_option(right.selectbox, "To", others, "pair_second", "to", best, help=meaning)
    return ChosenPair(baseline, candidate, obstacles(context.bases[baseline], context.bases[candidate]))


def pair_first(chosen: ChosenPair | None, names: list[str]) -> list[str]:
    """Return ``names`` with the chosen pair at the head."""
    return list(dict.fromkeys([chosen.baseline, chosen.candidate, *names])) if chosen else names


def frame_confusions(context: CompareContext) -> dict[str, FrameConfusions]:
    """Read the matrices of the scored results; one that cannot be read is named in a caption and left out."""
    found = {}
    for name in context.summaries:
        try:
            found[name] = stored_confusions(context.selected[name], context.split)
        except CitysegError:
            st.caption(
                f"{escape(name)}: its confusion matrices of {context.split} are missing, so it is left out here."
            )
    return found


def compare_pair(context: CompareContext, baseline: str, candidate: str) -> PairComparison:
    """Return ``api.compare_pair`` of two selected results, cached; raises DataError if their matrices are missing."""
    return _compare_pair(context.selected[baseline], context.selected[candidate], context.split)


# The differences, which take a bootstrap, are kept with a comparison.
@st.cache_resource(show_spinner=False, max_entries=32, hash_funcs={Result: confusions_version})
def _compare_pair(first: Result, second: Result, split: Split) -> PairComparison:
    return api.compare_pair(first, second, split)
