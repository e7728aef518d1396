"""What the selected results call what: matrices side by side, their difference, and the confusions in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import confusions as analysis
from cityseg.analysis.comparison.confusions import ComparedPair, View
from cityseg.classes import CLASS_NAMES
from cityseg.figures.class_shares import percent_text
from cityseg.figures.confusion import confusion_change, confusion_heatmap
from cityseg.ui.app import glossary, session, url_state
from cityseg.ui.common import export
from cityseg.ui.compare import ab_picker
from cityseg.ui.compare.ab_picker import Pair
from cityseg.ui.compare.context import Comparison

_VIEW, _VIEW_PARAMETER = "confusions_view", "share"
_VIEWS: dict[View, str] = {"truth": "of the true class", "prediction": "of what it was called"}
_STYLE = """<style>
.st-key-confusions_changed button { justify-content: flex-start; }
.st-key-confusions_changed button p { text-align: left; }
@media (max-width: 640px) {
  .stVerticalBlock:has(> [class*="st-key-confusions_matrix"]) { overflow-x: auto; }
  [class*="st-key-confusions_matrix"] { min-width: 540px; }
}
</style>"""
"""Sentences of two lines read from the left, where buttons would centre them; on a phone matrices scroll sideways,
where their figures would lie upon each other."""
_MANY = 6
"""More matrices than this are not drawn beside each other."""


def show(comparison: Comparison) -> None:
    """Show the matrices of all selected results, and the difference of two of them."""
    totals = {name: stored.matrices.sum(0) for name, stored in ab_picker.counted(comparison).items()}
    if not totals:
        st.info("None of the selected results has been scored on this split yet.", icon=":material/hourglass_empty:")
        return
    st.html(_STYLE)
    view = _view()
    chosen = ab_picker.choose(comparison, list(totals))
    if chosen is not None:
        _difference(comparison, chosen, totals, view)
    _side_by_side(comparison, totals, view, chosen)


def _view() -> View:
    url_state.settle(_VIEW, _VIEW_PARAMETER, list(_VIEWS), "truth")
    answer = st.segmented_control(
        "Per cent",
        list(_VIEWS),
        key=_VIEW,
        format_func=lambda name: _VIEWS[name],
        required=True,
        persist_state="session",
        help="Of the true class: rows add up to 100 and the diagonal is the recall, so one sees what is missed. Of "
        "what it was called: columns add up to 100 and the diagonal is the precision, so one sees false alarms.",
    )
    view = answer or "truth"
    url_state.keep(_VIEW, _VIEW_PARAMETER, view)
    return view


def _difference(comparison: Comparison, chosen: Pair, totals: Mapping[str, np.ndarray], view: View) -> None:
    """Show the second matrix minus the first, or say why it is withheld."""
    first, second = totals[chosen.first], totals[chosen.second]
    st.subheader(f"{chosen.second} − {chosen.first}", anchor=False)
    if chosen.obstacles:
        st.warning(
            f"The difference is withheld. Between {chosen.first} and {chosen.second} stand "
            f"{' and '.join(chosen.obstacles)}: choose two that were measured the same way, or read both below.",
            icon=":material/balance:",
        )
        return
    chart, words = st.columns([5, 4], gap="large")
    pairs = analysis.changed_pairs(first, second, view)
    with chart:
        st.plotly_chart(
            confusion_change(first, second, _ink(), view),
            key="confusions_matrix_difference",
            config=export.chart(f"cityseg-confusions-{chosen.first}-{chosen.second}"),
            alt=f"Confusions of {chosen.second} minus those of {chosen.first}, in percentage points.",
        )
        st.caption(
            f"Percentage points {_VIEWS[view]} that {chosen.second} has more (+) or less (−) than {chosen.first}. Blue "
            "is better, orange is worse: more on the diagonal is right, more off it is wrong. Empty: a class that "
            "one of the two cannot be asked about."
        )
    with words:
        st.markdown("**The confusions that changed most**")
        st.caption("A click opens the frames behind it on the Inspect page, most concerned first.")
        _links(comparison, [chosen.first, chosen.second], pairs, view, totals)


def _side_by_side(comparison: Comparison, totals: Mapping[str, np.ndarray], view: View, chosen: Pair | None) -> None:
    """Draw every matrix; the two that are compared come first."""
    leading = [chosen.first, chosen.second] if chosen else []
    names = [*leading, *(name for name in totals if name not in leading)][:_MANY]
    st.subheader("Side by side" if len(names) > 1 else "What is called what", anchor=False)
    for row in range(0, len(names), 2):
        for column, name in zip(st.columns(2, gap="medium"), names[row : row + 2], strict=False):
            with column:
                st.markdown(f"**{name}**")
                st.plotly_chart(
                    confusion_heatmap(totals[name], _ink(), view),
                    key=f"confusions_matrix_{name}",
                    config=export.chart(f"cityseg-confusions-{name}"),
                    alt=f"Confusion matrix of {name} on {comparison.split} in per cent {_VIEWS[view]}.",
                )
    st.caption(_reading(view, comparison.split))
    if len(names) < len(totals):
        st.caption(f"Only the first {_MANY} are drawn; tick fewer rows to see the others.")
    st.markdown("**The largest confusions of all**")
    pairs = analysis.compared_pairs([totals[name] for name in names], view, limit=12)
    largest = _table(pairs, names)
    st.dataframe(
        largest,
        hide_index=True,
        height="content",
        placeholder=glossary.ABSENT,
        column_config={name: st.column_config.NumberColumn(format="%.1f %%") for name in names},
        key="confusions_pairs",
    )
    st.caption(f"Per cent {_VIEWS[view]} in each result, the largest in any of them first.")
    export.table(largest, "cityseg-confusions", "confusions_pairs")


def _table(pairs: Sequence[ComparedPair], names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "What it is": CLASS_NAMES[found.truth],
                "What it is called": CLASS_NAMES[found.predicted],
                **{name: 100 * share for name, share in zip(names, found.shares, strict=True)},
            }
            for found in pairs
        ],
        columns=["What it is", "What it is called", *names],
    )


def _links(
    comparison: Comparison,
    names: Sequence[str],
    pairs: Sequence[ComparedPair],
    view: View,
    totals: Mapping[str, np.ndarray],
) -> None:
    """Say each confusion in a sentence that leads to the frames of the result that has more of it."""
    with st.container(gap="xxsmall", key="confusions_changed"):
        for found in pairs:
            first, second = (0.0 if np.isnan(share) else share for share in found.shares)
            more = names[0] if first > second else names[1]
            change, color = ("better", "blue") if second < first else ("worse", "orange")
            # A page link would cut a sentence off at the column's edge; a button wraps.
            if st.button(
                f"{sentence(found, names, view)} :{color}[({_points(second - first)}, {change})]",
                key=f"confusions_pair_{found.truth}_{found.predicted}",
                help=f"{int(totals[more][found.truth, found.predicted]):,} pixels in {more}. Click to see its frames.",
                type="tertiary",
            ):
                st.switch_page("pages/inspect.py", query_params=_address(comparison, more, found))
    if not pairs:
        st.caption("No confusion changed.")


def sentence(found: ComparedPair, names: Sequence[str], view: View) -> str:
    """Say a confusion of two results: "better-1 calls 12.0 % of truck pixels car, better-2 7.0 %"."""
    truth, called = CLASS_NAMES[found.truth], CLASS_NAMES[found.predicted]
    first, second = (glossary.ABSENT if np.isnan(share) else percent_text(share) for share in found.shares)
    if view == "truth":
        return f"{names[0]} calls {first} of {truth} pixels {called}, {names[1]} {second}"
    return f"Of what {names[0]} calls {called}, {first} is {truth}; of {names[1]}'s, {second}"


def _address(comparison: Comparison, name: str, found: ComparedPair) -> dict[str, str]:
    """Return the address of the Inspect page on the frames of one confusion."""
    address = {
        "result": comparison.selected[name].id,
        "split": comparison.split,
        "by": f"{CLASS_NAMES[found.truth]} called {CLASS_NAMES[found.predicted]}",
    }
    if "data" in st.query_params:
        address["data"] = session.data_spec()
    return address


def _reading(view: View, split: str) -> str:
    if view == "truth":
        return (
            f"Read a row from left to right: of all {split} pixels that are this class, so many per cent are called "
            "each of the classes above. A perfect model has 100 all along the diagonal; an empty row is a class the "
            "split lacks."
        )
    return (
        f"Read a column from top to bottom: of all {split} pixels called this class, so many per cent are each of the "
        "classes at the left. A perfect model has 100 all along the diagonal; an empty column is a class never named."
    )


def _points(difference: float) -> str:
    return f"{100 * difference:+.1f} points".replace("-", "−")


def _ink() -> str:
    return "#e4e9f1" if st.context.theme.type == "dark" else "#172033"
