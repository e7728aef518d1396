"""Where a photo for the predict page comes from: the connected data, a drawing, an upload or the camera."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.api.types import Split
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session, url_state
from cityseg.ui.common import frames

SOURCES = {
    "data": "The data",
    "drawn": "A drawing",
    "photos": "Your photos",
    "camera": "Camera",
    "clip": "Clip or folder",
}
_SPLITS: tuple[Split, ...] = ("val", "test")
_SEED, _SEED_PARAMETER = "predict_seed", "seed"
_SEEDS = 10_000


@dataclass(frozen=True)
class Original:
    """A photo at its own size.

    Attributes:
        photo: (H, W, 3) uint8.
        milliseconds: time from file to pixels.
        truth: (H, W) uint8 train ids where they are known.
    """

    photo: np.ndarray
    milliseconds: float
    truth: np.ndarray | None = None


@dataclass(frozen=True)
class Street:
    """What is to be predicted. It holds no pixels, so that it may be kept.

    Attributes:
        name: what downloads are named after.
        key: names the content; equal keys stand for equal pixels.
        load: decodes it; raises DataError or UsageError where that fails.
        squashed: whether a 2:1 frame is stored at a square size, and is to be stretched back for the eye.
        walks: whether there is a next and a previous one.
    """

    name: str
    key: str
    load: Callable[[], Original]
    squashed: bool = False
    walks: bool = False


def connected_data(spec: str) -> DataInfo | None:
    """Describe the connected data; None if it cannot be opened, which the sidebar says. Photos work without."""
    try:
        return cache.draw(spec)
    except CitysegError:
        return None


def available(info: DataInfo | None) -> list[str]:
    """List the sources there are; without frames that no model has learned from, there is no street of the data."""
    return [name for name in SOURCES if name != "data" or (info and any(info.frames[split] for split in _SPLITS))]


def choose_source(sources: list[str]) -> str:
    """Let the user say where the photo comes from; the first on arrival."""
    key = "predict_from"
    url_state.settle(key, "from", sources, sources[0])
    source = st.segmented_control(
        "Photo from",
        sources,
        format_func=lambda name: SOURCES[name],
        key=key,
        required=True,
        wrap=True,
        persist_state="session",
    )
    source = source or sources[0]
    url_state.keep(key, "from", source)
    return source


def of_data(info: DataInfo) -> Street:
    """Let the user choose a frame of the connected data."""
    spec = session.data_spec()
    splits = [split for split in _SPLITS if info.frames[split]]
    left, middle, right = st.columns([2, 4, 3], vertical_alignment="bottom")
    url_state.settle("predict_split", "split", splits, splits[0])
    with left:
        answer = st.segmented_control(
            "Split",
            splits,
            key="predict_split",
            required=True,
            persist_state="session",
            help="Streets that no model has learned from. val chose the best epoch of each run; test was kept back.",
        )
    split = answer or splits[0]
    url_state.keep("predict_split", "split", split)
    names = frames.frame_names(spec, split)
    position = names.index(url_state.settle("predict_frame", "frame", names, names[0]))
    with middle:
        name = st.selectbox(f"Frame, {len(names):,} in all", names, key="predict_frame", persist_state="session")
    url_state.keep("predict_frame", "frame", name)
    with right.container(horizontal=True, gap="small"):
        for words, icon, steps, end in (("Previous", "left", -1, 0), ("Next", "right", 1, len(names) - 1)):
            st.button(
                words,
                icon=f":material/chevron_{icon}:",
                key=f"predict_{words.lower()}",
                on_click=url_state.walk,
                args=("predict_frame", steps),
                disabled=position == end,
                width="stretch",
            )

    def load() -> Original:
        begun = time.perf_counter()
        frame = cache.frame(spec, split, name)
        return Original(frame.photo, _since(begun), frame.train_ids)

    return Street(name, f"frame {spec} {split} {name}", load, frames.is_squashed(info), walks=True)


def drawn() -> Street:
    """Let the user have a street drawn; every seed is another one."""
    seeds = [str(seed) for seed in range(1, _SEEDS + 1)]
    seed = int(url_state.settle(_SEED, _SEED_PARAMETER, seeds, seeds[0]))
    url_state.keep(_SEED, _SEED_PARAMETER, str(seed))
    with st.container(horizontal=True, vertical_alignment="center"):
        for words, icon, steps in (("Another street", "casino", 1), ("Back", "undo", -1)):
            st.button(
                words,
                icon=f":material/{icon}:",
                key=f"predict_seed_{steps}",
                on_click=url_state.walk,
                args=(_SEED, steps),
                disabled=not 1 <= seed + steps <= _SEEDS,
            )
        st.caption(
            f"Street {seed} of {_SEEDS:,}, drawn on the spot with the true class of every pixel. A model that has "
            "learned from photos alone has never seen such a picture, and the other way round."
        )

    def load() -> Original:
        begun = time.perf_counter()
        street = api.render_scene(seed)
        return Original(street.photo, _since(begun), street.train_ids)

    return Street(f"drawn-{seed}", f"drawn {seed}", load)


def _since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1000
