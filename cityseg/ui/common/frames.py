"""Frames of the connected dataset as the pages display them."""

from __future__ import annotations

import numpy as np
import streamlit as st
from PIL import Image

from cityseg.api import DataInfo
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.api.types import Prediction, Split, resize_photo
from cityseg.classes import IGNORE_INDEX
from cityseg.ui.app import cache
from cityseg.ui.common.gallery import encode_thumbnail
from cityseg.ui.common.viewer import Layer


@st.cache_data(show_spinner=False, ttl=600, max_entries=2000)
def thumbnail(spec: str, split: Split, name: str) -> str:
    """Return a frame as a small 2:1 JPEG in a ``data:`` URL."""
    if cache.is_prepared(spec):
        small = cache.prepared(spec)[split]
        return encode_thumbnail(small.photos[small.meta.frames.index(name)])
    return encode_thumbnail(resize_photo(cache.frame(spec, split, name).photo, STATISTICS_SIZE))


def is_squashed(info: DataInfo) -> bool:
    """Whether the files hold Cityscapes frames, which are 2:1, at a square size."""
    return info.is_squashed


def aspect(info: DataInfo) -> float:
    """Return the width over the height at which the frames are shown."""
    return 2.0 if is_squashed(info) else info.native_size[1] / info.native_size[0]


def unsquashed(photo: np.ndarray, info: DataInfo) -> np.ndarray:
    """Stretch a (H, W, 3) uint8 photo to 2:1 for display if the files hold squashed frames."""
    return stretched(photo) if is_squashed(info) else photo


def stretched(photo: np.ndarray) -> np.ndarray:
    """Double the width of a (H, W, 3) uint8 photo."""
    height, width = photo.shape[:2]
    return np.asarray(Image.fromarray(photo).resize((2 * width, height), Image.Resampling.BILINEAR))


def pixel_accuracy(truth: np.ndarray, prediction: np.ndarray) -> float | None:
    """Return the share of correct pixels among the labelled ones; None if there are none."""
    labelled = truth != IGNORE_INDEX
    return float((truth == prediction)[labelled].mean()) if labelled.any() else None


def entropy(prediction: Prediction) -> Layer:
    """Return a layer of the per-pixel entropy of all 19 probabilities."""
    return Layer("entropy", np.rint(prediction.entropy * 254).astype(np.uint8), scale=("sure", "undecided"))
