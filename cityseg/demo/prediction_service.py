"""What the demo is asked: which models there are, and what they see in a photo file."""

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
from cityseg.api.types import WEIGHTS, Daytime, Fit, Prediction, Predictor, Weather, decode_photo, render
from cityseg.errors import CitysegError, UsageError

_LOADED_MODELS = 4
_SKIES: tuple[tuple[Weather, Daytime], ...] = (("clear", "day"), ("rain", "day"), ("clear", "dusk"), ("fog", "day"))


def usable_models(names: Sequence[str] = (), runs: Path | None = None) -> list[Result]:
    """List the models of the demo, best first by macro F1 on test, else on val.

    Args:
        names: runs, shipped models or folders; all shipped models and finished runs where none is named.
        runs: folder of runs.

    Raises:
        UsageError: an unknown name, or no model at all.
    """
    if names:
        return [api.find_result(name, runs) for name in dict.fromkeys(names)]
    found = [
        result
        for result in api.list_results(runs)
        if result.state == "finished" and (result.run.checkpoint / WEIGHTS).is_file()
    ]
    if not found:
        raise UsageError("expected a shipped model or a finished run, found none; train one first")
    return sorted(found, key=lambda result: (-(macro_f1(result) or 0), result.id))


def macro_f1(result: Result) -> float | None:
    """Return the score that models are ordered by, on test, else on val."""
    test = result.score("test", "f1")
    return result.score("val", "f1") if test is None else test


@dataclass(frozen=True)
class Answer:
    """A photo and what a model sees in it.

    Attributes:
        photo: (H, W, 3) uint8.
        prediction: at the photo's own size.
        name: the photo's file name without its ending, what files are named after.
        milliseconds: time from file to label map.
    """

    photo: np.ndarray
    prediction: Prediction
    name: str
    milliseconds: float


class Looker:
    """Answers what models see in photo files.

    Args:
        find: lists the models that may be asked.

    Raises:
        UsageError: there are none.
    """

    def __init__(self, find: Callable[[], Sequence[Result]]) -> None:
        self._find, self.models = find, list(find())
        self._loaded = functools.lru_cache(_LOADED_MODELS)(api.load_predictor)

    def refresh(self) -> None:
        """List the models anew: runs finish and are deleted while the demo runs. Without any, the old ones stay."""
        # Nobody who opens the page can do anything about it, and each model says what is wrong when it is asked.
        with contextlib.suppress(CitysegError):
            self.models = list(self._find())

    def names(self, wanted: object = None) -> list[str]:
        """Return the ids of the models, listed anew where ``wanted`` is not among them."""
        names = [model.id for model in self.models]
        if wanted is None or wanted in names:
            return names
        self.refresh()
        return [model.id for model in self.models]

    def predictor(self, model: str) -> Predictor:
        """Return a model that stays loaded while it is among the last ones asked; raises what loading raises."""
        folder = next(found.run.folder for found in self.models if found.id == model)
        return self._loaded(str(folder))

    def look(self, path: Path, model: str, fit: Fit, *, flip: bool) -> Answer:
        """Predict a photo file.

        Raises:
            DataError, CheckpointError, UsageError: no photo, a damaged model, no such fit.
            OSError: the file is not there, or cannot be read.
        """
        begun = time.perf_counter()
        photo = decode_photo(path.read_bytes(), path.name)
        prediction = self.predictor(model).predict(photo, fit, flip=flip)
        return Answer(photo, prediction, path.stem, (time.perf_counter() - begun) * 1000)


def draw_examples(folder: Path, count: int) -> list[Path]:
    """Draw streets in different weather as JPEG files."""
    paths = []
    for number in range(count):
        weather, daytime = _SKIES[number % len(_SKIES)]
        path = folder / f"street-{number + 1}-{weather}-{daytime}.jpg"
        photo = render(number + 1, size=(256, 512), weather=weather, daytime=daytime).photo
        Image.fromarray(photo).save(path, quality=92)
        paths.append(path)
    return paths
