"""The Compare page: the verdict in a sentence, the table of results, and a tab per question about the selected ones."""

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
from cityseg.ui.compare.context import CompareContext

_SPLIT_PARAMETER, _SPLIT = "split", "compare_split"
_SPLITS: tuple[Split, ...] = ("test", "val")
_BASELINE, _BASELINE_PARAMETER = "compare_baseline", "baseline"
_NONE = "none"
_VIEW = "view"

TABS: dict[str, Callable[[CompareContext], None]] = {
    "Scores": scores.show,
    "Significance": significance.show,
    "Contribution by class": contributions.show,
    "Curves": curves.show,
    "Confusions": confusions.show,
    "Pictures": qualitative.show,
    "Settings": config_diff.show,
}
"""The tabs in order; only the open one is computed."""
_FORMER_TABS = {"Certainty": "Significance", "Why": "Contribution by class"}
"""Former labels, so that links which hold them stay valid."""


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
        split = _choose_split(everything)
    with right:
        baseline = _choose_baseline([name for name, result in named.items() if split in result.scores])
    # Comes first on the page, but depends on the rows selected below it.
    summary = st.container()
    selected = table.table(named, split, baseline)
    summaries = {name: result.scores[split] for name, result in selected.items() if split in result.scores}
    bases = {name: Basis.of(scores, split) for name, scores in summaries.items()}
    context = CompareContext(split, selected, summaries, bases, baseline)
    with summary:
        _summary(context)
    if not selected:
        return
    if st.query_params.get(_VIEW) in _FORMER_TABS:
        st.session_state[_VIEW] = _FORMER_TABS[st.query_params[_VIEW]]
    for name, tab in zip(TABS, st.tabs(list(TABS), key=_VIEW, bind="query-params"), strict=True):
        if tab.open:
            with tab:
                TABS[name](context)
    export.page()


def _choose_baseline(names: list[str]) -> str | None:
    """Choose the result that all others are compared with, on every tab."""
    options = [_NONE, *names]
    url_state.settle(_BASELINE, _BASELINE_PARAMETER, options, _NONE)
    baseline = st.selectbox(
        "Baseline",
        options,
        key=_BASELINE,
        help="Shows every other result as its difference from this one, if the two are comparable. The baseline is "
        "always among the results compared, ticked or not.",
    )
    if baseline == _NONE:
        session.set_url(_BASELINE_PARAMETER, None)
        return None
    url_state.keep(_BASELINE, _BASELINE_PARAMETER, baseline)
    return baseline


def _choose_split(everything: list[Result]) -> Split:
    """Choose the split; by default test, or val while nothing has been scored on test."""
    # A click right after the page appears can reach the control before it has a value; it then returns None.
    if st.session_state.get(_SPLIT) not in _SPLITS:
        scored = any("test" in result.scores for result in everything)
        st.session_state[_SPLIT] = session.url_option(_SPLIT_PARAMETER, list(_SPLITS)) or ("test" if scored else "val")
    split = st.segmented_control(
        "Scored on",
        _SPLITS,
        key=_SPLIT,
        required=True,
        help="val chose the best epoch of each run, so its scores are slightly optimistic; test was held out.",
    )
    session.set_url(_SPLIT_PARAMETER, split)
    return split or "test"


def _summary(context: CompareContext) -> None:
    """Show the best result of each comparable group, with the significance of its lead."""
    if not context.selected:
        st.info("Tick one or more rows of the table to see their scores side by side.", icon=":material/check_box:")
        return
    groups = group_comparable(context.bases)
    for names in groups[:3]:
        first = names[0]
        _best_scores(
            {name: context.summaries[name] for name in names}, context.bases[first], context.selected[first].data
        )
        _verdict(context, list(names))
    if text := pairing.not_comparable(context):
        st.warning(text, icon=":material/balance:")
    elif len(groups) > 1:
        rest = f" {len(groups) - 3} smaller groups appear in the table only." if len(groups) > 3 else ""
        st.warning(
            f"The selected results were measured in {len(groups)} different ways, so there is no single best: each "
            f"group has its own line.{rest}",
            icon=":material/balance:",
        )
    if missing := [name for name in context.selected if name not in context.summaries]:
        st.caption(f"Not scored on {context.split} yet: {', '.join(missing)}.")


def _verdict(context: CompareContext, names: list[str]) -> None:
    """Compare the best of some comparable results with the baseline, or with the second best, in a sentence."""
    if len(names) < 2:
        return
    ranked = context.ranked(names)
    baseline = context.baseline if context.baseline in ranked else ranked[1]
    candidate = next(name for name in ranked if name != baseline)
    try:
        found = pairing.differences(context, baseline, candidate)
    except CitysegError as error:
        st.caption(f"The significance of the difference is unknown. {error}")
        return
    tally = verdicts.tally_sentence(baseline, candidate, verdicts.tally(found.classes("f1")))
    st.markdown(f"{verdicts.macro_sentence(baseline, candidate, found, 'f1')} {tally}")


def _best_scores(summaries: Mapping[str, Mapping[str, Any]], basis: Basis, data: str) -> None:
    """Show the best value of each score among comparable results, with its holder."""
    only = next(iter(summaries)) if len(summaries) == 1 else None
    title = only or f"Best of {len(summaries)} results"
    st.markdown(f"**{title}** on {basis.split}, {data}, scored at {glossary.size(basis.size)} pixels")
    cells: tuple[tuple[str, Callable[[Mapping[str, Any]], Any], str], ...] = (
        ("Macro F1", lambda summary: summary["macro"]["f1"], glossary.SCORES["f1"][1]),
        ("Mean IoU", lambda summary: summary["macro"]["iou"], glossary.SCORES["iou"][1]),
        ("Pixel accuracy", lambda summary: summary["pixel_accuracy"], glossary.PIXEL_ACCURACY),
        ("Classes found", lambda summary: summary["classes_above_zero"], glossary.CLASSES_FOUND),
    )
    with st.container(horizontal=True, gap="medium"):
        for label, read, meaning in cells:
            values = {name: value for name, summary in summaries.items() if (value := read(summary)) is not None}
            best = max(values.values(), default=None)
            holders = [name for name, value in values.items() if value == best]
            more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
            st.metric(
                label,
                f"{best} of 19" if isinstance(best, int) else glossary.score(best),
                delta=None if only or not holders else holders[0] + more,
                delta_color="off",
                delta_arrow="off",
                help=meaning,
                width=160,
            )
