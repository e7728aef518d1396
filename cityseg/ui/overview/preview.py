"""Preview: one frame of the connected data with the best model's prediction, and the model's speed."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from cityseg.api import DataInfo, Result
from cityseg.api.types import Split, SplitStatistics
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, history
from cityseg.ui.common import frame_navigator, frames
from cityseg.ui.common.charts import metric
from cityseg.ui.common.viewer import PHOTO, Layer, viewer

_SPLITS: dict[Split, str] = {
    "test": "never trained on",
    "val": "used to choose the best epoch",
    "train": "used for training",
}
"""Splits in order of preference, and their use."""
_PRESENT = 20
"""A frame has a class if it has more pixels of it than this."""


@history.fragment
def picture(info: DataInfo, model: str | None) -> None:
    """Show one frame, ground truth against prediction, with next and previous."""
    split, names = _frames(info)
    chosen = history.read("frame")
    if chosen not in names:
        # Reading all frames would delay the page.
        counted = cache.is_prepared(info.spec)
        chosen = diverse_bright_frame(cache.statistics(info.spec)[split]) if counted else names[0]
    place = st.container()
    try:
        frame = cache.frame(info.spec, split, chosen)
    except CitysegError as error:
        place.error(f"This frame cannot be shown. {escape(error)}", icon=":material/broken_image:")
        return
    truth = Layer("ground truth", frame.train_ids)
    layers, problem, accuracy = [truth], "", None
    if model is not None:
        try:
            prediction = cache.predict(model, frame.photo)
            layers.append(Layer(model, prediction.train_ids, prediction.confidence))
            accuracy = frames.pixel_accuracy(frame.train_ids, prediction.train_ids)
        except CitysegError as error:
            problem = f"{model} could not predict this frame. {error}"
    with place:
        event = viewer(
            frames.unsquashed(frame.photo, info),
            layers,
            key="overview",
            alt=f"Frame {chosen} with its ground truth" + (f" and the prediction of {model}." if model else "."),
            compare=(truth.name, layers[1].name) if len(layers) == 2 else (PHOTO, truth.name),
            navigation=len(names) > 1,
            clicks=False,
        )
    if problem:
        st.warning(escape(problem))
    measured = "" if accuracy is None else f" Pixel accuracy of **{escape(model)}**: {100 * accuracy:.1f}\u00a0%."
    place_in_split = f"Frame {names.index(chosen) + 1:,} of {len(names):,} of the {split} split ({_SPLITS[split]})"
    st.caption(f"{place_in_split}: {escape(chosen)}.{measured}")
    if step := frame_navigator.steps(event):
        history.record("frame", names[(names.index(chosen) + step) % len(names)])
        st.rerun(scope="fragment")


def speed(place: Any, info: DataInfo, best: Result | None) -> None:
    """Measure the best model's time for one photo and show it in ``place``."""
    if best is None:
        return
    try:
        split, names = _frames(info)
        milliseconds = cache.speed(best.id, cache.frame(info.spec, split, names[0]).photo)
    except CitysegError:
        # The picture needs the same model and frame, and shows the error.
        metric(place, "Speed", "–", "could not be measured")
        return
    (height, width), (input_height, input_width) = info.native_size, best.config.image_size
    help_text = (
        f"Time of {escape(best.id)} from a decoded photo of {width} × {height} px to its label map, measured just "
        f"now on {escape(cache.device().name)}; its input is {input_width} × {input_height} px. A running training "
        "slows it down."
    )
    metric(place, "Speed", f"{milliseconds:.0f} ms", "per photo", help_text)


def _frames(info: DataInfo) -> tuple[Split, tuple[str, ...]]:
    """Return the preferred split that has frames, and their names."""
    split = next(split for split in _SPLITS if info.frames[split])
    return split, cache.frame_names(info.spec, split)


def diverse_bright_frame(counted: SplitStatistics) -> str:
    """Return the brightest of the frames with the most classes, or one less: night and rain introduce a set poorly."""
    present = (counted.pixels > _PRESENT).sum(1)
    return counted.frames[int(np.where(present >= present.max() - 1, counted.brightness, -1).argmax())]
