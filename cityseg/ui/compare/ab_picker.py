"""The two results that a tab sets against each other, chosen once for all tabs that do."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from cityseg.analysis.comparison.comparability import group_comparable, obstacles
from cityseg.api import Result
from cityseg.api.types import FrameConfusions
from cityseg.errors import CitysegError
from cityseg.ui.app import url_state
from cityseg.ui.common.measured_split import stored_confusions
from cityseg.ui.compare.context import Comparison

_FIRST, _FIRST_PARAMETER = "pair_first", "from"
_SECOND, _SECOND_PARAMETER = "pair_second", "to"
_BASELINE = "pair_baseline"


@dataclass(frozen=True)
class Pair:
    """Two results, from one to the other.

    Attributes:
        first: name of what is compared with.
        second: name of what is compared.
        obstacles: why their figures may not be subtracted; empty if they may.
    """

    first: str
    second: str
    obstacles: tuple[str, ...]


def choose(comparison: Comparison, names: list[str]) -> Pair | None:
    """Ask for two of ``names``; None, which is then said, where there are not two.

    On arrival it is the baseline, or the second best, and the best that may be compared with it.
    """
    if len(names) < 2:
        st.info("Tick two or more rows of the table to see what changes from one to the other.", icon=":material/info:")
        return None
    left, right = st.columns(2)
    _follow(comparison.baseline, names)
    first = url_state.settle(_FIRST, _FIRST_PARAMETER, names, _reference(comparison, names))
    with left:
        first = st.selectbox(
            "From",
            names,
            key=_FIRST,
            persist_state="session",
            help="What the other is compared with. It follows the baseline when that is changed.",
        )
    url_state.keep(_FIRST, _FIRST_PARAMETER, first)
    others = [name for name in names if name != first]
    url_state.settle(_SECOND, _SECOND_PARAMETER, others, _best(comparison, first, others))
    with right:
        second = st.selectbox(
            "To",
            others,
            key=_SECOND,
            persist_state="session",
            help="What is compared: blue is where it is better, orange where it is worse.",
        )
    url_state.keep(_SECOND, _SECOND_PARAMETER, second)
    return Pair(first, second, obstacles(comparison.bases[first], comparison.bases[second]))


def counted(comparison: Comparison) -> dict[str, FrameConfusions]:
    """Read the matrices of the results that were scored on the split; one that cannot be read is named and left out."""
    found = {}
    for name in comparison.summaries:
        try:
            found[name] = stored_confusions(comparison.selected[name], comparison.split)
        except (CitysegError, FileNotFoundError):
            st.caption(f"{name}: its matrices of {comparison.split} are missing, so it is left out here.")
    return found


def folder(result: Result) -> str:
    """Name a result's model so that a run and a shipped model of one name are told apart."""
    return str(result.run.folder)


def _follow(baseline: str | None, names: list[str]) -> None:
    known = _BASELINE in st.session_state
    if known and baseline in names and st.session_state[_BASELINE] != baseline:
        url_state.wish(_FIRST, str(baseline))
    st.session_state[_BASELINE] = baseline


def _reference(comparison: Comparison, names: list[str]) -> str:
    """Return the baseline, or the second best of the most that were measured alike: is the best really better?"""
    if comparison.baseline in names:
        return comparison.baseline
    alike = group_comparable({name: comparison.bases[name] for name in names})[0]
    ranked = sorted(alike, key=lambda name: -_macro_f1(comparison, name))
    return ranked[min(1, len(ranked) - 1)]


def _best(comparison: Comparison, first: str, others: list[str]) -> str:
    """Return the best by macro F1 of those that may be compared with ``first``, or of all if none may."""
    basis = comparison.bases[first]
    comparable = [name for name in others if not obstacles(basis, comparison.bases[name])]
    return max(comparable or others, key=lambda name: _macro_f1(comparison, name))


def _macro_f1(comparison: Comparison, name: str) -> float:
    score: float | None = comparison.summaries[name]["macro"]["f1"]
    return score or 0.0
