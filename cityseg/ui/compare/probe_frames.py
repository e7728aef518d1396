"""Probe frames of several runs in step: what each saw after the same epoch of its training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from cityseg.api import DataInfo, FrameView
from cityseg.classes import to_color
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session, url_state
from cityseg.ui.common import frames as pictures
from cityseg.ui.common.measured_split import MeasuredSplit, connected_data
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.compare.context import Comparison

_FRAME, _FRAME_PARAMETER = "timelapse_frame", "probe"
_EPOCH, _EPOCH_PARAMETER = "timelapse_epoch", "epoch"
_GROUP = "timelapse"

Epochs = dict[int, Path]
"""Probe pictures of one run and frame by epoch."""


def show(comparison: Comparison) -> None:
    """Show one probe frame of every selected run with one slider over the epochs."""
    probes = {name: found for name, result in comparison.selected.items() if (found := _probes(result.run.probes()))}
    without = [name for name in comparison.selected if name not in probes]
    if not probes:
        st.info(
            "None of the selected results kept pictures of its training. Runs keep four frames of val after every "
            "epoch; shipped models come without them. Tick runs of your own, or train one on the Train page.",
            icon=":material/movie:",
        )
        st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
        return
    frames = sorted({frame for found in probes.values() for frame in found})
    left, right = st.columns(2)
    url_state.settle(_FRAME, _FRAME_PARAMETER, frames, frames[0])
    with left:
        frame = st.selectbox(
            "Probe frame", frames, key=_FRAME, persist_state="session", help="Four frames of each run, spread over val."
        )
    url_state.keep(_FRAME, _FRAME_PARAMETER, frame)
    runs = {name: found[frame] for name, found in probes.items() if frame in found}
    with right:
        epoch = _epoch(sorted({epoch for found in runs.values() for epoch in found}))
    info = _data(comparison, next(iter(runs)))
    _grid(frame, runs, epoch, info)
    others = [name for name in probes if name not in runs]
    if others:
        st.caption(f"This frame is no probe of {', '.join(others)}.")
    if without:
        st.caption(f"No pictures of the training were kept by {', '.join(without)}.")


def _probes(found: Mapping[str, list[Path]]) -> dict[str, Epochs]:
    return {
        frame: {int(path.stem.rpartition("-")[2]): path for path in paths} for frame, paths in found.items() if paths
    }


def _epoch(epochs: list[int]) -> int:
    if len(epochs) == 1:
        st.markdown(f":small[After epoch]  \n**{epochs[0]}**")
        return epochs[0]
    words = list(map(str, epochs))
    url_state.settle(_EPOCH, _EPOCH_PARAMETER, words, words[-1])
    epoch = st.select_slider(
        "After epoch",
        words,
        key=_EPOCH,
        persist_state="session",
        help="All runs at once. A run that has ended earlier stays at its last epoch.",
    )
    url_state.keep(_EPOCH, _EPOCH_PARAMETER, epoch)
    return int(epoch)


def _data(comparison: Comparison, name: str) -> DataInfo | None:
    """Return the connected data if it holds the val frames of a run; else say so."""
    result = comparison.selected[name]
    try:
        measured = MeasuredSplit.load(result, "val")
    except (CitysegError, FileNotFoundError):
        return None
    return connected_data(measured)


def _grid(frame: str, runs: Mapping[str, Epochs], epoch: int, info: DataInfo | None) -> None:
    view: FrameView | None = cache.frame(session.data_spec(), "val", frame) if info else None
    cells: list[tuple[str, int, np.ndarray | None]] = []
    if view is not None:
        cells.append(("truth", 0, view.train_ids))
    for name, epochs in runs.items():
        past = [done for done in epochs if done <= epoch]
        cells.append((name, max(past, default=0), _read(epochs[max(past)]) if past else None))
    width = 2 if len(cells) in (1, 2, 4) else 3
    for row in range(0, len(cells), width):
        for column, (name, done, train_ids) in zip(st.columns(width), cells[row : row + width], strict=False):
            with column:
                st.markdown(f"**{name}**" + (f" after epoch {done}" if done else ""))
                _picture(frame, name, train_ids, view, info)
    st.caption(
        "Each picture is what the run saw at its own size when the epoch ended; move the epoch to watch all of them "
        "learn in step. "
        + ("Zoom, opacity and hidden classes are shared; the truth is among the layers of each." if view else "")
    )


def _picture(
    frame: str, name: str, train_ids: np.ndarray | None, view: FrameView | None, info: DataInfo | None
) -> None:
    if train_ids is None:
        st.caption("Not predicted yet at this epoch.")
    elif view is None or info is None:
        st.image(to_color(train_ids, session.palette()), width="stretch")
    else:
        layers = [Layer(name, train_ids)] + ([Layer("truth", view.train_ids)] if name != "truth" else [])
        viewer(
            pictures.unsquashed(view.photo, info),
            layers,
            key=f"timelapse_{name}",
            alt=f"{frame} as {name} saw it.",
            opacity=0.7,
            group=_GROUP,
            clicks=False,
            max_side=1024,
        )


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image, dtype=np.uint8)
