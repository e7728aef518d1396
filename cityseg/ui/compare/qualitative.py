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
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary, session
from cityseg.ui.common import frame_navigator, frames, tables
from cityseg.ui.common.errors import errors_shown
from cityseg.ui.common.layout import grid
from cityseg.ui.common.measured_split import MeasuredSplit, connected_data
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.compare import flip_map, pairing, probe_frames
from cityseg.ui.compare.context import NOT_SCORED, CompareContext
from cityseg.ui.compare.pairing import ChosenPair

_VIEWS = {"same frame": "Same frame", "time-lapse": "Training progress"}
"""Values in the URL and their labels."""
_ALL = "all classes"
_GROUP = "same frame"
_PART = "flip_pictures"
_NAVIGATOR = "flips"
_PREDICTIONS = 6
"""Results predicted at most."""


@dataclass(frozen=True)
class FrameOrder:
    """The frames in the order of the navigator."""

    first: str  # which frames come first: "most broken"
    table: pd.DataFrame
    texts: list[str]  # under each thumbnail
    note: str  # meaning of these texts, in Markdown


def show(context: CompareContext) -> None:
    """Show the same frame for all selected results, or their probe frames over the training."""
    meaning = "One frame as every selected result predicts it, or a few val frames after every epoch of the training."
    view = choose_option(st.segmented_control, "Show", _VIEWS, "pictures_kind", "show", help=meaning)
    if view == "time-lapse":
        probe_frames.show(context)
        return
    stored = _on_same_frames(context, pairing.frame_confusions(context))
    if not stored:
        st.info(NOT_SCORED, icon=":material/hourglass_empty:")
        return
    chosen = pairing.choose_pair(context, list(stored))
    order = _choose_order(chosen, stored)
    first = chosen.baseline if chosen else next(iter(stored))
    info = connected_data(MeasuredSplit.load(context.selected[first], context.split))
    names = order.table["frame"].tolist()
    if not names:
        st.info("No frame of this split has a labelled pixel of this class.", icon=":material/search_off:")
        return
    name = frame_navigator.choose_frame(
        names,
        _NAVIGATOR,
        label=f"Frame, {order.first} first",
        split=context.split if info else None,
        caption=lambda rank: (order.texts[rank], f"{rank + 1}. {names[rank]}"),
        note=order.note,
        target=_PART,
    )
    if info is None:
        tables.show(order.table, "flips_frames", alt=f"Frames, {order.first} first", height="auto")
        return
    with st.container(key=_PART):
        _pictures(context, pairing.pair_first(chosen, list(stored)), chosen, name, info)


def _on_same_frames(context: CompareContext, stored: dict[str, FrameConfusions]) -> dict[str, FrameConfusions]:
    """Keep the largest set of results on the same frames; the evaluation sizes of older ones may differ."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for name, one in stored.items():
        groups.setdefault((context.bases[name].fingerprint, one.frames), []).append(name)
    kept = max(groups.values(), key=len, default=[])
    if left_out := [name for name in stored if name not in kept]:
        st.caption(f"Measured on other frames, so not shown here: {escape(', '.join(left_out))}.")
    return {name: stored[name] for name in kept}


def _choose_order(chosen: ChosenPair | None, stored: Mapping[str, FrameConfusions]) -> FrameOrder:
    """Choose the order of the frames: by the candidate's fixed and broken pixels, or by its own score."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with right:
        train_id = _choose_class(next(iter(stored.values())).matrices)
    if chosen is None or chosen.obstacles:
        name = chosen.candidate if chosen else next(iter(stored))
        why = f"Not ordered by the difference: {escape(' and '.join(chosen.obstacles))}. " if chosen else ""
        left.caption(f"{why}The worst frames of {escape(name)} come first.")
        return _worst(name, stored[name], train_id)
    baseline, candidate = chosen.baseline, chosen.candidate
    order = choose_option(
        left.segmented_control,
        "First the frames that are",
        analysis.ORDERS,
        "flips_order",
        "frames",
        on_change=frame_navigator.restart,
        args=(_NAVIGATOR,),
        help=f"By pixels fixed minus pixels broken: the correct pixels of {escape(candidate)} minus those of "
        f"{escape(baseline)}.",
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
        table,
        [f"{glossary.signed(changes.net[i], 0)} px · {glossary.signed(100 * changes.share[i])} %" for i in positions],
        f"Under each frame: pixels fixed minus pixels broken by {escape(candidate)}, and as a share of its {pixels}, "
        "from the stored confusion matrices.",
    )


def _worst(name: str, stored: FrameConfusions, train_id: int | None) -> FrameOrder:
    matrices = stored.matrices
    values = frame_values(matrices, "pixel_accuracy") if train_id is None else class_values(matrices, train_id)
    positions = worst_first(values)
    score = "pixel accuracy" if train_id is None else f"IoU of {CLASS_NAMES[train_id]}"
    table = pd.DataFrame({"frame": [stored.frames[i] for i in positions], score: values[positions]})
    texts = [f"{values[i]:.3f}" for i in positions]
    return FrameOrder("worst", table, texts, f"Under each frame: {score} of {escape(name)}.")


def _choose_class(matrices: np.ndarray) -> int | None:
    present = matrices.sum((0, 2)) > 0
    options = [_ALL, *(name for index, name in enumerate(CLASS_NAMES) if present[index])]
    name = choose_option(
        st.selectbox,
        "Pixels of",
        options,
        "flips_class",
        "judged",
        on_change=frame_navigator.restart,
        args=(_NAVIGATOR,),
        help="Count all labelled pixels of a frame, or only those of one ground truth class.",
    )
    return None if name == _ALL else CLASS_NAMES.index(name)


@errors_shown("This frame cannot be shown.")
def _pictures(context: CompareContext, names: list[str], chosen: ChosenPair | None, name: str, info: DataInfo) -> None:
    names, left_out = names[:_PREDICTIONS], names[_PREDICTIONS:]
    if left_out:
        st.caption(
            f"Only {_PREDICTIONS} results are shown at a time; tick fewer rows to see {escape(', '.join(left_out))}."
        )
    frame = cache.frame(session.data_spec(), context.split, name)
    with st.spinner("Predicting the frame", show_time=True):
        # By folder: a run and a shipped model may have the same name.
        folders = {other: str(context.selected[other].run.folder) for other in names}
        predicted = {other: cache.predict(folder, frame.photo).train_ids for other, folder in folders.items()}
    if chosen:
        event = flip_map.show(frame, predicted, chosen.baseline, chosen.candidate, info, _GROUP)
        frame_navigator.follow_viewer(event, _NAVIGATOR)
    _grid(frame, predicted, info)


def _grid(frame: FrameView, predicted: Mapping[str, np.ndarray], info: DataInfo) -> None:
    """Show photo, ground truth and every prediction side by side; zoom and opacity are shared."""
    st.markdown("**The same frame, predicted by each**")
    layers: dict[str, list[Layer]] = {"photo": [], "ground truth": [Layer("ground truth", frame.train_ids)]}
    layers |= {name: [Layer(name, train_ids)] for name, train_ids in predicted.items()}
    photo = frames.unsquashed(frame.photo, info)
    for name in grid(list(layers), 2 if len(layers) in (3, 4) else 3):
        st.markdown(escape(name))
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
    height, width = frame.train_ids.shape
    st.caption(
        f"{escape(frame.name)}, predicted at the file's own {width} × {height} pixels. Zoom, opacity and hidden "
        "classes are shared by all pictures." + (" Stretched back to 2:1." if frames.is_squashed(info) else "")
    )
