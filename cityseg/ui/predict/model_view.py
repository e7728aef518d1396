"""What models see in a street, looked up once; little is kept of a large photo, only what a page shows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st
from PIL import Image

from cityseg import api
from cityseg.analysis.prediction import summary
from cityseg.analysis.prediction.distribution_shift import Familiarity
from cityseg.analysis.prediction.summary import MOST_SIDE, Seen
from cityseg.api import Result
from cityseg.api.types import WEIGHTS, Fit, give_back_freed_memory, resize_photo
from cityseg.classes import IGNORE_INDEX
from cityseg.ui.app import cache
from cityseg.ui.common.viewer.encode import encode_map, encode_photo
from cityseg.ui.predict.sources import Original, Street

LARGE = 3 * 8_000_000
"""Bytes of a decoded photo above which the memory it took is given back by hand."""


class Opened:
    """A street within one run of the page: decoded at most once, only if something new is asked, then forgotten."""

    def __init__(self, street: Street) -> None:
        self.street = street

    @cached_property
    def original(self) -> Original:
        """The photo at its own size; raises what ``Street.load`` does."""
        return self.street.load()

    def close(self) -> None:
        """Let the photo go, if it was decoded at all."""
        original = self.__dict__.pop("original", None)
        if original is not None:
            large = original.photo.size > LARGE
            del original
            if large:
                give_back_freed_memory()


@dataclass(frozen=True)
class Shown:
    """A photo for the eye.

    Attributes:
        photo: (h, w, 3) uint8, at most ``MOST_SIDE`` pixels on the longer side.
        truth: (h', w') uint8 train ids where they are known.
        size: (height, width) of the original.
        decoding: milliseconds from file to pixels.
        encoding: milliseconds it took to pack the photo for the browser.
    """

    photo: np.ndarray
    truth: np.ndarray | None
    size: tuple[int, int]
    decoding: float
    encoding: float


@dataclass(frozen=True)
class Look:
    """What one model sees.

    Attributes:
        key: names photo, model and way of looking; equal keys stand for equal views.
        seen: the reduced prediction.
        accuracy: share of right pixels where the truth is known; None otherwise, or where nothing is labelled.
        familiarity: how far the photo is from the val frames; None where these were not counted.
        encoding: milliseconds it took to pack the label map for the browser.
    """

    key: str
    seen: Seen
    accuracy: float | None
    familiarity: Familiarity | None
    encoding: float


def shown(opened: Opened) -> Shown:
    """Return the photo for the eye; raises what ``Street.load`` does."""
    return _shown(opened.street.key, opened)


@st.cache_resource(show_spinner=False, max_entries=12)
def _shown(key: str, _opened: Opened) -> Shown:
    original = _opened.original
    height, width = original.photo.shape[:2]
    scale = min(1.0, MOST_SIDE / max(height, width))
    photo = np.asarray(resize_photo(original.photo, (max(1, round(height * scale)), max(1, round(width * scale)))))
    if _opened.street.squashed:
        size = (2 * photo.shape[1], photo.shape[0])
        photo = np.asarray(Image.fromarray(photo).resize(size, Image.Resampling.BILINEAR))
    truth = None if original.truth is None else summary.reduced(original.truth)
    begun = time.perf_counter()
    encode_photo(photo)
    return Shown(photo, truth, (height, width), original.milliseconds, (time.perf_counter() - begun) * 1000)


def look(opened: Opened, model: Result, fit: Fit, *, flip: bool) -> Look:
    """Return what a model sees; raises CitysegError where the model or the photo cannot be used."""
    # The figures of val may be counted later than the weights are written.
    detail = model.run.folder / "detail-val.npz"
    version = [path.stat().st_mtime_ns if path.is_file() else 0 for path in (model.run.checkpoint / WEIGHTS, detail)]
    return _look(opened.street.key, str(model.run.checkpoint), version, fit, flip, opened, model.id)


@st.cache_resource(show_spinner=False, max_entries=24)
def _look(key: str, folder: str, version: list[int], fit: Fit, flip: bool, _opened: Opened, _model: str) -> Look:
    original = _opened.original
    prediction = cache.predictor(_model).predict(original.photo, fit, flip=flip)
    seen = summary.digest(prediction)
    familiarity = api.familiarity(_model, original.photo, prediction)
    begun = time.perf_counter()
    encode_map(seen.train_ids)
    encoding = (time.perf_counter() - begun) * 1000
    whole = f"{key} {folder} {version} {fit} {flip}"
    return Look(whole, seen, _accuracy(original.truth, prediction.train_ids), familiarity, encoding)


def _accuracy(truth: np.ndarray | None, predicted: np.ndarray) -> float | None:
    if truth is None:
        return None
    scored = truth != IGNORE_INDEX
    return float((truth[scored] == predicted[scored]).mean()) if scored.any() else None
