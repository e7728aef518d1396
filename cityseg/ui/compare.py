"""The Compare page: the results on top, then what the selected ones say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from cityseg.analysis.compare import Basis, differing_settings, group_comparable
from cityseg.api import Result
from cityseg.data.layout import Split
from cityseg.ui import cached, confusions, curves, glossary, results, same_frame, scores, state
from cityseg.ui.comparison import Comparison

CHANCE = "Differences within a few thousandths may be chance; intervals are not computed yet."
_SPLIT_PARAMETER, _SPLIT = "split", "compare_split"
_SPLITS: tuple[Split, ...] = ("test", "val")

TABS: dict[str, Callable[[Comparison], None]] = {
    "Scores": lambda comparison: scores.show(comparison.summaries, comparison.bases),
    "Curves": curves.show,
    "Confusions": confusions.show,
    "Pictures": same_frame.show,
    "Settings": lambda comparison: _settings(dict(comparison.selected)),
}
"""The tabs in order, and what shows each; only the open one is computed."""


def page() -> None:
    """Show the whole page."""
    everything = cached.results()
    if not everything:
        st.info(
            "**Nothing to compare yet.** Train two presets on the same data, or put models into `checkpoints/`.",
            icon=":material/compare:",
        )
        st.page_link("pages/train.py", label="Train a first model", icon=":material/model_training:")
        return
    split = _split(everything)
    # The reading comes first on the page, but what it says depends on the rows selected below it.
    reading = st.container()
    selected = results.table(results.named(everything), split)
    st.caption("Tick rows to compare them; a column's head sorts. An empty score: not measured on this split yet.")
    summaries = {name: result.scores[split] for name, result in selected.items() if split in result.scores}
    bases = {name: Basis.of(summary, split) for name, summary in summaries.items()}
    with reading:
        _reading(selected, summaries, bases, split)
    if not selected:
        return
    comparison = Comparison(split, selected, summaries, bases, None)
    for name, tab in zip(TABS, st.tabs(list(TABS), key="view", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                TABS[name](comparison)


def _split(everything: list[Result]) -> Split:
    """Ask for the split; test on arrival, or val while nothing has been scored on test."""
    # A click in the moment a page appears can find the control not filled yet, and then it answers nothing.
    if st.session_state.get(_SPLIT) not in _SPLITS:
        scored = any("test" in result.scores for result in everything)
        st.session_state[_SPLIT] = state.remembered(_SPLIT_PARAMETER, list(_SPLITS)) or ("test" if scored else "val")
    split = st.segmented_control(
        "Scored on",
        _SPLITS,
        key=_SPLIT,
        required=True,
        help="val chose the best epoch of each run, so its scores flatter a little; test was never looked at.",
    )
    state.remember(_SPLIT_PARAMETER, split)
    return split or "test"


def _reading(
    selected: dict[str, Result], summaries: Mapping[str, Mapping[str, Any]], bases: Mapping[str, Basis], split: Split
) -> None:
    """Say which of the selected results is best, among those measured the same way."""
    if not selected:
        st.info("Tick one or more rows of the table to see their scores side by side.", icon=":material/check_box:")
        return
    missing = [name for name in selected if name not in summaries]
    groups = group_comparable(bases)
    for names in groups[:3]:
        _best({name: summaries[name] for name in names}, bases[names[0]], selected[names[0]].data)
    if len(groups) > 1:
        rest = f" The {len(groups) - 3} smaller groups are left to the table." if len(groups) > 3 else ""
        st.warning(
            f"The selected results were measured in {len(groups)} different ways, so there is no single best: "
            f"each line stands for itself.{rest}",
            icon=":material/balance:",
        )
    if missing:
        st.caption(f"Not scored on {split} yet: {', '.join(missing)}.")
    if any(len(names) > 1 for names in groups):
        st.caption(CHANCE)


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


def _settings(selected: dict[str, Result]) -> None:
    """Show only the settings that are not the same for all selected results."""
    rows = {name: {**result.config.model_dump(), "data": result.data} for name, result in selected.items()}
    if len(selected) == 1:
        (only,) = rows.values()
        differing: dict[str, tuple[Any, ...]] = {key: (value,) for key, value in only.items()}
    else:
        differing = differing_settings(rows)
    if not differing:
        st.info("The selected results were trained with the same settings.", icon=":material/equal:")
        return
    frame = pd.DataFrame(
        [
            [glossary.SETTING_NAMES.get(key, "Data"), *(glossary.setting(key, value) for value in values), _why(key)]
            for key, values in differing.items()
        ],
        columns=["Setting", *rows, "What it means"],
    )
    st.dataframe(
        frame,
        hide_index=True,
        column_config={"What it means": st.column_config.TextColumn(width="large")},
        key="settings",
    )
    if len(selected) > 1:
        alike = len(next(iter(rows.values()))) - len(differing)
        st.caption(f"Only what differs: {alike} more settings are the same for all of them.")


def _why(key: str) -> str:
    return "What it was trained on." if key == "data" else glossary.meaning(key)
