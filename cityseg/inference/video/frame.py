"""A frame of a video with its time, and the bounds of a video."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cityseg.data.image_io import MAX_PIXELS
from cityseg.errors import DataError

KINDS = "a video (mp4, mov, mkv, webm, avi, 3gp, mts, ts, mpg, wmv, flv, ogv and others), a GIF or a folder of photos"
"""What can be read, for messages; the content of a file decides, not its suffix."""
LONGEST = 3000
"""Maximum number of frames of a video."""


class Frame(NamedTuple):
    """A frame as players show it: (H, W, 3) uint8 sRGB, its second counted from the first frame, and its duration."""

    pixels: np.ndarray
    second: Fraction
    duration: Fraction


def check_size(path: Path, width: int, height: int) -> None:
    """Raise DataError if a frame has more pixels than the largest photo."""
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{path}: expected frames of at most {MAX_PIXELS // 10**6} megapixels, found {width}x{height}; "
            "make them smaller first"
        )
