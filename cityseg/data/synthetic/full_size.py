"""Synthetic scenes with the size and noise of camera frames, for benchmarks without real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cityseg.data.synthetic import synthesize

_RENDERED, _SIZE = (256, 512), (1024, 2048)


def synthesize_full_size(folder: Path, frames: int = 8) -> None:
    """Write frames of 2048x1024 in the Cityscapes layout into a new ``folder``.

    They are rendered at a quarter of each side and enlarged; noise makes their PNGs as slow to decode as real photos.
    """
    synthesize(folder, frames=frames, size=_RENDERED)
    random = np.random.default_rng(0)
    for path in sorted(folder.rglob("*.png")):
        with Image.open(path) as image:
            large = image.resize(_SIZE[::-1], Image.Resampling.NEAREST)
        if large.mode == "RGB":
            noise = random.integers(-3, 4, (*_SIZE, 3))
            large = Image.fromarray(np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8))
        large.save(path)
