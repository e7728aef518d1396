"""The Compare page: who is better in a sentence, the results, then what the selected ones say, tab by tab."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.comparability import Basis, group_comparable
from cityseg.api import Result
from cityseg.api.types import Split
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, glossary, session, url_state
from cityseg.ui.common import export
from cityseg.ui.compare import (
    config_diff,
    confusions,
    contributions,
    curves,
    pairing,
    qualitative,
    scores,
    significance,
    table,
)
from cityseg.ui.compare.context import Comparison

_SPLIT_PARAMETER, _SPLIT = "split", "compare_split"
_SPLITS: tuple[Split, ...] = ("test", "val")
_BASELINE, _BASELINE_PARAMETER = "compare_baseline", "baseline"
_NONE = "none"

TABS: dict[str, Callable[[Comparison], None]] = {
    "Scores": scores.show,
    "Certainty": significance.show,
    "Why": contributions.show,
    "Curves": curves.show,
    "Confusions": confusions.show,
    "Pictures": qualitative.show,
    "Settings": config_diff.show,
}
"""The tabs in order, and what shows each; only the open one is computed."""


def page() -> None:
    """Show the whole page."""
    everything = cache.results()
    if not everything:
        st.info(
            "**Nothing to compare yet.** Train two presets on the same data, or put models into `checkpoints/`.",
            icon=":material/compare:",
        )
        st.page_link("pages/train.py", label="Train a first model", icon=":material/model_training:")
        return
    named = table.named(everything)
    left, right = st.columns([1, 2], vertical_alignment="bottom")
    with left:
        split = _split(everything)
    with right:
        baseline = _baseline([name for name, result in named.items() if split in result.scores])
    # The reading comes first on the page, but what it says depends on the rows selected below it.
    reading = st.container()
    selected = table.table(named, split, baseline)
    summaries = {name: result.scores[split] for name, result in selected.items() if split in result.scores}
    bases = {name: Basis.of(summary, split) for name, summary in summaries.items()}
    comparison = Comparison(split, selected, summaries, bases, baseline)
    with reading:
        _reading(comparison)
    if not selected:
        return
    for name, tab in zip(TABS, st.tabs(list(TABS), key="view", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                TABS[name](comparison)
    export.page()


def _baseline(names: list[str]) -> str | None:
    """Ask for the result that all others are compared with, on every tab."""
    options = [_NONE, *names]
    url_state.settle(_BASELINE, _BASELINE_PARAMETER, options, _NONE)
    baseline = st.selectbox(
        "Baseline",
        options,
        key=_BASELINE,
        help="Shows every other result as its difference from this one, where the two may be subtracted at all. The "
        "baseline is always among the results compared, ticked or not.",
    )
    if baseline == _NONE:
        session.remember(_BASELINE_PARAMETER, None)
        return None
    url_state.keep(_BASELINE, _BASELINE_PARAMETER, baseline)
    return baseline


def _split(everything: list[Result]) -> Split:
    """Ask for the split; test on arrival, or val while nothing has been scored on test."""
    # A click in the moment a page appears can find the control not filled yet, and then it answers nothing.
    if st.session_state.get(_SPLIT) not in _SPLITS:
        scored = any("test" in result.scores for result in everything)
        st.session_state[_SPLIT] = session.remembered(_SPLIT_PARAMETER, list(_SPLITS)) or ("test" if scored else "val")
    split = st.segmented_control(
        "Scored on",
        _SPLITS,
        key=_SPLIT,
        required=True,
        help="val chose the best epoch of each run, so its scores flatter a little; test was never looked at.",
    )
    session.remember(_SPLIT_PARAMETER, split)
    return split or "test"


def _reading(comparison: Comparison) -> None:
    """Say which of the selected results is best, among those measured the same way, and how sure that is."""
    selected, summaries, bases = comparison.selected, comparison.summaries, comparison.bases
    if not selected:
        st.info("Tick one or more rows of the table to see their scores side by side.", icon=":material/check_box:")
        return
    missing = [name for name in selected if name not in summaries]
    groups = group_comparable(bases)
    for names in groups[:3]:
        _best({name: summaries[name] for name in names}, bases[names[0]], selected[names[0]].data)
        _verdict(comparison, list(names))
    if words := pairing.withheld(comparison):
        st.warning(words, icon=":material/balance:")
    elif len(groups) > 1:
        rest = f" The {len(groups) - 3} smaller groups are left to the table." if len(groups) > 3 else ""
        st.warning(
            f"The selected results were measured in {len(groups)} different ways, so there is no single best: "
            f"each line stands for itself.{rest}",
            icon=":material/balance:",
        )
    if missing:
        st.caption(f"Not scored on {comparison.split} yet: {', '.join(missing)}.")


def _verdict(comparison: Comparison, names: list[str]) -> None:
    """Say how sure the best of comparable results is better than the baseline, or than the second best."""
    ranked = pairing.ranked(comparison, names)
    if len(ranked) < 2:
        return
    first = comparison.baseline if comparison.baseline in ranked else ranked[1]
    second = next(name for name in ranked if name != first)
    try:
        found = pairing.certainty(comparison, first, second)
    except CitysegError as error:
        st.caption(f"How sure that is cannot be said. {error}")
        return
    st.markdown(
        f"{verdicts.certainty_words(first, second, found, 'f1')} "
        f"{verdicts.tally_words(first, second, verdicts.tally(found.classes('f1')))}"
    )


def _best(summaries: Mapping[str, Mapping[str, Any]], basis: Basis, data: str) -> None:
    """Show the best of results that were measured the same way, in large figures."""
    measured = f"on {basis.split}, {data}, scored at {glossary.size(basis.size)} pixels"
    figures = (
        ("Macro F1", lambda summary: summary["macro"]["f1"], glossary.SCORES["f1"][1]),
        ("Mean IoU", lambda summary: summary["macro"]["iou"], glossary.SCORES["iou"][1]),
        ("Pixel accuracy", lambda summary: summary["pixel_accuracy"], glossary.PIXEL_ACCURACY),
        ("Classes found", lambda summary: summary["classes_above_zero"], glossary.CLASSES_FOUND),
    )
    one = next(iter(summaries)) if len(summaries) == 1 else None
    st.markdown(f"**{one or f'Best of {len(summaries)} results'}** {measured}")
    with st.container(horizontal=True, gap="medium"):
        for label, figure, help_text in figures:
            values = {name: figure(summary) for name, summary in summaries.items() if figure(summary) is not None}
            value = max(values.values(), default=None)
            holders = [name for name in values if values[name] == value]
            more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
            st.metric(
                label,
                f"{value} of 19" if isinstance(value, int) else glossary.score(value),
                delta=None if one or not holders else holders[0] + more,
                delta_color="off",
                delta_arrow="off",
                help=help_text,
                width=160,
            )
