"""The Pictures tab: one frame as every selected result predicts it, ordered by the difference of two results."""

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
from cityseg.ui.app import cache, session
from cityseg.ui.common import frame_navigator, frames
from cityseg.ui.common.measured_split import MeasuredSplit, connected_data
from cityseg.ui.common.url_choice import segmented_choice, select_choice
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.compare import ab_picker, flip_map, probe_frames
from cityseg.ui.compare.ab_picker import ChosenPair
from cityseg.ui.compare.context import NOT_SCORED, CompareContext

_VIEW, _VIEW_PARAMETER = "pictures_kind", "show"
_VIEWS = {"same frame": "Same frame", "time-lapse": "Training progress"}
"""Values in the URL and their labels."""
_ORDER, _ORDER_PARAMETER = "flips_order", "frames"
_CLASS, _CLASS_PARAMETER = "flips_class", "judged"
_ALL = "all classes"
_GROUP = "same frame"
_NAVIGATOR = "flips"
_PREDICTIONS = 6
"""Results predicted at most."""


@dataclass(frozen=True)
class FrameOrder:
    """Frames in the order of the navigator.

    Attributes:
        first: which frames come first: "most broken".
        names: (K,) the frames.
        figures: (K,) the figure under each frame.
        table: the figures, a row per frame.
        note: meaning of the figures, one sentence.
    """

    first: str
    names: list[str]
    figures: list[str]
    table: pd.DataFrame
    note: str


def show(context: CompareContext) -> None:
    """Show the same frame for all selected results, or their probe frames over the training."""
    meaning = "One frame as every selected result predicts it, or a few val frames after every epoch of the training."
    view = segmented_choice("Show", _VIEWS, _VIEW, _VIEW_PARAMETER, help=meaning)
    if view == "time-lapse":
        probe_frames.show(context)
        return
    stored = _on_same_frames(context, ab_picker.frame_confusions(context))
    if not stored:
        st.info(NOT_SCORED, icon=":material/hourglass_empty:")
        return
    chosen = ab_picker.choose(context, list(stored))
    order = _choose_order(chosen, stored)
    first = chosen.baseline if chosen else next(iter(stored))
    measured = MeasuredSplit(context.selected[first], context.split, stored[first].frames, stored[first].matrices)
    info = connected_data(measured)
    if not order.names:
        st.info("No frame of this split has a labelled pixel of this class.", icon=":material/search_off:")
        return
    name = frame_navigator.choose_frame(
        order.names,
        _NAVIGATOR,
        label=f"Frame, {order.first} first",
        split=context.split if info else None,
        caption=lambda rank: (order.figures[rank], f"{rank + 1}. {order.names[rank]}"),
        note=order.note,
    )
    if info is None:
        height = min(38 + 35 * len(order.table), 320)
        st.dataframe(order.table, hide_index=True, height=height, key="flips_frames")
        return
    _pictures(context, ab_picker.pair_first(chosen, list(stored)), chosen, name, info)


def _on_same_frames(context: CompareContext, stored: dict[str, FrameConfusions]) -> dict[str, FrameConfusions]:
    """Keep the largest set of results on the same frames; their evaluation sizes may differ."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, one in stored.items():
        groups.setdefault((context.bases[name].fingerprint, one.frames), []).append(name)
    kept = max(groups.values(), key=len, default=[])
    if left_out := [name for name in stored if name not in kept]:
        st.caption(f"Measured on other frames, so not shown here: {', '.join(left_out)}.")
    return {name: stored[name] for name in kept}


def _choose_order(chosen: ChosenPair | None, stored: Mapping[str, FrameConfusions]) -> FrameOrder:
    """Choose the order of the frames: by the candidate's fixed and broken pixels, or by its own score."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with right:
        train_id = _choose_class(next(iter(stored.values())).matrices)
    if chosen is None or chosen.obstacles:
        name = chosen.candidate if chosen else next(iter(stored))
        why = f"Not ordered by the difference: {' and '.join(chosen.obstacles)}. " if chosen else ""
        left.caption(f"{why}The worst frames of {name} come first.")
        return _worst(name, stored[name], train_id)
    baseline, candidate = chosen.baseline, chosen.candidate
    order = segmented_choice(
        "First the frames that are",
        analysis.ORDERS,
        _ORDER,
        _ORDER_PARAMETER,
        place=left,
        on_change=frame_navigator.restart,
        args=(_NAVIGATOR,),
        help=f"By pixels fixed minus pixels broken: the correct pixels of {candidate} minus those of {baseline}, at "
        "the evaluation size.",
    )
    changes = analysis.frame_flips(stored[baseline].matrices, stored[candidate].matrices, train_id)
    positions = analysis.ordered(changes, order)
    pixels = "labelled pixels" if train_id is None else f"{CLASS_NAMES[train_id]} pixels"
    table = pd.DataFrame(
        {
            "frame": [stored[baseline].frames[i] for i in positions],
            "fixed − broken": changes.net[positions],
            f"correct in {baseline}": changes.first[positions],
            f"correct in {candidate}": changes.second[positions],
            pixels: changes.pixels[positions],
        }
    )
    return FrameOrder(
        order,
        list(table["frame"]),
        [f"{_signed(int(changes.net[i]))} px · {_signed(100 * changes.share[i], 1)} %" for i in positions],
        table,
        f"Under each frame: pixels fixed minus pixels broken by {candidate}, and as a share of its {pixels}, from the "
        "stored confusion matrices.",
    )


def _worst(name: str, stored: FrameConfusions, train_id: int | None) -> FrameOrder:
    matrices = stored.matrices
    values = frame_values(matrices, "pixel_accuracy") if train_id is None else class_values(matrices, train_id)
    positions = worst_first(values)
    score = "pixel accuracy" if train_id is None else f"IoU of {CLASS_NAMES[train_id]}"
    names = [stored.frames[i] for i in positions]
    table = pd.DataFrame({"frame": names, score: values[positions]})
    figures = [f"{values[i]:.3f}" for i in positions]
    return FrameOrder("worst", names, figures, table, f"Under each frame: {score} of {name}.")


def _choose_class(matrices: np.ndarray) -> int | None:
    present = matrices.sum((0, 2)) > 0
    options = [_ALL, *(name for index, name in enumerate(CLASS_NAMES) if present[index])]
    name = select_choice(
        "Pixels of",
        options,
        _CLASS,
        _CLASS_PARAMETER,
        on_change=frame_navigator.restart,
        args=(_NAVIGATOR,),
        help="Count all labelled pixels of a frame, or only those of one ground truth class.",
    )
    return None if name == _ALL else CLASS_NAMES.index(name)


def _pictures(context: CompareContext, names: list[str], chosen: ChosenPair | None, name: str, info: DataInfo) -> None:
    names, left_out = names[:_PREDICTIONS], names[_PREDICTIONS:]
    if left_out:
        st.caption(f"Only {_PREDICTIONS} results are shown at a time; tick fewer rows to see {', '.join(left_out)}.")
    try:
        frame = cache.frame(session.data_spec(), context.split, name)
        with st.spinner("Predicting the frame", show_time=True):
            # By folder: a run and a shipped model may have the same name.
            predicted = {
                other: cache.predict(str(context.selected[other].run.folder), frame.photo).train_ids for other in names
            }
    except CitysegError as error:
        st.error(f"This frame cannot be shown. {error}", icon=":material/error:")
        return
    if chosen:
        event = flip_map.show(frame, predicted, chosen.baseline, chosen.candidate, info, _GROUP)
        frame_navigator.follow_viewer(event, _NAVIGATOR)
    _grid(frame, predicted, info)


def _grid(frame: FrameView, predicted: Mapping[str, np.ndarray], info: DataInfo) -> None:
    """Show photo, ground truth and every prediction side by side; zoom and opacity are shared."""
    st.markdown("**The same frame, predicted by each**")
    layers: dict[str, list[Layer]] = {"photo": [], "ground truth": [Layer("ground truth", frame.train_ids)]}
    layers |= {name: [Layer(name, train_ids)] for name, train_ids in predicted.items()}
    photo, width = frames.unsquashed(frame.photo, info), 2 if len(layers) in (3, 4) else 3
    names = list(layers)
    for row in range(0, len(names), width):
        for column, name in zip(st.columns(width), names[row : row + width], strict=False):
            with column:
                st.markdown(name)
                viewer(
                    photo,
                    layers[name],
                    key=f"same_frame_{name}",
                    alt=f"Frame {frame.name}: {name}.",
                    opacity=0.7,
                    group=_GROUP,
                    legend=name == "ground truth",
                    clicks=False,
                    max_side=1024,
                )
    height, width_px = frame.train_ids.shape
    st.caption(
        f"{frame.name}, predicted at the file's own {height}×{width_px} pixels. Zoom, opacity and hidden classes are "
        "shared by all pictures." + (" Stretched back to 2:1." if frames.is_squashed(info) else "")
    )


def _signed(value: float, decimals: int = 0) -> str:
    return f"{value:+,.{decimals}f}".replace("-", "−")
