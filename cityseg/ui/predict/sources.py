"""Image sources of the Predict page: the connected dataset, synthetic scenes, uploads and the camera."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import streamlit as st

from cityseg import api
from cityseg.api import DataInfo
from cityseg.api.types import Split, give_back_freed_memory
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session, url_state
from cityseg.ui.common import frame_navigator, frames
from cityseg.ui.common.url_choice import choose_option

_SPLITS: tuple[Split, ...] = ("val", "test")
_SEED, _SEED_PARAMETER = "predict_seed", "seed"
_SEEDS = 10_000
_LARGE_BYTES = 3 * 8_000_000
"""Size of a decoded photo above which its memory is returned to the system explicitly."""


@dataclass(eq=False)
class ImageSource:
    """An image to predict. It decodes at most once per run of the page, and holds pixels only until ``release``.

    Attributes:
        name: base name of downloads.
        key: identifies the content; equal keys mean equal pixels.
        load: decodes photo, (H, W, 3) uint8, and ground truth, (H, W) uint8 train ids or None; raises CitysegError.
        squashed: whether a 2:1 frame is stored at a square size and must be stretched for display.
        has_neighbours: whether there are previous and next frames.
    """

    name: str
    key: str
    load: Callable[[], tuple[np.ndarray, np.ndarray | None]]
    squashed: bool = False
    has_neighbours: bool = False
    decode_ms: float = field(default=0.0, init=False)

    @cached_property
    def pixels(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Photo and ground truth at full size; raises what ``load`` raises."""
        started = time.perf_counter()
        pixels = self.load()
        self.decode_ms = (time.perf_counter() - started) * 1000
        return pixels

    def release(self) -> None:
        """Drop the pixels if they are held."""
        pixels = self.__dict__.pop("pixels", None)
        if pixels is not None:
            size = pixels[0].size
            del pixels
            release_memory(size)


def release_memory(size: int) -> None:
    """Return freed memory to the system after a photo of ``size`` bytes was dropped, if it was large."""
    if size > _LARGE_BYTES:
        give_back_freed_memory()


def connected_data() -> DataInfo | None:
    """Describe the connected dataset; None if it cannot be opened, which the sidebar reports."""
    try:
        return cache.render_and_describe(session.data_spec())
    except CitysegError:
        return None


def choose_kind(info: DataInfo | None) -> str:
    """Show the choice of the kind of source; a dataset needs val or test frames, which no model was trained on."""
    has_frames = info is not None and any(info.frames[split] for split in _SPLITS)
    kinds = {"data": "Dataset"} if has_frames else {}
    kinds |= {"drawn": "Synthetic scene", "photos": "Your photos", "camera": "Camera", "clip": "Video"}
    return choose_option(st.segmented_control, "Image source", kinds, "predict_from", "from", wrap=True)


def choose_split(info: DataInfo) -> Split:
    """Show the choice of the split that frames of the connected dataset come from."""
    splits = [split for split in _SPLITS if info.frames[split]]
    meaning = "Frames that no model was trained on. val selected the best epoch of each run; test was held out."
    return choose_option(st.segmented_control, "Split", splits, "predict_split", "split", help=meaning)


def dataset_frame(info: DataInfo, split: Split) -> ImageSource:
    """Show the choice of a frame of the connected dataset."""
    spec = info.spec
    name = frame_navigator.choose_frame(cache.frame_names(spec, split), "predict")

    def load() -> tuple[np.ndarray, np.ndarray]:
        frame = cache.frame(spec, split, name)
        return frame.photo, frame.train_ids

    return ImageSource(name, f"frame {spec} {split} {name}", load, frames.is_squashed(info), has_neighbours=True)


def synthetic_scene() -> ImageSource:
    """Show the choice of a synthetic scene by its seed."""
    seeds = [str(seed) for seed in range(1, _SEEDS + 1)]
    seed = int(url_state.settle(_SEED, _SEED_PARAMETER, seeds, seeds[0]))
    url_state.keep(_SEED_PARAMETER, str(seed))
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, steps in (("Another scene", "casino", 1), ("Back", "undo", -1)):
            st.button(
                label,
                icon=f":material/{icon}:",
                key=f"predict_seed_{steps}",
                on_click=url_state.step,
                args=(_SEED, steps),
                disabled=not 1 <= seed + steps <= _SEEDS,
            )
        st.caption(
            f"Scene {seed} of {_SEEDS:,}, rendered on demand with ground truth for every pixel. Expect a distribution "
            "shift between photos and synthetic scenes."
        )

    def load() -> tuple[np.ndarray, np.ndarray]:
        scene = api.render_scene(seed)
        return scene.photo, scene.train_ids

    return ImageSource(f"drawn-{seed}", f"drawn {seed}", load)
