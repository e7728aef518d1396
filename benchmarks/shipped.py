"""Measure every shipped model again, twice: with ``cityseg evaluate`` and with the official scripts on written files.

    python -m benchmarks.shipped FOLDER [--model NAME ...] [--json]

*differs* is the largest difference between the scores in the model's card and those measured now from the shipped
weights, of all scores of val and test. *mIoU* is what ``cityseg evaluate --split test --size native`` tells at the
labels' own size; *official* is what the scripts of Cityscapes say of label ids written by ``cityseg predict``, one
photo at a time. *differs* must be at most 1e-5 and the two others must agree to 1e-5, or the shipped figures are
wrong. What is left are single pixels, rounded differently in a batch than alone, and on one processor than on another.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

from cityseg import api
from cityseg.api import Result
from cityseg.engine.runtime.allocator import keep_freed_memory

_COUNTED = ("macro", "weighted", "per_class", "pixel_accuracy", "samples_dice", "category_iou")


def main() -> None:
    """Print a line per model."""
    parser = argparse.ArgumentParser(description="The shipped figures, measured again.")
    parser.add_argument("data", help="the dataset the models were trained on")
    parser.add_argument("--model", action="append", help="a shipped model, any number of times; all by default")
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    keep_freed_memory()
    shipped = [result for result in api.list_results() if result.source == "shipped"]
    measured = []
    for result in shipped:
        if not words.model or result.id in words.model:
            measured.append(measure(result, words.data))
            if not words.json:
                print(
                    "{model:14} differs {differs:.1e}   mIoU {miou:.6f}   official {official:.6f}".format(
                        **measured[-1]
                    )
                )
    if words.json:
        print(json.dumps(measured, indent=1))


def measure(result: Result, data: str) -> dict[str, Any]:
    """Return the three figures of one model."""
    differs = 0.0
    for split in ("val", "test"):
        now, before = api.evaluate(result.id, data, split), result.scores[split]
        for key in _COUNTED:
            differs = max(differs, _difference(now[key], before[key]))
    native = api.evaluate(result.id, data, "test", size="native")
    return {
        "model": result.id,
        "differs": differs,
        "miou": native["macro"]["iou"],
        "official": _official(result.id, data),
    }


def _difference(now: Any, before: Any) -> float:
    if isinstance(now, dict):
        return max(_difference(value, before[key]) for key, value in now.items())
    return 0.0 if now is None and before is None else abs(float(now) - float(before))


def _official(model: str, data: str) -> float:
    """Return the mean IoU of the official scripts, of files predicted photo by photo."""
    frames = api.connect(data).splits["test"]
    # The scripts ask numpy for a name that it has dropped; ``isin`` is the same.
    np.in1d = np.isin  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        written = api.predict_photos(model, [Path(frame.photo.path) for frame in frames], Path(folder))
        predictions = [photo["files"]["labelIds"] for photo in written]
        official.args.quiet, official.args.JSONOutput, official.args.evalInstLevelScore = True, False, False
        with contextlib.redirect_stdout(io.StringIO()):
            scores = official.evaluateImgLists(predictions, [str(frame.label.path) for frame in frames], official.args)
    return float(scores["averageScoreClasses"])


if __name__ == "__main__":
    main()
