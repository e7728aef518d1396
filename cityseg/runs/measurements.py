"""The arrays of a run folder: per-frame confusion matrices and detailed counts, read with their shapes checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from cityseg.classes import NUM_CLASSES
from cityseg.errors import DataError
from cityseg.files import DAMAGE, array_shapes, file_size, read_arrays
from cityseg.metrics.calibration import CONFIDENCE_SCALE, FINE_BINS

_T = TypeVar("_T")
_LARGEST_PROBE = 2**26
"""Pixels of a probe picture at most; the largest input of a network has 2**23."""
_ROUNDING = 1e-3
_LARGEST = 2**48
"""Largest plausible count of pixels; sums over all frames stay far below the range of int64."""


@dataclass(frozen=True)
class Detail:
    """Measurements of a pass over a split, besides the confusion matrices."""

    boundary: np.ndarray  # (N, 19, 3) int64 pixel counts near contours, see ``metrics.boundary``
    calibration: np.ndarray  # (19, 100, 3) int64 pixel counts by confidence, see ``metrics.calibration``
    light: np.ndarray  # (N, 2) float32 mean and standard deviation of each photo's luma, 0 to 255
    entropy: np.ndarray
    """(N,) float32 mean entropy of each frame's predictions, as a share of the largest possible entropy."""
    predicted: np.ndarray  # (N, 19) int64 pixel counts of each frame by predicted class, void included


@dataclass(frozen=True)
class SplitDetail(Detail):
    """Measurements of the best weights, as stored with a run."""

    frames: tuple[str, ...]  # names of the frames


@dataclass(frozen=True)
class FrameConfusions:
    """Per-frame confusion matrices of one split."""

    frames: tuple[str, ...]  # names of the frames
    matrices: np.ndarray  # (N, 19, 19) int64, rows = ground truth


_COUNTS, _MEASURES = "iu", "f"
_CONFUSIONS: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "best": (_COUNTS, (None, NUM_CLASSES, NUM_CLASSES)),
    "last": (_COUNTS, (None, NUM_CLASSES, NUM_CLASSES)),
}
_DETAIL: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "boundary": (_COUNTS, (None, NUM_CLASSES, 3)),
    "calibration": (_COUNTS, (NUM_CLASSES, FINE_BINS, 3)),
    "light": (_MEASURES, (None, 2)),
    "entropy": (_MEASURES, (None,)),
    "predicted": (_COUNTS, (None, NUM_CLASSES)),
}
"""Kinds and shapes of the stored arrays; None is the number of frames."""


def read_confusions(path: Path, which: str) -> FrameConfusions:
    """Read the matrices ``which`` of a file, or ``best`` if it lacks them.

    Raises FileNotFoundError for no file, DataError for a damaged one.
    """
    stored = _read(path, read_arrays)
    frames = _expect_shapes(path, {key: (array.shape, array.dtype) for key, array in stored.items()}, _CONFUSIONS)
    if "best" not in stored:
        raise _damaged(path, "no matrices")
    key = which if which in _CONFUSIONS and which in stored else "best"
    return FrameConfusions(_names(path, stored["frames"], frames), _values(path, key, stored[key]).astype(np.int64))


def read_detail(path: Path) -> SplitDetail | None:
    """Read the detailed counts of a split; None for no file, or one of an older version that lacks some of them.

    Raises DataError for a damaged file.
    """
    try:
        stored = _read(path, read_arrays)
    except FileNotFoundError:
        return None
    number = _expect_shapes(path, {key: (array.shape, array.dtype) for key, array in stored.items()}, _DETAIL)
    frames = _names(path, stored["frames"], number)
    if any(key not in stored for key in _DETAIL):
        return None
    arrays = {
        key: _values(path, key, stored[key]).astype(np.int64 if kind == _COUNTS else np.float32)
        for key, (kind, _) in _DETAIL.items()
    }
    detail = SplitDetail(frames=frames, **arrays)
    _expect_possible(path, detail)
    return detail


def expect_sound(folder: Path, split: str) -> int | None:
    """Check the shapes of a split's stored arrays, without reading them; DataError for damaged files.

    Returns the number of frames, or None if the split was not evaluated.
    """
    frames = None
    for name, arrays in (("detail", _DETAIL), ("confusion", _CONFUSIONS)):
        path = folder / f"{name}-{split}.npz"
        try:
            frames = _expect_shapes(path, _read(path, array_shapes), arrays)
        except FileNotFoundError:
            frames = None
    return frames


def read_probe(path: Path) -> np.ndarray:
    """Read the (H, W) uint8 train ids of a prediction of a probe frame; DataError for a damaged file."""
    try:
        file_size(path)
        with Image.open(path) as image:
            if image.mode not in ("P", "L") or image.width * image.height > _LARGEST_PROBE:
                raise ValueError(f"a picture of mode {image.mode} and size {image.size}")
            return np.array(image, dtype=np.uint8)
    except (OSError, Image.DecompressionBombError, *DAMAGE) as error:
        raise DataError(
            f"{path}: expected a prediction of a probe frame, found another file ({error}); delete it"
        ) from None


_Shapes = Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]


def _read(path: Path, read: Callable[[Path], _T]) -> _T:
    try:
        return read(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"{path}: expected stored counts, found {error.strerror}; make the file readable") from None
    except ValueError as error:
        raise _damaged(path, " ".join(str(error).split())[:200]) from None


def _expect_shapes(path: Path, found: _Shapes, expected: Mapping[str, tuple[str, tuple[int | None, ...]]]) -> int:
    """Check shapes and kinds of the arrays that are there, and return the number of frames."""
    if "frames" not in found:
        raise _damaged(path, "no names of frames")
    shape, dtype = found["frames"]
    if len(shape) != 1 or dtype.kind != "U" or not shape[0]:
        raise _damaged(path, f"frames of shape {shape} and type {dtype}, not a list of names")
    for key, (kinds, sizes) in expected.items():
        if key in found:
            wanted = tuple(shape[0] if size is None else size for size in sizes)
            if found[key][0] != wanted or found[key][1].kind not in kinds:
                raise _damaged(path, f"{key} of shape {found[key][0]} and type {found[key][1]}, not of shape {wanted}")
    return shape[0]


def _names(path: Path, frames: np.ndarray, number: int) -> tuple[str, ...]:
    try:
        names: tuple[str, ...] = tuple(frames.tolist())
        "".join(names).encode()
    except ValueError:
        raise _damaged(path, "names of frames that are no text") from None
    if len(set(names)) < number:
        raise _damaged(path, "a frame twice")
    return names


def _values(path: Path, key: str, array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all() or (array.dtype.kind in _COUNTS and (array.min() < 0 or array.max() > _LARGEST)):
        raise _damaged(path, f"impossible values in {key}")
    return array


def _expect_possible(path: Path, detail: Detail) -> None:
    """Check what no measurement can exceed: shares, levels, and parts of the pixels they are counted among."""
    pixels, correct, confidences = np.moveaxis(detail.calibration, -1, 0)
    truth, predicted, both = np.moveaxis(detail.boundary, -1, 0)
    possible = {
        "entropy": (detail.entropy >= 0) & (detail.entropy <= 1 + _ROUNDING),
        "light": (detail.light >= 0) & (detail.light <= 255 + _ROUNDING),
        "calibration": (correct <= pixels) & (confidences <= pixels * float(CONFIDENCE_SCALE)),
        "boundary": (both <= truth) & (both <= predicted),
    }
    for key, holds in possible.items():
        if not holds.all():
            raise _damaged(path, f"impossible values in {key}")


def _damaged(path: Path, found: str) -> DataError:
    return DataError(
        f"{path}: expected stored counts, found a damaged file ({found}); restore it, or delete it and measure the "
        "model again"
    )
