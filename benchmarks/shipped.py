"""Check the scores of the shipped models with ``cityseg evaluate`` and with the official Cityscapes scripts.

    python -m benchmarks.shipped FOLDER [--model NAME ...] [--json]

*differs* is the largest difference between the val and test scores in a model's card and those of its shipped weights
now. *mIoU* is the result of ``cityseg evaluate --split test``; *official* is that of the official scripts on label ids
written by ``cityseg predict``, one photo at a time. *differs* must be at most 1e-5, and the other two must agree to
1e-5. The rest is rounding of single pixels, which depends on batch size and CPU.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official

from benchmarks.common import shipped_models
from cityseg import api
from cityseg.api import Result
from cityseg.cli.options import Json
from cityseg.engine.runtime.allocator import keep_freed_memory

_SCORES = ("macro", "weighted", "per_class", "pixel_accuracy", "samples_dice", "category_iou")


def main(data: str, model: Annotated[list[str] | None, typer.Option()] = None, as_json: Json = False) -> None:
    """Print a line per shipped model, all or those named, measured on the dataset in DATA."""
    keep_freed_memory()
    measured = []
    for result in shipped_models(model):
        measured.append(measure(result, data))
        if not as_json:
            print("{model:14} differs {differs:.1e}   mIoU {miou:.6f}   official {official:.6f}".format(**measured[-1]))
    if as_json:
        print(json.dumps(measured, indent=1))


def measure(result: Result, data: str) -> dict[str, Any]:
    """Return the figures of one model."""
    differs = 0.0
    for split in ("val", "test"):
        now, stored = api.evaluate(result.id, data, split), result.scores[split]
        differs = max(differs, *(_difference(now[key], stored[key]) for key in _SCORES))
    return {
        "model": result.id,
        "differs": differs,
        "miou": now["macro"]["iou"],
        "official": _official(result.id, data),
    }


def _difference(now: Any, stored: Any) -> float:
    if isinstance(now, dict):
        return max(_difference(value, stored[key]) for key, value in now.items())
    return 0.0 if now is None and stored is None else abs(float(now) - float(stored))


def _official(model: str, data: str) -> float:
    """Return the official scripts' mean IoU of files that are predicted one by one."""
    frames = api.connect(data).splits["test"]
    # The scripts call np.in1d, which numpy has removed; np.isin replaces it.
    np.in1d = np.isin  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        written = api.predict_photos(model, [Path(frame.photo.path) for frame in frames], Path(folder))
        predictions = [photo["files"]["labelIds"] for photo in written]
        official.args.quiet, official.args.JSONOutput, official.args.evalInstLevelScore = True, False, False
        with contextlib.redirect_stdout(io.StringIO()):
            scores = official.evaluateImgLists(predictions, [str(frame.label.path) for frame in frames], official.args)
    return float(scores["averageScoreClasses"])


if __name__ == "__main__":
    typer.run(main)
