"""Frames of the connected data as the pages show them."""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

from cityseg import api
from cityseg.api import DataInfo
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.api.types import Prediction, Split, resize_photo
from cityseg.ui.app import cache
from cityseg.ui.common.gallery import encode_thumbnail
from cityseg.ui.common.viewer import Layer


@st.cache_data(show_spinner=False, ttl=60)
def frame_names(spec: str, split: Split) -> tuple[str, ...]:
    """List the frames of a split in their order."""
    return tuple(frame.name for frame in api.connect(spec).splits[split])


@st.cache_data(show_spinner=False, ttl=600, max_entries=2000)
def thumbnail(spec: str, split: Split, name: str) -> str:
    """Return a frame as a small ``data:`` picture, 2:1."""
    if cache.is_prepared(spec):
        small = cache.prepared(spec)[split]
        photo = small.photos[small.meta.frames.index(name)]
    else:
        photo = resize_photo(cache.frame(spec, split, name).photo, STATISTICS_SIZE)
    return encode_thumbnail(photo)


def is_squashed(info: DataInfo) -> bool:
    """Whether the files hold Cityscapes frames, 2:1 by nature, at a square size."""
    return info.kind == "cityscapes" and info.native_size[0] == info.native_size[1]


def unsquashed(photo: np.ndarray, info: DataInfo) -> np.ndarray:
    """Stretch a (H, W, 3) uint8 photo back to 2:1 if the files hold squashed frames; for showing only."""
    if not is_squashed(info):
        return photo
    height, width = photo.shape[:2]
    return np.asarray(Image.fromarray(photo).resize((2 * width, height), Image.Resampling.BILINEAR))


def doubt(prediction: Prediction) -> Layer:
    """Return a layer that shows how unsure a model is of every pixel."""
    return Layer("doubt", np.rint((1 - prediction.confidence) * 254).astype(np.uint8), scale=("sure", "unsure"))


def entropy(prediction: Prediction) -> Layer:
    """Return a layer that shows the entropy of all 19 probabilities of every pixel."""
    return Layer("entropy", np.rint(prediction.entropy * 254).astype(np.uint8), scale=("sure", "undecided"))
