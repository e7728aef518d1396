"""The Confusions tab: matrices side by side, the difference of two, and the confusions in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import confusions as analysis
from cityseg.analysis.comparison.confusions import ComparedConfusion, Normalisation
from cityseg.analysis.errors.ranking_metric import confusion_name
from cityseg.classes import CLASS_NAMES
from cityseg.figures.class_shares import percent_text
from cityseg.figures.confusion import confusion_change, confusion_heatmap
from cityseg.markdown import escape
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export, tables
from cityseg.ui.common.layout import grid
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.compare import pairing
from cityseg.ui.compare.context import NOT_SCORED, CompareContext
from cityseg.ui.compare.pairing import ChosenPair

_VIEWS: dict[Normalisation, str] = {"truth": "of the ground truth class", "prediction": "of the predicted class"}
_STYLE = """<style>
.st-key-confusions_changed button { justify-content: flex-start; }
.st-key-confusions_changed button p { text-align: left; }
@media (max-width: 640px) {
  .stVerticalBlock:has(> [class*="st-key-confusions_matrix"]) { overflow-x: auto; }
  [class*="st-key-confusions_matrix"] { min-width: 540px; }
}
</style>"""
"""Sentences align left instead of centred as buttons; on a phone a matrix scrolls sideways, so that its figures do not
overlap."""
_MATRICES = 6
"""Matrices shown side by side at most."""


def show(context: CompareContext) -> None:
    """Show the difference of two matrices, then the matrices of all selected results."""
    totals = {name: stored.matrices.sum(0) for name, stored in pairing.frame_confusions(context).items()}
    if not totals:
        st.info(NOT_SCORED, icon=":material/hourglass_empty:")
        return
    st.html(_STYLE)
    meaning = "Of the ground truth class, the diagonal is recall; of the predicted class, it is precision."
    view = choose_option(st.segmented_control, "Per cent", _VIEWS, "confusions_view", "share", help=meaning)
    chosen = pairing.choose_pair(context, list(totals))
    if chosen is not None:
        _difference(context, chosen, totals, view)
    _side_by_side(context, totals, view, pairing.pair_first(chosen, list(totals)))


def _difference(
    context: CompareContext, chosen: ChosenPair, totals: Mapping[str, np.ndarray], view: Normalisation
) -> None:
    """Show the candidate's matrix minus the baseline's, or why they are not comparable."""
    baseline, candidate = chosen.baseline, chosen.candidate
    how_to_read = (
        f"Percentage points {_VIEWS[view]} that {escape(candidate)} has more (+) or less (−) than "
        f"{escape(baseline)}; blue is better, orange worse. An empty cell: one of the two has no pixels to divide by."
    )
    st.header(f"{escape(candidate)} − {escape(baseline)}", anchor=False, help=how_to_read)
    if chosen.obstacles:
        st.warning(
            f"{escape(candidate)} and {escape(baseline)} are not comparable: "
            f"{escape(' and '.join(chosen.obstacles))}. Choose two that were measured the same way, or read both "
            "matrices below.",
            icon=":material/balance:",
        )
        return
    chart, sentences = st.columns([5, 4], gap="large")
    with chart:
        export.chart(
            confusion_change(totals[baseline], totals[candidate], view, dark=session.is_dark()),
            "confusions_matrix_difference",
            f"cityseg-confusions-{baseline}-{candidate}",
            alt=f"Confusions of {candidate} minus those of {baseline}, in percentage points.",
        )
    with sentences:
        meaning = "A click opens the frames of a confusion on the Inspect page, the largest first."
        st.markdown("**The confusions that changed most**", help=meaning)
        _links(context, chosen, totals, view)


def _side_by_side(
    context: CompareContext, totals: Mapping[str, np.ndarray], view: Normalisation, names: list[str]
) -> None:
    names, left_out = names[:_MATRICES], names[_MATRICES:]
    title = "Side by side" if len(names) > 1 else "Confusion matrix"
    st.header(title, anchor=False, help=_how_to_read(view, context.split))
    for name in grid(names, 2):
        st.markdown(f"**{escape(name)}**")
        export.chart(
            confusion_heatmap(totals[name], view, dark=session.is_dark()),
            f"confusions_matrix_{name}",
            f"cityseg-confusions-{name}",
            f"Confusion matrix of {name} on {context.split} in per cent {_VIEWS[view]}.",
        )
    if left_out:
        st.caption(f"Only the first {_MATRICES} are shown; tick fewer rows to see {escape(', '.join(left_out))}.")
    meaning = f"Per cent {_VIEWS[view]} in each result, the largest in any of them first."
    st.markdown("**The largest confusions of all**", help=meaning)
    largest = pd.DataFrame(
        [
            {
                "Ground truth": CLASS_NAMES[found.truth],
                "Predicted as": CLASS_NAMES[found.predicted],
                **{name: 100 * share for name, share in zip(names, found.shares, strict=True)},
            }
            for found in analysis.largest_confusions([totals[name] for name in names], view, limit=12)
        ],
        columns=["Ground truth", "Predicted as", *names],
    )
    shares = {name: tables.number(format="%.1f %%") for name in names}
    tables.show(largest, "confusions_pairs", shares, alt="The largest confusions of all", file="cityseg-confusions")


def _links(context: CompareContext, chosen: ChosenPair, totals: Mapping[str, np.ndarray], view: Normalisation) -> None:
    """Show each changed confusion as a sentence that opens the frames of the result that has more of it."""
    names = chosen.baseline, chosen.candidate
    changed = analysis.changed_confusions(totals[names[0]], totals[names[1]], view)
    with st.container(gap="xxsmall", key="confusions_changed"):
        for found in changed:
            first, second = (0.0 if np.isnan(share) else share for share in found.shares)
            more = names[0] if first > second else names[1]
            change, color = ("better", "blue") if second < first else ("worse", "orange")
            points = f"{glossary.signed(100 * (second - first))} points"
            # A page link would cut a sentence off at the column's edge; a button wraps.
            if st.button(
                f"{escape(sentence(found, names, view))} :{color}[({points}, {change})]",
                key=f"confusions_pair_{found.truth}_{found.predicted}",
                help=f"{int(totals[more][found.truth, found.predicted]):,} pixels in {escape(more)}. "
                "Click to see its frames.",
                type="tertiary",
            ):
                order = confusion_name(found.truth, found.predicted)
                st.switch_page("pages/inspect.py", query_params=context.inspect_query(more, order))
    if not changed:
        st.caption("No confusion changed.")


def sentence(found: ComparedConfusion, names: Sequence[str], view: Normalisation) -> str:
    """Return "better-1 predicts 12.0 % of truck pixels as car, better-2 7.0 %", or the like by predicted class."""
    truth, predicted = CLASS_NAMES[found.truth], CLASS_NAMES[found.predicted]
    first, second = (glossary.ABSENT if np.isnan(share) else percent_text(share) for share in found.shares)
    if view == "truth":
        return f"{names[0]} predicts {first} of {truth} pixels as {predicted}, {names[1]} {second}"
    return f"{first} of the pixels that {names[0]} predicts as {predicted} are {truth}, {second} of {names[1]}'s"


def _how_to_read(view: Normalisation, split: str) -> str:
    if view == "truth":
        return (
            f"Read a row from left to right: the per cent of all {split} pixels of this class predicted as each class "
            "above. An empty row is a class that the split lacks."
        )
    return (
        f"Read a column from top to bottom: the per cent of all {split} pixels predicted as this class that belong to "
        "each class at the left. An empty column is a class never predicted."
    )
