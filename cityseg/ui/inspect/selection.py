"""Selection of the result, the split and the frame to inspect."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.errors.ranking_metric import RankingMetric, rank
from cityseg.analysis.errors.slices import Slice
from cityseg.api import DataInfo, Result
from cityseg.api.types import Split
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, glossary
from cityseg.ui.common import frame_navigator
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.url_choice import segmented_choice, select_choice

_SPLITS: tuple[Split, ...] = ("val", "test")
FIRST = "the worst one"
"""Wish for the first frame of a ranking: no frame has this name, and unknown names fall back to the first."""


def evaluated_results() -> list[Result]:
    """Return the results with stored matrices of val or test: runs, newest first, then shipped models."""
    return [result for result in cache.results() if _splits(result)]


def _splits(result: Result) -> list[Split]:
    return [split for split in _SPLITS if result.run.has_confusions(split)]


def explain_nothing() -> None:
    """Explain where results come from, shown if there is none."""
    st.info(
        "There is no result to inspect yet. A training run evaluates every frame after each epoch; after the first "
        "epoch its frames appear here, worst first.",
        icon=":material/troubleshoot:",
    )
    st.page_link("pages/train.py", label="Train a model", icon=":material/arrow_forward:")


def choose_result(results: list[Result]) -> MeasuredSplit | None:
    """Let the user choose result and split; None after an error message if its file cannot be read."""
    by_id = {result.id: result for result in results}
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    best = max(results, key=lambda result: result.macro_f1 or 0.0)
    titles = {name: _title(result) for name, result in by_id.items()}
    meaning = "Runs, newest first, then the shipped models. The default is the best by macro F1."
    result = by_id[select_choice("Result", titles, "inspect_result", "result", best.id, left, help=meaning)]
    splits = _splits(result)
    meaning = "val selected the best epoch; test was held out until the end. Neither was trained on."
    split = segmented_choice("Split", splits, "inspect_split", "split", splits[-1], right, help=meaning)
    try:
        return MeasuredSplit.load(result, split)
    except CitysegError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _title(result: Result) -> str:
    kind = "shipped model" if result.source == "shipped" else result.state
    return f"{result.id} · macro F1 {glossary.score(result.macro_f1)} · {kind}"


def choose_frame(
    measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None, part: Slice | None = None
) -> int:
    """Show the frame navigator; return the frame's position in the split.

    Args:
        measured: the inspected result and split.
        metric: orders the frames.
        info: the connected data, if it holds the frames.
        part: the slice whose frames are shown; None for all.
    """
    ranking = rank(measured.matrices, metric)
    order = _within(ranking.order, part, metric)
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
    name = frame_navigator.choose_frame(names, "inspect", label="Frame, worst first", split=split, caption=caption)
    return int(order[names.index(name)])


def _within(order: np.ndarray, part: Slice | None, metric: RankingMetric) -> np.ndarray:
    if part is None or part.places is None:
        return order
    found = order[np.isin(order, part.places)]
    if not len(found):
        st.info(f"No frame of {part.name} has a {metric.name}, so all frames are shown.")
        return order
    return found
