"""Selection of the result, the split and the frame to inspect."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg import api
from cityseg.analysis.errors.ranking_metric import RankingMetric, rank
from cityseg.analysis.errors.slices import Slice
from cityseg.api import ConnectedData, DataInfo, Result
from cityseg.api.types import Split
from cityseg.markdown import escape
from cityseg.text import shortened
from cityseg.ui.app import cache, glossary, session, url_state
from cityseg.ui.common import frame_navigator, measure_panel
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.url_choice import choose_option

PICTURE = "inspect_picture"
"""Key of the container with the large frame."""
_SPLITS: tuple[Split, ...] = ("val", "test")
_RESULT = "inspect_result"


def evaluated_results() -> list[Result]:
    """Return the results with stored matrices of val or test, those on other data included."""
    return [result for result in cache.all_results() if _splits(result)]


def _splits(result: Result) -> list[Split]:
    return [split for split in _SPLITS if result.run.has_confusions(split)]


def request_result(result: str) -> None:
    """Select a result in this run, before ``choose_result``."""
    url_state.request(_RESULT, result)


def offer_measuring(measured: MeasuredSplit) -> None:
    """Offer the model's scores on the connected data: to show them, or to measure them."""
    result, split = measured.result, measured.split
    if (other := measure_panel.find_measured(result.model, split)) is not None:
        label, icon = f"Show {escape(other.id)}", ":material/straighten:"
        st.button(label, icon=icon, on_click=request_result, args=(other.id,), key="show_measured")
    elif result.has_weights:
        measure_panel.offer(result.model, split)


def choose_result(results: list[Result]) -> MeasuredSplit:
    """Choose result and split; raises CitysegError if its file cannot be read."""
    by_id = {result.id: result for result in results}
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    data = cache.connected_data(session.data_spec())
    best = api.ranked(results, data)[0]
    titles = {name: _title(result, data) for name, result in by_id.items()}
    meaning = (
        "Runs, newest first, then the shipped models; MODEL@DATA was measured on other data. The default is the best "
        "by macro F1 of those measured on the connected data."
    )
    result = by_id[choose_option(left.selectbox, "Result", titles, _RESULT, "result", best.id, help=meaning)]
    splits = _splits(result)
    meaning = "val selected the best epoch; test was held out until the end. Neither was trained on."
    control, default = right.segmented_control, splits[-1]
    split = choose_option(control, "Split", splits, "inspect_split", "split", default, help=meaning)
    return MeasuredSplit.load(result, split)


def _title(result: Result, data: ConnectedData | None) -> str:
    kind = "shipped model" if result.source == "shipped" else result.state
    elsewhere = "" if data and data.holds_frames_of(result) else f" on {result.measured_on}"
    return f"{shortened(result.id, 44)} · macro F1 {glossary.score(result.macro_f1)}{elsewhere} · {kind}"


def choose_frame(
    measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None, part: Slice | None = None
) -> int:
    """Show the navigator of all frames, or those of the slice ``part``; return the frame's position in the split."""
    ranking = rank(measured.matrices, metric)
    order = ranking.order
    if part is not None and part.places is not None:
        within = order[np.isin(order, part.places)]
        if len(within):
            order = within
        else:
            st.info(f"No frame of {escape(part.name)} has a {escape(metric.name)}, so all frames are shown.")
    names = [measured.names[index] for index in order]

    def caption(place: int) -> tuple[str, str]:
        index = int(order[place])
        if metric.confusion:
            value = f"{ranking.values[index]:,.0f} px"
        else:
            value = glossary.score(float(ranking.values[index]))
            value += "" if ranking.pixels is None else f" · {ranking.pixels[index]:,} px"
        return f"{place + 1}. {value}", names[place]

    split = measured.split if info is not None else None
    name = frame_navigator.choose_frame(
        names, "inspect", label="Frame, worst first", split=split, caption=caption, target=PICTURE
    )
    return int(order[names.index(name)])
