"""Export of a model to ONNX, verified against the original."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from cityseg import checkpoint
from cityseg.api.data.connect import connect
from cityseg.api.results.folders import find_result_folder
from cityseg.data.frame_io import read_photo
from cityseg.errors import CheckpointError, UsageError
from cityseg.files import writing
from cityseg.inference.onnx import free_divisor, load_onnx, write_onnx
from cityseg.inference.predictor import Predictor
from cityseg.memory import enough_memory
from cityseg.progress import OnProgress, reported

Format = Literal["onnx"]
MIN_AGREEMENT = 0.9999
"""Minimum share of pixels on which the exported model has to agree with the original."""
_FRAMES = 8


@enough_memory("to export and compare this model", "close other programs, or choose a smaller model")
def export(
    model: str,
    out: Path,
    spec: str | None = None,
    *,
    format: Format = "onnx",
    frames: int = _FRAMES,
    runs: Path | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Export a model to a file and compare both on frames of a dataset.

    Args:
        out: file to write.
        spec: dataset whose val frames, at most ``frames``, both predict.

    Returns:
        ``path``, ``format``, ``bytes``, ``divisor`` (of the heights and widths that the file takes, None for its own
        size alone), ``frames`` compared and ``equal``, the share of pixels with the same class.

    Raises:
        UsageError: ``out`` is a folder, or another file than one that ends in ``.onnx``.
        CheckpointError: both disagree on more than one pixel in 10,000; the file is removed.
    """
    if not out.name or out.is_dir():
        raise UsageError(f"{out}: expected a file to write, found a folder; name a file in it, such as {model}.onnx")
    if out.exists() and out.suffix.lower() != ".onnx":
        raise UsageError(
            f"{out}: expected a new file or one that ends in .onnx, found another one; name a file such as {model}.onnx"
        )
    network, card = checkpoint.load(find_result_folder(model, runs).checkpoint)
    splits = connect(spec).splits
    chosen = (splits["val"] or splits["train"] or splits["test"])[:frames]
    with writing(out):
        write_onnx(network, card, out)
    original, exported = Predictor(network, card), load_onnx(out)
    equal = pixels = 0
    for frame in reported(chosen, on_progress):
        photo = read_photo(frame.photo)
        maps = [predictor.predict(photo).train_ids for predictor in (original, exported)]
        equal, pixels = equal + int(np.sum(maps[0] == maps[1])), pixels + maps[0].size
    share = equal / pixels
    if share < MIN_AGREEMENT:
        out.unlink()
        raise CheckpointError(
            f"{out}: expected the classes of {model} on at least {MIN_AGREEMENT:.2%} of the pixels of "
            f"{len(chosen)} frames, found {share:.4%}; the file was removed"
        )
    return {
        "path": str(out),
        "format": format,
        "bytes": out.stat().st_size,
        "divisor": free_divisor(network, card.image_size),
        "frames": len(chosen),
        "equal": share,
    }
