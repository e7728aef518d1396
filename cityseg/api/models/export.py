"""A model as a file for other programs, checked against the model it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from cityseg import checkpoint
from cityseg.api.data.connect import connect
from cityseg.api.results.listing import find_result_folder
from cityseg.data.frame_io import read_photo
from cityseg.data.layouts.detect import default_data
from cityseg.errors import CheckpointError, DataError
from cityseg.inference.onnx import free_divisor, load_onnx, write_onnx
from cityseg.inference.predictor import Predictor
from cityseg.progress import OnProgress

Format = Literal["onnx"]
LEAST_EQUAL = 0.9999
"""Share of pixels on which an exported model has to agree with its original."""
_FRAMES = 8


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
    """Write a model as a file for other programs, and compare the two on frames of a dataset.

    Args:
        model: MODEL.
        out: the file to write.
        spec: the dataset whose val frames both are shown; the default one if none is named.
        format: of the file.
        frames: how many frames at most.
        runs: folder of runs.
        on_progress: called with (frames compared, frames in all).

    Returns:
        ``path``, ``format``, ``bytes``, ``divisor`` (of sizes that the file takes, None for its own size alone),
        ``frames`` compared and ``equal``, the share of pixels with the same class.

    Raises:
        UsageError, DataError: a wrong MODEL or dataset, or a file that cannot be written.
        CheckpointError: the two disagree on more than one pixel in 10,000; the file is removed.
    """
    network, card = checkpoint.load(find_result_folder(model, runs).checkpoint)
    listed = connect(spec or default_data())
    chosen = (listed.splits["val"] or listed.splits["train"] or listed.splits["test"])[:frames]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_onnx(network, card, out)
    except OSError as error:
        raise DataError(f"{out}: expected a file that can be written, found {error.strerror}; choose another") from None
    original, exported = Predictor(network, card), load_onnx(out)
    equal = pixels = 0
    for done, frame in enumerate(chosen, start=1):
        photo = read_photo(frame.photo)
        maps = [predictor.predict(photo).train_ids for predictor in (original, exported)]
        equal, pixels = equal + int(np.sum(maps[0] == maps[1])), pixels + maps[0].size
        if on_progress:
            on_progress(done, len(chosen))
    share = equal / pixels
    if share < LEAST_EQUAL:
        out.unlink()
        raise CheckpointError(
            f"{out}: expected the classes of {model} on at least {LEAST_EQUAL:.2%} of the pixels of "
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
