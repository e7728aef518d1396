"""The Contribution by class tab: the classes that make the difference of two results, and the frames behind each."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.contributions import Contributions, top_frames
from cityseg.analysis.tables import signed
from cityseg.api import PairComparison
from cityseg.api.types import class_scores
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures import comparison as figures
from cityseg.figures import theme
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, reveal, session, url_state
from cityseg.ui.common import export, frames, tables
from cityseg.ui.common.charts import chart_title
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.compare import pairing
from cityseg.ui.compare.context import CompareContext

_CLASS = "compare_class"
_FRAMES, _THUMBNAILS = 12, 6
_WATERFALL, _PART = "waterfall", "contribution_frames"
Names = tuple[str, str]
"""Baseline and candidate."""


def show(context: CompareContext) -> None:
    """Show the waterfall from the baseline's mean to the candidate's, and the frames behind the chosen class."""
    chosen = pairing.choose_candidate(context, "which classes make the difference")
    if chosen is None:
        return
    metric, baseline, candidate = chosen
    names = baseline, candidate
    both = pairing.compare_pair(context, *names)
    parts = both.contributions(metric)
    order = [int(index) for index in np.argsort(-parts.classes, kind="stable") if abs(parts.classes[index]) >= 5e-7]
    if not order:
        st.info(f"{escape(candidate)} and {escape(baseline)} score alike in every class.", icon=":material/equal:")
        return
    score = verdicts.SCORE_NAMES[f"macro {metric}"]
    st.markdown(_summary(parts, names, score))
    classes = [CLASS_NAMES[index] for index in order]
    largest = CLASS_NAMES[max(order, key=lambda index: abs(parts.classes[index]))]
    meaning = "The largest gain first. A click on a bar chooses its class too."
    chosen_class = choose_option(st.selectbox, "Frames behind", classes, _CLASS, "class", largest, help=meaning)
    train_id = CLASS_NAMES.index(chosen_class)
    _waterfall(parts, order, names, train_id, score)
    with st.container(key=_PART):
        _frames(context, both, parts, train_id, names)


def _summary(parts: Contributions, names: Names, score: str) -> str:
    gains = [index for index in np.argsort(-parts.classes) if parts.classes[index] > 0]
    losses = [index for index in np.argsort(parts.classes) if parts.classes[index] < 0]
    halves = [
        f"{_class_list(found)} {verb} {signed(parts.classes[found].sum())}"
        for found, verb in ((gains, "add"), (losses, "take"))
        if found
    ]
    return (
        f"**{score[0].upper()}{score[1:]} goes from {parts.start:.3f} ({escape(names[0])}) to {parts.end:.3f} "
        f"({escape(names[1])}), {signed(parts.end - parts.start)}.** {'; '.join(halves)}."
    )


def _class_list(found: Sequence[int]) -> str:
    names, more = ", ".join(CLASS_NAMES[index] for index in found[:3]), len(found) - 3
    return f"{names} and {more} more" if more > 0 else names


def _waterfall(parts: Contributions, order: list[int], names: Names, train_id: int, score: str) -> None:
    def choose_clicked() -> None:
        points = st.session_state[_WATERFALL].selection.points
        if points and points[0].get("customdata"):
            url_state.request(_CLASS, str(points[0]["customdata"][0]))
            reveal.request(_PART)

    chart_title(
        f"From {escape(names[0])} to {escape(names[1])}, class by class",
        "From top to bottom each class raises (blue, +) or lowers (orange, −) the mean; the steps add up exactly. The "
        "axis does not begin at 0. Click a bar to see its frames.",
    )
    colors = theme.run_color(names[0]), theme.run_color(names[1])
    export.chart(
        figures.waterfall(parts, order, names, colors, train_id, score),
        _WATERFALL,
        f"cityseg-contributions-{names[0]}-{names[1]}-{parts.metric}",
        alt=f"The steps from {names[0]}'s to {names[1]}'s {score}, class by class",
        on_select=choose_clicked,
        selection_mode="points",
    )


def _frames(context: CompareContext, both: PairComparison, parts: Contributions, train_id: int, names: Names) -> None:
    baseline, candidate = names
    name, label = CLASS_NAMES[train_id], glossary.SCORES[parts.metric][0]
    st.header(f"Frames that moved {escape(name)}", anchor=False)
    order, values = top_frames(parts, train_id, _FRAMES), parts.frames[:, train_id]
    st.caption(
        f"{(values > 0).sum():,} frames favour {escape(candidate)}, {(values < 0).sum():,} favour "
        f"{escape(baseline)}; the {len(order)} "
        "largest contributions are shown, in thousandths of the mean. All frames together contribute "
        f"{_thousandths(parts.classes[train_id])}."
    )
    _thumbnails(context, [both.frames[index] for index in order[:_THUMBNAILS]], values[order], candidate, name)
    shown = [both.frames[index] for index in order]
    scores = [
        getattr(class_scores(matrices[order]), parts.metric)[:, train_id]
        for matrices in (both.baseline, both.candidate)
    ]
    links = {
        f"Open {one}": [
            f"inspect?{urlencode(context.inspect_query(one, f'IoU of {name}', frame=frame))}" for frame in shown
        ]
        for one in (candidate, baseline)
    }
    table = pd.DataFrame(
        {
            "Frame": shown,
            "Adds": values[order] * 1000,
            f"{baseline} here": scores[0],
            f"{candidate} here": scores[1],
            f"Pixels of {name}": both.baseline[order, train_id].sum(1),
            **links,
        }
    )
    link = st.column_config.LinkColumn(display_text="Inspect", help="Open this frame in Inspect.")
    here = tables.number(format="%.3f", help=f"{label} of {escape(name)} in this frame alone.")
    adds = tables.number(
        "Adds (thousandths)", help=f"Blue favours {escape(candidate)}, orange favours {escape(baseline)}."
    )
    columns = {"Adds": adds, **{f"{one} here": here for one in names}, **dict.fromkeys(links, link)}
    tables.show(table, "why_frames", columns, alt=f"Frames that moved {name}", signed=["Adds"])
    file = f"cityseg-frames-{name}-{baseline}-{candidate}"
    export.table(table.drop(columns=list(links)), file, "why_frames", ["Adds"])


def _thumbnails(context: CompareContext, names: list[str], values: np.ndarray, candidate: str, class_name: str) -> None:
    """Show the frames if the connected data holds them; a click opens one in Inspect."""
    spec = session.data_spec()
    try:
        held = cache.frame_names(spec, context.split)
    except CitysegError:
        return
    if not set(names) <= set(held):
        return
    cells = [
        Thumbnail(name, _thousandths(value), name, frames.thumbnail(spec, context.split, name))
        for name, value in zip(names, values, strict=False)
    ]
    if clicked := gallery(cells, key="why_strip", label="The frames with the largest contributions", cell=140):
        query = context.inspect_query(candidate, f"IoU of {class_name}", frame=clicked)
        st.switch_page("pages/inspect.py", query_params=query)


def _thousandths(value: float) -> str:
    return f"{glossary.signed(value * 1000, 2)} ‰"
