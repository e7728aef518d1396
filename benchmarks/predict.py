"""From an uploaded photo to its overlay, against what cannot be saved: decoding, the bare forward pass, encoding.

    python -m benchmarks.predict [--model experiment-3] [--photo FILE] [--rounds N] [--json]

*whole* is what the Predict page does: decode a 1280x720 JPEG, predict it, encode photo, classes and confidence for the
viewer. *bare* is the same decoding and encoding around nothing but ``model(x)`` on a tensor that lies ready. Without a
photo, a street is drawn at that size. The two take turns, and each counts its best round.

The limit is the forward pass: 3.8 GFLOP at 128x256 for experiment-3. Beyond it, predicting
enlarges 19 maps of 128x256 to the photo: written out they would be 70 MB;
``cityseg.inference.upsample`` mixes them along borders only.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cityseg import api
from cityseg.data.image_io import decode_photo
from cityseg.data.synthetic import render
from cityseg.engine.bench.stopwatch import Stopwatch
from cityseg.inference.predictor import Predictor
from cityseg.ui.common.viewer.encode import encode_confidence, encode_map, encode_photo

SIZE = (720, 1280)


def sides(predictor: Predictor, data: bytes) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what is done for an upload, and the same with nothing but the forward pass between decoding and encoding.

    Args:
        predictor: the model.
        data: an image file.
    """
    x = torch.zeros(1, 3, *predictor.card.image_size)
    ready = predictor.predict(decode_photo(data))
    limits = itertools.count(max(ready.train_ids.shape))

    def encode(photo: np.ndarray, train_ids: np.ndarray, confidence: np.ndarray) -> None:
        # Pictures are kept by content and limit; with a limit of its own, beyond their size, none is found again.
        side = next(limits)
        encode_photo(photo, side)
        encode_map(train_ids, side)
        encode_confidence(confidence, side)

    def whole() -> None:
        photo = decode_photo(data)
        found = predictor.predict(photo)
        encode(photo, found.train_ids, found.confidence)

    def bare() -> None:
        photo = decode_photo(data)
        with torch.no_grad():
            predictor.model(x)
        encode(photo, ready.train_ids, ready.confidence)

    return whole, bare


def main() -> None:
    """Print both sides, their ratio and the parts."""
    parser = argparse.ArgumentParser(description="An upload to its overlay, against the bare forward pass.")
    parser.add_argument("--model", default="experiment-3")
    parser.add_argument("--photo", type=Path)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    whole, bare = sides(api.load_predictor(words.model), words.photo.read_bytes() if words.photo else drawn())
    watch = Stopwatch(torch.device("cpu"))
    for _ in range(words.rounds + 1):
        watch.time("whole", whole)
        watch.time("bare", bare)
    (wall, work), (least, least_work) = watch.best("whole"), watch.best("bare")
    figures = {
        "whole_milliseconds": round(1000 * float(wall), 1),
        "bare_milliseconds": round(1000 * float(least), 1),
        "ratio": round(float(wall / least), 2),
        "processor_ratio": round(float(work / least_work), 2),
    }
    print(json.dumps(figures) if words.json else ", ".join(f"{name} {value}" for name, value in figures.items()))


def drawn() -> bytes:
    """Draw a street of 1280x720 as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(render(0, size=SIZE, daytime="day").photo).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
