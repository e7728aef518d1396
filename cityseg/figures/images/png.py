"""PNG encoding."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image


def png(image: np.ndarray) -> bytes:
    """Return a (H, W) or (H, W, 3) uint8 image as a PNG file.

    Only runs of one value are compressed: label maps have hardly any other repeats, overlays have none, and searching
    for them takes four times as long.
    """
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG", compress_type=zlib.Z_RLE)
    return file.getvalue()
