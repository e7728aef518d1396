"""One frame of the connected data as the best model sees it, and how long the model takes for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from cityseg.api import DataInfo, Result
from cityseg.api.types import Split, SplitStatistics
from cityseg.classes import IGNORE_INDEX
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session
from cityseg.ui.common import frames
from cityseg.ui.common.viewer import Layer, viewer

_SHOWN_FIRST: tuple[Split, ...] = ("test", "val", "train")
_SEEN = 20
"""Pixels of a class, more than which a frame holds it."""


@st.fragment
def picture(info: DataInfo, model: str | None) -> None:
    """Show one frame: truth against prediction, with next and previous."""
    split, names = _frames(info)
    chosen = session.remembered("frame", names) or _liveliest(info, split, names)
    place = st.container()
    try:
        frame = cache.frame(info.spec, split, chosen)
    except CitysegError as error:
        place.error(f"This frame cannot be shown. {error}", icon=":material/broken_image:")
        return
    layers = [Layer("truth", frame.train_ids)]
    problem, right = "", None
    if model is not None:
        try:
            prediction = cache.predict(model, frame.photo)
            layers.append(Layer(model, prediction.train_ids, prediction.confidence))
            right = share_right(frame.train_ids, prediction.train_ids)
        except CitysegError as error:
            problem = f"{model} could not predict this frame. {error}"
    with place:
        event = viewer(
            frames.unsquashed(frame.photo, info),
            layers,
            key="overview",
            alt=f"Street frame {chosen} with the true classes" + (f" and those {model} sees." if model else "."),
            compare=("truth", model) if len(layers) == 2 and model else ("photo", "truth"),
            navigation=len(names) > 1,
            clicks=False,
        )
    if problem:
        st.warning(problem)
    seen = {"train": "the model learns from it", "val": "used to choose the best epoch", "test": "never trained on"}
    words = f"Frame {names.index(chosen) + 1:,} of {len(names):,} of the {split} split ({seen[split]}): {chosen}."
    if right is not None:
        words += f" **{model}** names {right:.1%} of its labelled pixels correctly.".replace("%", "\u00a0%")
    st.caption(words)
    if event is not None and event.kind != "click":
        step = 1 if event.kind == "next" else -1
        session.remember("frame", names[(names.index(chosen) + step) % len(names)])
        st.rerun(scope="fragment")


def speed(place: Any, info: DataInfo, best: Result | None) -> None:
    """Write into ``place`` how long the best model takes for one photo, measured now."""
    if best is None:
        return
    try:
        split, names = _frames(info)
        milliseconds = cache.speed(best.id, cache.frame(info.spec, split, names[0]).photo)
    except CitysegError:
        # The picture, which needs the same model and frame, says what is wrong.
        place.metric("Speed", "–", "could not be measured", delta_color="off", delta_arrow="off", border=True)
        return
    height, width = info.native_size
    place.metric(
        "Speed",
        f"{milliseconds:.0f} ms",
        "per photo",
        delta_color="off",
        delta_arrow="off",
        border=True,
        help=f"Time of {best.id} from a decoded photo of {width} × {height} px to its label map, measured just now on "
        f"{cache.device().name}; the model itself sees {best.config.image_size[1]} × {best.config.image_size[0]} px. "
        "A training that runs meanwhile slows it down.",
    )


def share_right(truth: np.ndarray, prediction: np.ndarray) -> float | None:
    """Return the share of labelled pixels that were named right; None where nothing is labelled."""
    labelled = truth != IGNORE_INDEX
    return float((truth == prediction)[labelled].mean()) if labelled.any() else None


def _frames(info: DataInfo) -> tuple[Split, tuple[str, ...]]:
    """Return the first split that has frames, unseen ones first, and their names."""
    names = cache.frame_names(info.spec)
    split = next(split for split in _SHOWN_FIRST if names[split])
    return split, names[split]


def _liveliest(info: DataInfo, split: Split, names: tuple[str, ...]) -> str:
    return liveliest(cache.statistics(info.spec)[split]) if cache.is_prepared(info.spec) else names[0]


def liveliest(counted: SplitStatistics) -> str:
    """Return the lightest of the frames that hold the most classes, or one less.

    A first look at night, or into rain, would say little of the data or of the model.
    """
    held = (counted.pixels > _SEEN).sum(1)
    return counted.frames[int(np.where(held >= held.max() - 1, counted.brightness, -1).argmax())]
