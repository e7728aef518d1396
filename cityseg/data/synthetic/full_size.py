"""Drawn streets with the size and the noise of a camera's frames, for measuring where no real ones are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cityseg.data.synthetic import synthesize

_DRAWN, _SIZE = (256, 512), (1024, 2048)


def draw_enlarged(folder: Path, frames: int = 8) -> None:
    """Write frames of 2048x1024 in the official layout into a new ``folder``.

    They are drawn at a quarter of that on each side; noise keeps their PNGs as hard to decode as a photo's.
    """
    synthesize(folder, frames=frames, size=_DRAWN)
    random = np.random.default_rng(0)
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            large = image.resize(_SIZE[::-1], Image.Resampling.NEAREST)
        if large.mode == "RGB":
            noise = random.integers(-3, 4, (*_SIZE, 3))
            large = Image.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))
        large.save(path)
