"""Overlays, against the same blend computed per pixel."""

from __future__ import annotations

import numpy as np
import pytest

from cityseg.classes import PALETTE
from cityseg.figures.images import overlay as overlay_module


@pytest.mark.parametrize("band_pixels", [1_000_000, 20, 1])
def test_classes_are_blended_and_void_stays_photo(monkeypatch, band_pixels):
    monkeypatch.setattr(overlay_module, "_BAND_PIXELS", band_pixels)
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (11, 7, 3), dtype=np.uint8)
    train_ids = random.choice([0, 8, 13, 255], (11, 7)).astype(np.uint8)
    blended = overlay_module.overlay(photo, train_ids, 0.3)
    assert blended.dtype == np.uint8
    for row, column in np.ndindex(train_ids.shape):
        pixel, index = photo[row, column].astype(float), train_ids[row, column]
        expected = pixel if index == 255 else np.round(0.7 * pixel + 0.3 * PALETTE[index])
        np.testing.assert_array_equal(blended[row, column], expected)
