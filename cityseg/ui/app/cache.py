"""Cached calls of ``cityseg.api`` for the pages, keyed so that nothing stale is shown."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import numpy as np
import streamlit as st
from torch import Tensor

from cityseg import api
from cityseg.api import (
    ConnectedData,
    Cost,
    DamagedResult,
    DataInfo,
    DeviceInfo,
    FrameView,
    Listing,
    Queue,
    Result,
)
from cityseg.api.data.connect import synthetic_is_rendered
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.api.types import (
    CachedSplit,
    Dataset,
    Prediction,
    Predictor,
    Split,
    SplitStatistics,
    default_data,
    probabilities_at,
    runs_root,
    weights_version,
)
from cityseg.config import ExperimentConfig, affecting
from cityseg.data.prepared import cache
from cityseg.data.prepared import statistics as counting
from cityseg.errors import CitysegError
from cityseg.ui.app import background


@st.cache_resource(show_spinner=False, ttl=60, max_entries=8)
def dataset(spec: str) -> Dataset:
    """Open a dataset; listed again every minute."""
    return api.connect(spec)


def warm_up() -> None:
    """Fill the caches that every page needs, as far as the default data can be opened at once."""
    all_results()
    device()
    with contextlib.suppress(CitysegError):
        if is_rendered(default_data()) and is_counted(default_data()):
            statistics(default_data())


def refresh_dataset() -> None:
    """Clear everything that depends on the files of a dataset, because they may have changed."""
    for cached in (dataset, data_info, _is_prepared, _is_counted, frame, prepared, statistics):
        cached.clear()


@st.cache_data(show_spinner=False, ttl=60)
def data_info(spec: str) -> DataInfo:
    """Describe a dataset; again every minute."""
    return api.data_info(spec)


def connected_data(spec: str) -> ConnectedData | None:
    """Return what tells whether a result was measured on a dataset, None if it cannot be opened."""
    with contextlib.suppress(CitysegError):
        return _connected_data(spec) if is_rendered(spec) else None
    return None


@st.cache_data(show_spinner=False, ttl=30)
def _connected_data(spec: str) -> ConnectedData:
    return ConnectedData.of(dataset(spec), data_info(spec).description)


def is_rendered(spec: str) -> bool:
    """Whether ``data_info`` returns at once; False only for a synthetic dataset that is not rendered yet."""
    return spec != "synthetic" or synthetic_is_rendered()


def render_and_describe(spec: str) -> DataInfo:
    """Describe a dataset, rendering the synthetic one on first use behind a progress bar."""
    if not is_rendered(spec):
        title = "Rendering the synthetic dataset (once)"
        background.follow(("draw", spec), lambda note: api.data_info(spec, note), title)
    return data_info(spec)


def is_prepared(spec: str, size: tuple[int, int] = STATISTICS_SIZE) -> bool:
    """Whether every split is prepared at ``size``, by default that of the statistics."""
    return _is_true(_is_prepared, spec, size)


def _is_true(function: Any, *arguments: Any) -> bool:
    """Call a cached function, anew if it was False, which may be outdated."""
    if not function(*arguments):
        function.clear(*arguments)
    return bool(function(*arguments))


@st.cache_data(show_spinner=False, ttl=600)
def _is_prepared(spec: str, size: tuple[int, int]) -> bool:
    listed = dataset(spec)
    return all(cache.is_prepared(listed, split, size) for split in api.splits_with_frames(listed))


@st.cache_resource(show_spinner=False, ttl=600, max_entries=8)
def prepared(spec: str) -> dict[Split, CachedSplit]:
    """Return every split at the small size of statistics and thumbnails; arrays stay on disk."""
    return api.prepare(spec)


@st.cache_resource(show_spinner=False, ttl=600, max_entries=8)
def statistics(spec: str) -> dict[Split, SplitStatistics]:
    """Return the class statistics of a dataset, shared by all sessions so that derived values are computed once."""
    return {split: counting.compute(part) for split, part in prepared(spec).items()}


def is_counted(spec: str) -> bool:
    """Whether ``counted`` returns at once."""
    return _is_true(_is_counted, spec)


@st.cache_data(show_spinner=False, ttl=600)
def _is_counted(spec: str) -> bool:
    return is_prepared(spec) and all(counting.is_counted(part) for part in prepared(spec).values())


def counted(spec: str) -> dict[Split, SplitStatistics]:
    """Return the class statistics of a dataset, decoding it on first use behind a progress bar."""
    if not is_counted(spec):
        title = "Reading every frame once to count classes"
        background.follow(("count", spec), lambda note: api.statistics(spec, on_progress=note), title)
    return statistics(spec)


@st.cache_data(
    show_spinner="Counting parameters, MACs and memory",
    max_entries=128,
    hash_funcs={ExperimentConfig: lambda config: config.model_dump_json(include=affecting("cost"))},
)
def cost(config: ExperimentConfig, frames: int) -> Cost:
    """Return the cost of a config on ``frames`` frames, cached by the settings that affect it."""
    return api.cost_of(config, frames)


@st.cache_data(show_spinner=False, ttl=600)
def device() -> DeviceInfo:
    """Describe the device; cached, since querying a GPU takes a moment."""
    return api.device_info()


def frame_names(spec: str, split: Split) -> tuple[str, ...]:
    """List the frames of a split in their order."""
    return tuple(frame.name for frame in dataset(spec).splits[split])


@st.cache_data(show_spinner=False, max_entries=64)
def frame(spec: str, split: Split, name: str) -> FrameView:
    """Read one frame at its native size."""
    return api.frame_view(dataset(spec), split, name)


def results() -> list[Result]:
    """List runs and shipped models; read again when a run folder has changed."""
    return _listing(_fingerprint()).results


def all_results() -> list[Result]:
    """List runs and shipped models, each followed by what was measured with it on other data."""
    return _listing(_fingerprint()).everything


def damaged_results() -> list[DamagedResult]:
    """List the runs and shipped models that cannot be read, with the reasons."""
    return _listing(_fingerprint()).damaged


def refresh_results() -> None:
    """Read the results again in the next run, after a change that is in no run's status."""
    _listing.clear()


def queue() -> Queue:
    """Start the waiting runs that have a slot and return the queue; cheap enough to be uncached."""
    try:
        return api.advance_queue()
    except CitysegError:
        # A read-only folder of runs is shown too; changing its queue raises the error.
        return api.find_queue()


# A resource, which is shared and not copied: copies of sixty results take as long as the rest of a page.
@st.cache_resource(show_spinner=False, max_entries=2)
def _listing(fingerprint: tuple[tuple[str, int], ...]) -> Listing:
    return api.list_all()


def _fingerprint() -> tuple[tuple[str, int], ...]:
    """Return path and mtime of every run's status, and the time: a dead process changes no file."""
    times = [("moment", int(time.time() // 5))]
    for path in sorted(runs_root().glob("*/status.json")):
        # A run may be deleted between glob and stat, or be unreadable.
        with contextlib.suppress(OSError):
            times.append((str(path), path.stat().st_mtime_ns))
    return tuple(times)


def predictor(model: str) -> Predictor:
    """Load a model once per version of its weights."""
    return _predictor(*_identity(model))


def _identity(model: str) -> tuple[str, int]:
    """Return the folder of a model and the mtime of its weights, as a cache key."""
    folder = api.model_folder(model)
    return str(folder), weights_version(folder)


# The Compare page uses six models in turn; fewer entries would reload each of them for every frame.
@st.cache_resource(show_spinner=False, max_entries=8)
def _predictor(folder: str, version: int) -> Predictor:
    return api.load_predictor(folder)


def predict(model: str, photo: np.ndarray) -> Prediction:
    """Predict a (H, W, 3) uint8 photo; the same photo and model are predicted once."""
    return _predict(*_identity(model), photo)


@st.cache_resource(show_spinner=False, max_entries=12)
def _predict(folder: str, version: int, photo: np.ndarray) -> Prediction:
    return _predictor(folder, version).predict(photo)


def probabilities(model: str, photo: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return the (19,) probabilities of one pixel of a (H, W, 3) uint8 photo; predicted once per model and photo."""
    return probabilities_at(_logits(*_identity(model), photo), (photo.shape[0], photo.shape[1]), row, column)


@st.cache_resource(show_spinner=False, max_entries=6)
def _logits(folder: str, version: int, photo: np.ndarray) -> Tensor:
    return _predictor(folder, version).logits(photo)


def speed(model: str, photo: np.ndarray) -> float:
    """Return the milliseconds of a warm model per photo, measured once per model and photo size."""
    return _speed(*_identity(model), photo.shape, photo)


@st.cache_data(show_spinner=False, max_entries=32)
def _speed(folder: str, version: int, shape: tuple[int, ...], _photo: np.ndarray) -> float:
    model = _predictor(folder, version)
    model.predict(_photo)
    return min(model.predict(_photo).milliseconds for _ in range(2))
