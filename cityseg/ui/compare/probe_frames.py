"""Probe frames of several runs in step: the prediction of each after the same epoch of its training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from cityseg.api import DataInfo, FrameView
from cityseg.api.types import read_probe
from cityseg.classes import to_color
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, session
from cityseg.ui.common import frames as pictures
from cityseg.ui.common.layout import grid, suggest_training
from cityseg.ui.common.measured_split import MeasuredSplit, connected_data
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.compare.context import CompareContext

Epochs = dict[int, Path]
"""Predictions of one run for one frame by epoch."""


def show(context: CompareContext) -> None:
    """Show one probe frame of every selected run with one slider over the epochs."""
    probes = {name: found for name, result in context.selected.items() if (found := _by_epoch(result.run.probes()))}
    if not probes:
        suggest_training(
            "None of the selected results has probe frames. Runs predict four val frames after every epoch; shipped "
            "models come without them. Tick runs of your own, or train one.",
            "movie",
        )
        return
    frames = sorted({frame for found in probes.values() for frame in found})
    left, right = st.columns(2)
    meaning = "Four frames of each run, spread over val."
    frame = choose_option(left.selectbox, "Probe frame", frames, "timelapse_frame", "probe", help=meaning)
    runs = {name: found[frame] for name, found in probes.items() if frame in found}
    with right:
        epoch = _choose_epoch(sorted({epoch for found in runs.values() for epoch in found}))
    _grid(frame, runs, epoch, _connected_data(context, next(iter(runs))))
    if others := [name for name in probes if name not in runs]:
        st.caption(f"Not a probe frame of {escape(', '.join(others))}.")
    if without := [name for name in context.selected if name not in probes]:
        st.caption(f"No probe frames were stored for {escape(', '.join(without))}.")


def _by_epoch(found: Mapping[str, list[Path]]) -> dict[str, Epochs]:
    return {
        frame: {int(path.stem.rpartition("-")[2]): path for path in paths} for frame, paths in found.items() if paths
    }


def _choose_epoch(epochs: list[int]) -> int:
    if len(epochs) == 1:
        st.markdown(f":small[After epoch]  \n**{epochs[0]}**")
        return epochs[0]
    options, meaning = list(map(str, epochs)), "For all runs at once. A run that ended earlier stays at its last epoch."
    return int(
        choose_option(st.select_slider, "After epoch", options, "timelapse_epoch", "epoch", options[-1], help=meaning)
    )


def _connected_data(context: CompareContext, name: str) -> DataInfo | None:
    """Return the connected data if it holds the val frames of a run, or else None after a message."""
    try:
        return connected_data(MeasuredSplit.load(context.selected[name], "val"))
    except CitysegError:
        return None


def _grid(frame: str, runs: Mapping[str, Epochs], epoch: int, info: DataInfo | None) -> None:
    view = cache.frame(session.data_spec(), "val", frame) if info else None
    cells: list[tuple[str, int, np.ndarray | None]] = [("ground truth", 0, view.train_ids)] if view else []
    for name, epochs in runs.items():
        last = max((done for done in epochs if done <= epoch), default=0)
        cells.append((name, last, read_probe(epochs[last]) if last else None))
    for name, last, train_ids in grid(cells, 2 if len(cells) in (1, 2, 4) else 3):
        st.markdown(f"**{escape(name)}**" + (f" after epoch {last}" if last else ""))
        _picture(frame, name, train_ids, view, info)
    shared = " Zoom, opacity and hidden classes are shared; each has the ground truth as a layer." if view else ""
    st.caption(f"Each picture is the run's prediction at its own size at the end of the epoch.{shared}")


def _picture(
    frame: str, name: str, train_ids: np.ndarray | None, view: FrameView | None, info: DataInfo | None
) -> None:
    if train_ids is None:
        st.caption("No prediction yet at this epoch.")
    elif view is None or info is None:
        st.image(to_color(train_ids, session.palette()), width="stretch", alt=f"{frame} as {name} predicts it.")
    else:
        truth = Layer("ground truth", view.train_ids)
        viewer(
            pictures.unsquashed(view.photo, info),
            [truth] if name == truth.name else [Layer(name, train_ids), truth],
            key=f"timelapse_{name}",
            alt=f"{frame} as {name} predicts it.",
            opacity=0.7,
            group="timelapse",
            clicks=False,
            max_side=1024,
        )
