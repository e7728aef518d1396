"""What the inspect page looks into, and in which order: a result, a split, and its frames worst first."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.errors.ranking_metric import Ranking, RankingMetric, rank
from cityseg.analysis.errors.slices import Slice
from cityseg.api import DataInfo, Result
from cityseg.api.types import Split
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, glossary, session, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.common.measured_split import MeasuredSplit

_SPLITS: tuple[Split, ...] = ("val", "test")
_STRIP = 6
"""Frames in the strip at a time."""
FIRST = "the worst one"
"""Wish for the head of a ranking; no frame is called so, and an unknown name falls back to the first."""


def inspectable() -> list[Result]:
    """List results with stored matrices of val or test, newest runs first."""
    return [result for result in cache.results() if _splits(result)]


def _splits(result: Result) -> list[Split]:
    return [split for split in _SPLITS if result.run.has_confusions(split)]


def explain_nothing() -> None:
    """Say what to do where no result has been measured yet."""
    st.info(
        "There is no result to look into yet. A training counts its mistakes on every frame after each epoch; "
        "once the first epoch is done, its frames appear here, worst first.",
        icon=":material/troubleshoot:",
    )
    st.page_link("pages/train.py", label="Train a model", icon=":material/arrow_forward:")


def choose_subject(results: list[Result]) -> MeasuredSplit | None:
    """Let the user choose result and split; None if its file cannot be read, which is then said."""
    by_id = {result.id: result for result in results}
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    best = max(results, key=lambda result: _f1(result) or 0.0)
    url_state.settle("inspect_result", "result", list(by_id), best.id)
    with left:
        chosen = st.selectbox(
            "Result",
            list(by_id),
            format_func=lambda name: _title(by_id[name]),
            key="inspect_result",
            persist_state="session",
            help="Runs, newest first, then the shipped models. The best by macro F1 is shown on arrival.",
        )
    url_state.keep("inspect_result", "result", chosen)
    result = by_id[chosen]
    splits = _splits(result)
    url_state.settle("inspect_split", "split", splits, splits[-1])
    with right:
        answer = st.segmented_control(
            "Split",
            splits,
            key="inspect_split",
            required=True,
            persist_state="session",
            help="val chose the best epoch; test was kept back to the end. Neither was learned from.",
        )
    split = answer or splits[-1]
    url_state.keep("inspect_split", "split", split)
    try:
        return MeasuredSplit.load(result, split)
    except CitysegError as error:
        st.error(str(error), icon=":material/error:")
        return None


def _f1(result: Result) -> float | None:
    test = result.score("test", "f1")
    return result.score("val", "f1") if test is None else test


def _title(result: Result) -> str:
    kind = "shipped model" if result.source == "shipped" else result.state
    return f"{result.id} · macro F1 {glossary.score(_f1(result))} · {kind}"


def choose_frame(
    subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None, part: Slice | None = None
) -> int:
    """Show the strip and the way through it; return the frame's position in the subject.

    Args:
        subject: what is inspected.
        measure: what its frames are ordered by.
        info: the connected data, if it holds the frames.
        part: the slice whose frames alone are walked through; None for all.
    """
    ranking = rank(subject.matrices, measure)
    order = _within(ranking.order, part, measure)
    names = [subject.names[index] for index in order]
    key = "inspect_frame"
    place = names.index(url_state.settle(key, "frame", names, names[0]))
    start = place // _STRIP * _STRIP
    shown = range(start, min(start + _STRIP, len(names)))
    if info is not None:
        clicked = _strip(subject, ranking, order, names, shown, place)
        if clicked and clicked != names[place]:
            url_state.wish(key, clicked)
            st.rerun()
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        name = st.selectbox(
            f"Frame, worst first: number {place + 1:,} of {len(names):,}",
            names,
            key=key,
            persist_state="session",
        )
    url_state.keep(key, "frame", name)
    with right.container(horizontal=True, gap="small"):
        for words, icon, steps, end in (("Worse", "left", -1, 0), ("Better", "right", 1, len(names) - 1)):
            st.button(
                words,
                icon=f":material/chevron_{icon}:",
                key=f"inspect_{words.lower()}",
                on_click=url_state.walk,
                args=(key, steps),
                disabled=place == end,
                width="stretch",
            )
    return int(order[names.index(name)])


def _within(order: np.ndarray, part: Slice | None, measure: RankingMetric) -> np.ndarray:
    if part is None or part.places is None:
        return order
    found = order[np.isin(order, part.places)]
    if not len(found):
        st.info(f"No frame of {part.name} can be ranked by {measure.name}, so all frames are shown.")
        return order
    return found


def _strip(
    subject: MeasuredSplit, ranking: Ranking, order: np.ndarray, names: list[str], shown: range, place: int
) -> str | None:
    spec = session.data_spec()
    thumbnails = [
        Thumbnail(
            names[at],
            f"{at + 1}. {_note(ranking, int(order[at]))}",
            names[at],
            frames.thumbnail(spec, subject.split, names[at]),
        )
        for at in shown
    ]
    label = f"Frames {shown.start + 1} to {shown.stop} of {len(names)}, worst first"
    return gallery(thumbnails, key="inspect_strip", label=label, chosen=names[place], cell=140)


def _note(ranking: Ranking, position: int) -> str:
    """Write the figure a frame is ranked by: confused pixels, or a score and the pixels it rests on."""
    if ranking.metric.metric is None:
        return f"{ranking.values[position]:,.0f} px"
    score = glossary.score(float(ranking.values[position]))
    return score if ranking.pixels is None else f"{score} · {ranking.pixels[position]:,} px"
