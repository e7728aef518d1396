"""The Pictures tab: one frame as every selected result sees it, chosen by what changes from one result to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import flips as analysis
from cityseg.analysis.errors.frame_errors import class_values, frame_values, worst_first
from cityseg.api import DataInfo, FrameView
from cityseg.api.types import FrameConfusions
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session, url_state
from cityseg.ui.common import frame_navigator, frames
from cityseg.ui.common.measured_split import MeasuredSplit, connected_data
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.compare import ab_picker, flip_map, probe_frames
from cityseg.ui.compare.ab_picker import Pair
from cityseg.ui.compare.context import Comparison

_KIND, _KIND_PARAMETER = "pictures_kind", "show"
_SAME, _TIMELAPSE = "same frame", "time-lapse"
_ORDER, _ORDER_PARAMETER = "flips_order", "frames"
_CLASS, _CLASS_PARAMETER = "flips_class", "judged"
_ALL = "all classes"
_GROUP = "same frame"
_NAVIGATOR = "flips"
_MANY = 6
"""At most this many results are predicted."""


@dataclass(frozen=True)
class FrameOrder:
    """Frames in the order of the navigator.

    Attributes:
        first: which frames come first: "most broken".
        names: (K,) the frames.
        figures: (K,) the figure shown under each frame.
        table: the figures, a row per frame.
        note: meaning of the figures, one sentence.
    """

    first: str
    names: list[str]
    figures: list[str]
    table: pd.DataFrame
    note: str


def show(comparison: Comparison) -> None:
    """Show the same frame for all selected results, or how they came to see their probe frames."""
    url_state.settle(_KIND, _KIND_PARAMETER, [_SAME, _TIMELAPSE], _SAME)
    answer = st.segmented_control(
        "Show",
        [_SAME, _TIMELAPSE],
        key=_KIND,
        format_func=str.capitalize,
        required=True,
        persist_state="session",
        help="One frame as every selected result sees it, or a few frames of val after every epoch of the training.",
    )
    kind = answer or _SAME
    url_state.keep(_KIND, _KIND_PARAMETER, kind)
    if kind == _TIMELAPSE:
        probe_frames.show(comparison)
        return
    stored = _alike(comparison, ab_picker.counted(comparison))
    if not stored:
        st.info("None of the selected results has been scored on this split yet.", icon=":material/hourglass_empty:")
        return
    chosen = ab_picker.choose(comparison, list(stored))
    order = _order(chosen, stored)
    leader = chosen.first if chosen else next(iter(stored))
    counted = stored[leader]
    measured = MeasuredSplit(comparison.selected[leader], comparison.split, counted.frames, counted.matrices)
    info = connected_data(measured)
    if not order.names:
        st.info("No frame of this split holds a labelled pixel of this class.", icon=":material/search_off:")
        return
    name = frame_navigator.choose_frame(
        order.names,
        _NAVIGATOR,
        label=f"Frame, {order.first} first",
        split=comparison.split if info else None,
        caption=lambda rank: (order.figures[rank], f"{rank + 1}. {order.names[rank]}"),
        note=order.note,
    )
    if info is None:
        height = min(38 + 35 * len(order.table), 320)
        st.dataframe(order.table, hide_index=True, height=height, key="flips_frames")
        return
    _pictures(comparison, list(stored), chosen, name, info)


def _alike(comparison: Comparison, stored: dict[str, FrameConfusions]) -> dict[str, FrameConfusions]:
    """Keep the results that know the same frames; the size they were scored at does not matter for a picture."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, counted in stored.items():
        groups.setdefault((comparison.bases[name].fingerprint, counted.frames), []).append(name)
    kept = max(groups.values(), key=len, default=[])
    left_out = [name for name in stored if name not in kept]
    if left_out:
        st.caption(f"Measured on other frames, so without a picture here: {', '.join(left_out)}.")
    return {name: stored[name] for name in kept}


def _order(chosen: Pair | None, stored: Mapping[str, FrameConfusions]) -> FrameOrder:
    """Ask for the order of the frames: by what the second result breaks or fixes, or by its own score."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with right:
        train_id = _class(next(iter(stored.values())).matrices)
    if chosen is None or chosen.obstacles:
        name = chosen.second if chosen else next(iter(stored))
        with left:
            why = f"Frames are not ordered by the difference: {' and '.join(chosen.obstacles)}. " if chosen else ""
            st.caption(f"{why}The worst frames of {name} come first.")
        return _worst(name, stored[name], train_id)
    url_state.settle(_ORDER, _ORDER_PARAMETER, list(analysis.ORDERS), analysis.ORDERS[0])
    with left:
        answer = st.segmented_control(
            "First the frames that are",
            analysis.ORDERS,
            key=_ORDER,
            required=True,
            persist_state="session",
            on_change=frame_navigator.restart,
            args=(_NAVIGATOR,),
            help=f"By the pixels that {chosen.second} has right minus those that {chosen.first} has right, which is "
            "pixels fixed minus pixels broken, counted at the models' size for every frame.",
        )
    order = answer or analysis.ORDERS[0]
    url_state.keep(_ORDER, _ORDER_PARAMETER, order)
    first, second = stored[chosen.first], stored[chosen.second]
    changes = analysis.frame_flips(first.matrices, second.matrices, train_id)
    positions = analysis.ordered(changes, order)
    what = "labelled pixels" if train_id is None else f"{CLASS_NAMES[train_id]} pixels"
    names = [first.frames[i] for i in positions]
    figures = [f"{_signed(int(changes.net[i]))} px · {_signed(100 * changes.share[i], 1)} %" for i in positions]
    table = pd.DataFrame(
        {
            "frame": names,
            "fixed − broken": changes.net[positions],
            f"right in {chosen.first}": changes.first[positions],
            f"right in {chosen.second}": changes.second[positions],
            what: changes.pixels[positions],
        }
    )
    reading = (
        f"Under each frame: pixels fixed minus pixels broken by {chosen.second}, and as a share of its {what}. "
        "The matrices of both results give this without a new prediction."
    )
    return FrameOrder(order, names, figures, table, reading)


def _worst(name: str, counted: FrameConfusions, train_id: int | None) -> FrameOrder:
    matrices = counted.matrices
    values = frame_values(matrices, "pixel_accuracy") if train_id is None else class_values(matrices, train_id)
    positions = worst_first(values)
    what = "pixel accuracy" if train_id is None else f"IoU of {CLASS_NAMES[train_id]}"
    names = [counted.frames[i] for i in positions]
    table = pd.DataFrame({"frame": names, what: values[positions]})
    figures = [f"{values[i]:.3f}" for i in positions]
    return FrameOrder("worst", names, figures, table, f"Under each frame: {what} of {name} in it.")


def _class(matrices: np.ndarray) -> int | None:
    present = matrices.sum((0, 2)) > 0
    options = [_ALL, *(name for index, name in enumerate(CLASS_NAMES) if present[index])]
    url_state.settle(_CLASS, _CLASS_PARAMETER, options, _ALL)
    name = st.selectbox(
        "Judged by",
        options,
        key=_CLASS,
        persist_state="session",
        on_change=frame_navigator.restart,
        args=(_NAVIGATOR,),
        help="Count all labelled pixels of a frame, or only those that are one class.",
    )
    url_state.keep(_CLASS, _CLASS_PARAMETER, name)
    return None if name == _ALL else CLASS_NAMES.index(name)


def _pictures(comparison: Comparison, names: list[str], chosen: Pair | None, name: str, info: DataInfo) -> None:
    leading = [chosen.first, chosen.second] if chosen else []
    names = [*leading, *(other for other in names if other not in leading)]
    if len(names) > _MANY:
        st.caption(f"Only {_MANY} results are shown at a time; tick fewer rows to see {', '.join(names[_MANY:])}.")
    try:
        frame = cache.frame(session.data_spec(), comparison.split, name)
        with st.spinner("The models are looking at the frame", show_time=True):
            seen = {
                other: cache.predict(ab_picker.folder(comparison.selected[other]), frame.photo).train_ids
                for other in names[:_MANY]
            }
    except CitysegError as error:
        st.error(f"This frame cannot be shown. {error}", icon=":material/error:")
        return
    if chosen:
        event = flip_map.show(frame, seen, chosen.first, chosen.second, info, _GROUP)
        frame_navigator.follow_viewer(event, _NAVIGATOR)
    _grid(frame, seen, info)


def _grid(frame: FrameView, seen: Mapping[str, np.ndarray], info: DataInfo) -> None:
    """Show photo, truth and every prediction beside each other; all move together."""
    st.markdown("**The same frame, as each sees it**")
    shown: list[tuple[str, list[Layer]]] = [
        ("photo", []),
        ("truth", [Layer("truth", frame.train_ids)]),
        *((name, [Layer(name, train_ids)]) for name, train_ids in seen.items()),
    ]
    photo, width = frames.unsquashed(frame.photo, info), 2 if len(shown) in (3, 4) else 3
    for row in range(0, len(shown), width):
        for column, (name, layers) in zip(st.columns(width), shown[row : row + width], strict=False):
            with column:
                st.markdown(f"{name}")
                viewer(
                    photo,
                    layers,
                    key=f"same_frame_{name}",
                    alt=f"Frame {frame.name}: {name}.",
                    opacity=0.7,
                    group=_GROUP,
                    legend=name == "truth",
                    clicks=False,
                    max_side=1024,
                )
    height, width_px = frame.train_ids.shape
    st.caption(
        f"{frame.name}, predicted at the file's own {height}×{width_px} pixels. Zoom, opacity and hidden classes are "
        "those of all pictures at once." + (" Shown stretched back to 2:1." if frames.is_squashed(info) else "")
    )


def _signed(value: float, decimals: int = 0) -> str:
    return f"{value:+,.{decimals}f}".replace("-", "−")
