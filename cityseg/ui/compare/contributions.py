"""The Why tab: which classes carry one result past another, and the frames behind each class."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import verdicts
from cityseg.analysis.comparison.contributions import Bridge, most_responsible
from cityseg.analysis.tables import signed
from cityseg.api.results.compare import Pair
from cityseg.api.types import class_scores
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures import comparison as figures
from cityseg.figures import theme
from cityseg.ui.app import glossary, session, url_state
from cityseg.ui.common import diff_style, export, frames
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.compare import pairing
from cityseg.ui.compare.context import Comparison

_CLASS, _PARAMETER = "compare_class", "class"
_FRAMES, _PICTURES = 12, 6


def show(comparison: Comparison) -> None:
    """Show the bridge from the baseline's mean to the other's, and the frames that moved the chosen class."""
    chosen = pairing.choose(comparison, "which classes make the difference")
    if chosen is None:
        return
    metric, first, second = chosen
    try:
        both = pairing.matched(comparison, first, second)
    except CitysegError as error:
        st.error(str(error), icon=":material/error:")
        return
    found = pairing.build_bridge(comparison, first, second, metric)
    order = [int(index) for index in np.argsort(-found.classes, kind="stable") if abs(found.classes[index]) >= 5e-7]
    if not order:
        st.info(f"{second} and {first} score alike in every class.", icon=":material/equal:")
        return
    score = verdicts.SCORE_NAMES[f"macro {metric}"]
    st.markdown(_words(found, first, second, score))
    train_id = _choose_class(order, found)
    _waterfall(found, order, (first, second), train_id, score)
    _frames(comparison, both, found, train_id, (first, second))


def _words(found: Bridge, first: str, second: str, score: str) -> str:
    gains = [index for index in np.argsort(-found.classes) if found.classes[index] > 0]
    losses = [index for index in np.argsort(found.classes) if found.classes[index] < 0]
    won, lost = found.classes[gains].sum(), found.classes[losses].sum()
    way = f"from {found.start:.3f} ({first}) to {found.end:.3f} ({second}), {signed(found.end - found.start)}"
    words = f"**{score[0].upper()}{score[1:]} goes {way}.** "
    if gains:
        words += f"{_classes(gains)} add {signed(won)}"
    if losses:
        words += f"{'; ' if gains else ''}{_classes(losses)} take {signed(lost)}"
    return words + "."


def _classes(found: list[Any]) -> str:
    names = ", ".join(CLASS_NAMES[index] for index in found[:3])
    more = len(found) - 3
    return f"{names} and {more} more" if more > 0 else names


def _choose_class(order: list[int], found: Bridge) -> int:
    names = [CLASS_NAMES[index] for index in order]
    largest = CLASS_NAMES[max(order, key=lambda index: abs(found.classes[index]))]
    url_state.settle(_CLASS, _PARAMETER, names, largest)
    name = st.selectbox(
        "Frames behind", names, key=_CLASS, help="The largest gain first. A click on a bar chooses its class too."
    )
    url_state.keep(_CLASS, _PARAMETER, name)
    return CLASS_NAMES.index(name)


def _waterfall(found: Bridge, order: list[int], names: tuple[str, str], train_id: int, score: str) -> None:
    key = "waterfall"

    def choose() -> None:
        points = st.session_state[key].selection.points
        if points and points[0].get("customdata"):
            url_state.wish(_CLASS, str(points[0]["customdata"][0]))

    colors = theme.run_color(names[0]), theme.run_color(names[1])
    st.plotly_chart(
        figures.waterfall(found, order, names, colors, train_id, score),
        key=key,
        config=export.chart(f"cityseg-bridge-{names[0]}-{names[1]}-{found.metric}"),
        on_select=choose,
        selection_mode="points",
        alt=f"The steps from {names[0]}'s to {names[1]}'s {score}, class by class",
    )
    st.caption(
        f"Read from top to bottom: each class lifts the mean (blue, +) or lowers it (orange, −) on the way from "
        f"{names[0]} to {names[1]}; the steps add up exactly. The axis does not begin at 0. Click a bar for its frames."
    )


def _frames(comparison: Comparison, both: Pair, found: Bridge, train_id: int, names: tuple[str, str]) -> None:
    first, second = names
    name = CLASS_NAMES[train_id]
    label = glossary.SCORES[found.metric][0]
    st.subheader(f"Frames that moved {name}", anchor=False)
    order = most_responsible(found, train_id, _FRAMES)
    parts = found.frames[:, train_id]
    st.caption(
        f"{(parts > 0).sum():,} frames speak for {second} and {(parts < 0).sum():,} for {first}; the "
        f"{len(order)} that weigh most are shown. What a frame adds is in thousandths of the mean, and all frames "
        f"together add {_thousandths(found.classes[train_id])}."
    )
    _strip(comparison, both, order, parts, (second, name))
    rows = []
    scores = [getattr(class_scores(part[order]), found.metric)[:, train_id] for part in (both.first, both.second)]
    for place, index in enumerate(order):
        frame = both.frames[index]
        rows.append(
            {
                "Frame": frame,
                "Adds": parts[index] * 1000,
                f"{first} here": scores[0][place],
                f"{second} here": scores[1][place],
                f"Pixels of {name}": int(both.first[index, train_id].sum()),
                f"See {second}": f"inspect?{urlencode(_address(comparison, second, name, frame))}",
                f"See {first}": f"inspect?{urlencode(_address(comparison, first, name, frame))}",
            }
        )
    table = pd.DataFrame(rows)
    number, link = st.column_config.NumberColumn, st.column_config.LinkColumn
    st.dataframe(
        diff_style.differences(table, ["Adds"]),
        hide_index=True,
        key="why_frames",
        placeholder=glossary.ABSENT,
        column_config={
            "Adds": number("Adds (thousandths)", help=f"Blue: speaks for {second}; orange: for {first}."),
            **{f"{one} here": number(format="%.3f", help=f"{label} of {name} in this frame alone.") for one in names},
            **{f"See {one}": link(display_text="Inspect", help=f"What {one} sees in this frame.") for one in names},
        },
    )
    export.table(
        table.drop(columns=[f"See {one}" for one in names]),
        f"cityseg-frames-{name}-{first}-{second}",
        "why_frames",
        ["Adds"],
    )


def _strip(comparison: Comparison, both: Pair, order: np.ndarray, parts: np.ndarray, asked: tuple[str, str]) -> None:
    """Show the frames that weigh most where the connected data holds them; a click leads to them."""
    spec = session.data_spec()
    shown = [int(index) for index in order[:_PICTURES]]
    try:
        held = set(frames.frame_names(spec, comparison.split))
    except CitysegError:
        return
    if not {both.frames[index] for index in shown} <= held:
        return
    thumbnails = [
        Thumbnail(
            both.frames[index],
            _thousandths(parts[index]),
            both.frames[index],
            frames.thumbnail(spec, comparison.split, both.frames[index]),
        )
        for index in shown
    ]
    clicked = gallery(thumbnails, key="why_strip", label="The frames that weigh most", chosen=None, cell=140)
    if clicked:
        st.switch_page("pages/inspect.py", query_params=_address(comparison, *asked, clicked))


def _thousandths(value: float) -> str:
    return f"{value * 1000:+.2f} ‰".replace("-", "−")


def _address(comparison: Comparison, name: str, class_name: str, frame: str) -> dict[str, str]:
    """Return what the Inspect page has to be asked for to show a frame as one result sees it."""
    data = st.query_params.get("data")
    return {
        "result": comparison.selected[name].id,
        "split": comparison.split,
        "by": f"IoU of {class_name}",
        "frame": frame,
        **({"data": data} if data else {}),
    }
