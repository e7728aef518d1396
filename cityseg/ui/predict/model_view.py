"""Display-sized photos, and the view of each model on them; large photos and predictions are not kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import streamlit as st

from cityseg import api
from cityseg.analysis.prediction.distribution_shift import DistributionShift
from cityseg.analysis.prediction.summary import MAX_SIDE, PredictionSummary, reduce_map, summarize
from cityseg.api import Result
from cityseg.api.types import WEIGHTS, Fit, resize_photo
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES
from cityseg.figures.images.prediction_files import UNKNOWN, UNKNOWN_COLOR
from cityseg.ui.app import cache, session
from cityseg.ui.common import frames
from cityseg.ui.common.viewer import Layer
from cityseg.ui.common.viewer.encode import EncodedImage, encode_confidence, encode_map, encode_photo
from cityseg.ui.predict.sources import ImageSource

PREDICTION = "prediction"


class Photo(NamedTuple):
    """A photo and its ground truth, (h, w) uint8 train ids if known, of at most ``MAX_SIDE`` pixels a side."""

    image: EncodedImage
    truth: np.ndarray | None
    size: tuple[int, int]
    """(height, width) of the original."""
    decode_ms: float
    encode_ms: float


@dataclass(frozen=True)
class ModelView:
    """The prediction of one model as the page shows it."""

    model: Result
    fit: Fit
    flip: bool
    key: str
    """Identifies image, weights and settings; equal keys mean equal views."""
    summary: PredictionSummary
    accuracy: float | None
    """Pixel accuracy; None without ground truth or labelled pixels."""
    shift: DistributionShift | None
    """None if the model's val statistics are not stored."""
    prediction: Layer
    uncertainty: Layer
    entropy: Layer
    encode_ms: float

    @property
    def val_counts(self) -> np.ndarray | None:
        """The counts behind risk and coverage on val; None if not stored."""
        detail = self.model.run.detail("val")
        return None if detail is None else detail.calibration


def display_photo(source: ImageSource) -> Photo:
    """Return the display-sized photo of a source; raises what ``source.load`` raises."""
    return _photo(source.key, source)


@st.cache_resource(show_spinner=False, max_entries=12)
def _photo(key: str, _source: ImageSource) -> Photo:
    original, truth = _source.pixels
    height, width = original.shape[:2]
    started = time.perf_counter()
    scale = min(1.0, MAX_SIDE / max(height, width))
    photo = resize_photo(original, (max(1, round(height * scale)), max(1, round(width * scale))))
    image = encode_photo(frames.stretched(photo) if _source.squashed else photo)
    encode_ms = (time.perf_counter() - started) * 1000
    return Photo(image, None if truth is None else reduce_map(truth), (height, width), _source.decode_ms, encode_ms)


def model_view(source: ImageSource, model: Result, fit: Fit, *, flip: bool) -> ModelView:
    """Predict a source with a model; raises CitysegError if the model or the photo cannot be used."""
    # The val statistics may be stored later than the weights.
    detail = model.run.folder / "detail-val.npz"
    version = [path.stat().st_mtime_ns if path.is_file() else 0 for path in (model.run.checkpoint / WEIGHTS, detail)]
    return _model_view(source.key, str(model.run.checkpoint), version, fit, flip, source, model)


@st.cache_resource(show_spinner=False, max_entries=24)
def _model_view(
    key: str, folder: str, version: list[int], fit: Fit, flip: bool, _source: ImageSource, _model: Result
) -> ModelView:
    photo, truth = _source.pixels
    prediction = cache.predictor(_model.id).predict(photo, fit, flip=flip)
    shift = api.distribution_shift(_model.id, photo, prediction)
    summary = summarize(prediction)
    accuracy = None if truth is None else frames.pixel_accuracy(truth, prediction.train_ids)
    void = summary.train_ids == IGNORE_INDEX
    started = time.perf_counter()
    layers = (
        Layer(PREDICTION, encode_map(summary.train_ids), encode_confidence(summary.percent)),
        _quantity("uncertainty", np.rint((99 - summary.percent) * (254 / 99)).astype(np.uint8), void, "unsure"),
        _quantity("entropy", summary.entropy, void, "undecided"),
    )
    encode_ms = (time.perf_counter() - started) * 1000
    view_key = f"{key} {folder} {version} {fit} {flip}"
    return ModelView(_model, fit, flip, view_key, summary, accuracy, shift, *layers, encode_ms)


def _quantity(name: str, values: np.ndarray, void: np.ndarray, high: str) -> Layer:
    return Layer(name, encode_map(np.where(void, np.uint8(IGNORE_INDEX), values)), scale=("sure", high))


def layers(view: ModelView, threshold: int, truth: np.ndarray | None) -> list[Layer]:
    """Return the layers of a view: the prediction, in which rejected pixels are grey, ground truth, uncertainties."""
    predictions = [view.prediction]
    if threshold:
        summary, confidence = view.summary, view.prediction.confidence
        unknown = (summary.percent < threshold) & (summary.train_ids != IGNORE_INDEX)
        train_ids = np.where(unknown, np.uint8(UNKNOWN), summary.train_ids)
        colors = [(int(red), int(green), int(blue)) for red, green, blue in session.palette()[:NUM_CLASSES]]
        classes = (*zip(CLASS_NAMES, colors, strict=True), ("unknown", UNKNOWN_COLOR))
        predictions = [
            Layer(PREDICTION, train_ids, confidence, classes),
            Layer("without threshold", view.prediction.values, confidence),
        ]
    truths = [] if truth is None else [Layer("ground truth", truth)]
    return [*predictions, *truths, view.uncertainty, view.entropy]
