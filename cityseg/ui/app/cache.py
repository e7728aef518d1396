"""Cached views of ``cityseg.api`` for the pages: nothing is loaded twice, and nothing stale is shown."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from torch import Tensor

from cityseg import api
from cityseg.api import Cost, DataInfo, DeviceInfo, FrameView, Queue, Result
from cityseg.api.data.connect import synthetic_is_rendered
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.api.types import (
    CachedSplit,
    Dataset,
    Prediction,
    Predictor,
    Split,
    SplitStatistics,
    probabilities_at,
    runs_root,
)
from cityseg.config import ExperimentConfig, affecting
from cityseg.data.prepared import cache
from cityseg.data.prepared import statistics as counting
from cityseg.errors import CitysegError
from cityseg.ui.app import background


@st.cache_resource(show_spinner=False, ttl=60, max_entries=8)
def dataset(spec: str) -> Dataset:
    """List a dataset; looked at again every minute."""
    return api.connect(spec)


def look_again() -> None:
    """Forget every listing and what follows from one, because the files may have changed."""
    for remembered in (dataset, data_info, _is_prepared, _is_counted, frame_names, frame, prepared, statistics):
        remembered.clear()


@st.cache_data(show_spinner=False, ttl=60)
def data_info(spec: str) -> DataInfo:
    """Describe a dataset; looked at again every minute."""
    return api.data_info(spec)


def is_drawn(spec: str) -> bool:
    """Whether ``data_info`` answers at once: false only while the synthetic set is still to be drawn."""
    return spec != "synthetic" or synthetic_is_rendered()


def draw(spec: str) -> DataInfo:
    """Describe a dataset, drawing the synthetic set on first use with a progress bar in place."""
    if not is_drawn(spec):
        title = "Drawing a set of streets to look at (once)"
        background.follow(("draw", spec), lambda note: api.data_info(spec, note), title)
    return data_info(spec)


def is_prepared(spec: str, size: tuple[int, int] = STATISTICS_SIZE) -> bool:
    """Whether every split lies in the cache at ``size``, by default that of the statistics."""
    return _is_prepared(spec, size) or _once_more(_is_prepared, spec, size)


def _once_more(ask: Any, *words: Any) -> bool:
    """Ask again past the memory: what is not there yet may be there in the next moment."""
    ask.clear(*words)
    answer: bool = ask(*words)
    return answer


@st.cache_data(show_spinner=False, ttl=600)
def _is_prepared(spec: str, size: tuple[int, int]) -> bool:
    listed = dataset(spec)
    return all(cache.is_prepared(listed, split, size) for split in api.splits_with_frames(listed))


@st.cache_resource(show_spinner=False, ttl=600, max_entries=8)
def prepared(spec: str) -> dict[Split, CachedSplit]:
    """Return every split at the small size used for statistics and thumbnails; arrays stay on disk."""
    return api.prepare(spec)


@st.cache_resource(show_spinner=False, ttl=600, max_entries=8)
def statistics(spec: str) -> dict[Split, SplitStatistics]:
    """Count a dataset's classes; shared by all visitors, so that what is derived from the counts is derived once."""
    return {split: counting.compute(part) for split, part in prepared(spec).items()}


def is_counted(spec: str) -> bool:
    """Whether ``counted`` answers at once."""
    return _is_counted(spec) or _once_more(_is_counted, spec)


@st.cache_data(show_spinner=False, ttl=600)
def _is_counted(spec: str) -> bool:
    return is_prepared(spec) and all(counting.is_counted(part) for part in prepared(spec).values())


def counted(spec: str) -> dict[Split, SplitStatistics]:
    """Count a dataset's classes, decoding it on first use with a progress bar in place."""
    if not is_counted(spec):
        title = "Reading every frame once, to count its classes"
        background.follow(("count", spec), lambda note: api.statistics(spec, on_progress=note), title)
    return statistics(spec)


def cost(config: ExperimentConfig, frames: int) -> Cost:
    """Return the cost of a config on ``frames`` frames; counted once for configs that differ only in other settings."""
    return _cost(config.model_dump_json(include=affecting("cost")), frames, config)


@st.cache_data(show_spinner="Counting parameters, MACs and memory", max_entries=128)
def _cost(settings: str, frames: int, _config: ExperimentConfig) -> Cost:
    return api.cost_of(_config, frames)


@st.cache_data(show_spinner=False, ttl=600)
def device() -> DeviceInfo:
    """Describe the device; asked once, since asking a GPU takes a moment."""
    return api.device_info()


@st.cache_data(show_spinner=False, ttl=60)
def frame_names(spec: str) -> dict[Split, tuple[str, ...]]:
    """List the frames of every split by name; looked at again every minute."""
    return {split: tuple(frame.name for frame in frames) for split, frames in dataset(spec).splits.items()}


@st.cache_data(show_spinner=False, max_entries=64)
def frame(spec: str, split: Split, name: str) -> FrameView:
    """Read one frame at its native size."""
    return api.frame_view(dataset(spec), split, name)


def results() -> list[Result]:
    """List runs and shipped models; read anew whenever a run folder has changed."""
    return _results(_fingerprint())


def queue() -> Queue:
    """Return how the queue stands, after starting what has a slot; cheap enough to be read every time."""
    # A folder of runs that can only be read is shown all the same; changing the queue says what is wrong with it.
    with contextlib.suppress(CitysegError):
        api.advance_queue()
    return api.find_queue()


@st.cache_data(show_spinner=False, max_entries=2)
def _results(fingerprint: tuple[tuple[str, int], ...]) -> list[Result]:
    return api.list_results()


def _fingerprint() -> tuple[tuple[str, int], ...]:
    """Return names and times of every run's status, and the moment: a dead process changes no file."""
    return (*_times(sorted(runs_root().glob("*/status.json"))), ("moment", int(time.time() // 5)))


def _times(paths: list[Path]) -> list[tuple[str, int]]:
    times = []
    for path in paths:
        # A run can be deleted between being listed and being looked at.
        with contextlib.suppress(FileNotFoundError):
            times.append((str(path), path.stat().st_mtime_ns))
    return times


def predictor(model: str) -> Predictor:
    """Load a model once per version of its weights."""
    folder = api.model_folder(model)
    return _predictor(str(folder), (folder / "model.safetensors").stat().st_mtime_ns)


# The Compare page asks six models in turn; fewer places would load each of them anew for every frame.
@st.cache_resource(show_spinner=False, max_entries=8)
def _predictor(folder: str, version: int) -> Predictor:
    return api.load_predictor(folder)


def predict(model: str, photo: np.ndarray) -> Prediction:
    """Predict a (H, W, 3) uint8 photo; the same photo and model are predicted once."""
    folder = api.model_folder(model)
    return _predict(str(folder), (folder / "model.safetensors").stat().st_mtime_ns, photo)


@st.cache_resource(show_spinner=False, max_entries=12)
def _predict(folder: str, version: int, photo: np.ndarray) -> Prediction:
    return _predictor(folder, version).predict(photo)


def probabilities(model: str, photo: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return the (19,) probabilities of one pixel of a (H, W, 3) uint8 photo; predicted once per model and photo."""
    folder = api.model_folder(model)
    logits = _logits(str(folder), (folder / "model.safetensors").stat().st_mtime_ns, photo)
    return probabilities_at(logits, (photo.shape[0], photo.shape[1]), row, column)


@st.cache_resource(show_spinner=False, max_entries=6)
def _logits(folder: str, version: int, photo: np.ndarray) -> Tensor:
    return _predictor(folder, version).logits(photo)


def speed(model: str, photo: np.ndarray) -> float:
    """Return the milliseconds that a loaded and warm model takes for one photo; measured once per model and size."""
    folder = api.model_folder(model)
    return _speed(str(folder), (folder / "model.safetensors").stat().st_mtime_ns, photo.shape, photo)


@st.cache_data(show_spinner=False, max_entries=32)
def _speed(folder: str, version: int, shape: tuple[int, ...], _photo: np.ndarray) -> float:
    model = _predictor(folder, version)
    model.predict(_photo)
    return min(model.predict(_photo).milliseconds for _ in range(2))
