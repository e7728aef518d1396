"""The models of the demo and their predictions of photo files."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from cityseg import api
from cityseg.api import Result
from cityseg.api.types import Daytime, Fit, Prediction, Predictor, Weather, read_photo_file, render
from cityseg.errors import CitysegError, UsageError

_CONDITIONS: list[tuple[Weather, Daytime]] = [("clear", "day"), ("rain", "day"), ("clear", "dusk"), ("fog", "day")]


def find_models(names: Sequence[str] = (), runs: Path | None = None) -> list[Result]:
    """Return the models with these names, by default all shipped models and finished runs, best first.

    Raises:
        UsageError: an unknown name, or no model at all.
    """
    if names:
        return [api.find_result(name, runs) for name in dict.fromkeys(names)]
    models = api.usable_models(result for result in api.list_results(runs) if result.state == "finished")
    if not models:
        raise UsageError("expected a shipped model or a finished run, found none; train one first")
    return models


@dataclass(frozen=True)
class PhotoPrediction:
    """A photo, (H, W, 3) uint8, its prediction, its file name without suffix, and the time from file to label map."""

    photo: np.ndarray
    prediction: Prediction
    name: str
    milliseconds: float


class PredictionService:
    """Predicts photo files with models that stay loaded; ``find`` lists the models on offer."""

    def __init__(self, find: Callable[[], Sequence[Result]]) -> None:
        self._find, self.models = find, list(find())
        self._load = functools.lru_cache(maxsize=4)(api.load_predictor)

    def refresh(self) -> None:
        """List the models again; on an error, which a visitor cannot resolve, the old list stays."""
        with contextlib.suppress(CitysegError):
            self.models = list(self._find())

    def model_ids(self, requested: object) -> list[str]:
        """Return the ids of the models, after a refresh if ``requested`` is not among them."""
        if requested not in [model.id for model in self.models]:
            self.refresh()
        return [model.id for model in self.models]

    def predictor(self, model: str) -> Predictor:
        """Return a loaded model by its id; raises what loading raises."""
        return self._load(str(next(found.run.folder for found in self.models if found.id == model)))

    def predict(self, path: Path, model: str, fit: Fit, *, flip: bool) -> PhotoPrediction:
        """Predict a photo file.

        Raises:
            DataError, CheckpointError, UsageError: not a photo, a damaged model, an unknown fit.
            OSError: the file is missing or cannot be read.
        """
        started = time.perf_counter()
        photo = read_photo_file(path, path.name)
        prediction = self.predictor(model).predict(photo, fit, flip=flip)
        return PhotoPrediction(photo, prediction, path.stem, (time.perf_counter() - started) * 1000)


def render_examples(folder: Path, count: int) -> list[Path]:
    """Write synthetic scenes in different conditions as JPEG files."""
    paths = []
    for number in range(count):
        weather, daytime = _CONDITIONS[number % len(_CONDITIONS)]
        path = folder / f"scene-{number + 1}-{weather}-{daytime}.jpg"
        photo = render(number + 1, size=(256, 512), weather=weather, daytime=daytime).photo
        Image.fromarray(photo).save(path, quality=92)
        paths.append(path)
    return paths
