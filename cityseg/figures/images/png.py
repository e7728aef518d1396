"""Pictures as PNG files."""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image


def png(picture: np.ndarray) -> bytes:
    """Return a (H, W) or (H, W, 3) uint8 picture as a PNG file.

    Only runs of one value are packed. In maps there is hardly more to be found, in overlays nothing at all, and looking
    for it takes four times as long.
    """
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_type=zlib.Z_RLE)
    return file.getvalue()
