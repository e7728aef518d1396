"""From an uploaded photo to its overlay, against decoding, the bare forward pass and encoding.

    python -m benchmarks.predict [--model experiment-3] [--photo FILE] [--rounds N] [--json]

*whole* is the work of the Predict page: decode a 1280x720 JPEG, predict it, encode photo, classes and confidence for
the viewer. *bare* replaces prediction by ``model(x)`` on a ready tensor. Without a photo, a synthetic one is used. Both
alternate, and each counts its best round.

The limit is the forward pass: 3.8 GFLOP at 128x256 for experiment-3. Prediction also upsamples 19 maps of 128x256 to
the photo's size, 70 MB if written out; ``cityseg.inference.upsample`` interpolates all classes along borders only.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import typer
from PIL import Image

from benchmarks.common import alternate
from cityseg import api
from cityseg.cli.options import Json
from cityseg.data.image_io import decode_photo
from cityseg.data.synthetic import render
from cityseg.inference.predictor import Predictor
from cityseg.ui.common.viewer.encode import encode_confidence, encode_map, encode_photo

SIZE = (720, 1280)


def sides(predictor: Predictor, data: bytes) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return the *whole* and the *bare* work for an image file."""
    x = torch.zeros(1, 3, *predictor.card.image_size)
    ready = predictor.predict(decode_photo(data))
    limits = itertools.count(max(ready.train_ids.shape))

    def encode(photo: np.ndarray, train_ids: np.ndarray, confidence: np.ndarray) -> None:
        # Encoded images are cached by content and size limit; a new limit, above their size, misses the cache.
        side = next(limits)
        encode_photo(photo, side)
        encode_map(train_ids, side)
        encode_confidence(confidence, side)

    def whole() -> None:
        photo = decode_photo(data)
        prediction = predictor.predict(photo)
        encode(photo, prediction.train_ids, prediction.confidence)

    def bare() -> None:
        photo = decode_photo(data)
        with torch.no_grad():
            predictor.model(x)
        encode(photo, ready.train_ids, ready.confidence)

    return whole, bare


def synthetic_photo() -> bytes:
    """Return a synthetic 1280x720 scene as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(render(0, size=SIZE, daytime="day").photo).save(file, "JPEG", quality=90)
    return file.getvalue()


def main(model: str = "experiment-3", photo: Path | None = None, rounds: int = 8, as_json: Json = False) -> None:
    """Print the times of an upload and of the bare forward pass, and their ratio."""
    whole, bare = sides(api.load_predictor(model), photo.read_bytes() if photo else synthetic_photo())
    watch = alternate({"whole": whole, "bare": bare}, rounds)
    (wall, cpu), (bare_wall, bare_cpu) = watch.best("whole"), watch.best("bare")
    figures = {
        "whole_milliseconds": round(1000 * float(wall), 1),
        "bare_milliseconds": round(1000 * float(bare_wall), 1),
        "ratio": round(float(wall / bare_wall), 2),
        "processor_ratio": round(float(cpu / bare_cpu), 2),
    }
    print(json.dumps(figures) if as_json else ", ".join(f"{name} {value}" for name, value in figures.items()))


if __name__ == "__main__":
    typer.run(main)
