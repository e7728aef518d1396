"""PNG encoding."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from cityseg.figures.images.png import png


@pytest.mark.parametrize("shape", [(1, 1), (30, 41), (30, 41, 3)])
def test_round_trip_and_small_files_for_flat_images(shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, shape, np.uint8)
    with Image.open(io.BytesIO(png(noise))) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), noise)
    flat = np.full((100, 100, *shape[2:]), 7, np.uint8)
    assert len(png(flat)) < flat.size / 20
