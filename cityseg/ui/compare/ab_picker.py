"""The choice of two results, from A to B, shared by the tabs that show any two side by side."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from cityseg.analysis.comparison.comparability import obstacles
from cityseg.api.types import FrameConfusions
from cityseg.errors import CitysegError
from cityseg.ui.app import url_state
from cityseg.ui.common.measured_split import stored_confusions
from cityseg.ui.common.url_choice import select_choice
from cityseg.ui.compare.context import CompareContext

_BASELINE, _BASELINE_PARAMETER = "pair_first", "from"
_CANDIDATE, _CANDIDATE_PARAMETER = "pair_second", "to"
_PAGE_BASELINE = "pair_baseline"
"""Session key of the page's baseline in the last run."""


@dataclass(frozen=True)
class ChosenPair:
    """The names of two results.

    Attributes:
        baseline: the first, "from".
        candidate: the second, "to".
        obstacles: reasons why their scores are not comparable; empty if they are.
    """

    baseline: str
    candidate: str
    obstacles: tuple[str, ...]


def choose(context: CompareContext, names: list[str]) -> ChosenPair | None:
    """Choose two of ``names``; None, after a message, if there are fewer than two.

    By default they are the baseline, or the second best, and the best result comparable with it.
    """
    if len(names) < 2:
        st.info("Tick two or more rows of the table to see what changes from one to the other.", icon=":material/info:")
        return None
    known = _PAGE_BASELINE in st.session_state
    if known and context.baseline in names and st.session_state[_PAGE_BASELINE] != context.baseline:
        url_state.request(_BASELINE, str(context.baseline))
    st.session_state[_PAGE_BASELINE] = context.baseline
    left, right = st.columns(2)
    meaning = "The baseline of the comparison. It follows the page's baseline when that is changed."
    reference = context.reference(names)
    baseline = select_choice("From", names, _BASELINE, _BASELINE_PARAMETER, reference, left, help=meaning)
    others = [name for name in names if name != baseline]
    best = (context.comparable(baseline, others) or context.ranked(others))[0]
    meaning = "The candidate: blue is better, orange worse."
    candidate = select_choice("To", others, _CANDIDATE, _CANDIDATE_PARAMETER, best, right, help=meaning)
    return ChosenPair(baseline, candidate, obstacles(context.bases[baseline], context.bases[candidate]))


def pair_first(chosen: ChosenPair | None, names: list[str]) -> list[str]:
    """Return ``names`` with the chosen pair at the head."""
    head = [chosen.baseline, chosen.candidate] if chosen else []
    return [*head, *(name for name in names if name not in head)]


def frame_confusions(context: CompareContext) -> dict[str, FrameConfusions]:
    """Read the matrices of the scored results; one that cannot be read is named in a caption and left out."""
    found = {}
    for name in context.summaries:
        try:
            found[name] = stored_confusions(context.selected[name], context.split)
        except (CitysegError, FileNotFoundError):
            st.caption(f"{name}: its confusion matrices of {context.split} are missing, so it is left out here.")
    return found
