"""Crops around regions: content and outline."""

from __future__ import annotations

import numpy as np
import pytest

from cityseg.figures.images.crops import outlined_crop


@pytest.fixture
def photo() -> np.ndarray:
    """100 x 200 grey, with a blue block at rows 40 to 60, columns 80 to 120."""
    made = np.full((100, 200, 3), 120, np.uint8)
    made[40:60, 80:120] = (0, 0, 200)
    return made


BLUE_BOX = (4, 8, 6, 12)
"""The block in a map of 10 x 20."""


def blue(crop: np.ndarray) -> np.ndarray:
    return (crop[..., 2] > 150) & (crop[..., 0] < 60)


def test_the_outline_surrounds_the_region_without_covering_it(photo):
    crop = outlined_crop(photo, np.ones((2, 4), bool), BLUE_BOX, (10, 20))
    assert crop.shape == (320, 480, 3)
    inside = blue(crop)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    assert inside[top : bottom + 1, left : right + 1].mean() > 0.97, "the block is whole"
    # 64 x 42.7 pixels of the photo, so that 40 x 20 of them are 300 x 150 of the crop.
    assert right - left == pytest.approx(300, abs=4)
    assert bottom - top == pytest.approx(150, abs=4)
    assert (left + right) / 2 == pytest.approx(240, abs=3)
    assert (top + bottom) / 2 == pytest.approx(160, abs=3)
    middle = crop[(top + bottom) // 2]
    assert (middle[left - 2 : left] > 240).all(), "white beside the region"
    assert (middle[left - 4 : left - 2] < 15).all(), "black around the white"
    assert (abs(middle[left - 8 : left - 6].astype(int) - 120) < 20).all(), "and then the photo again"


def test_only_the_region_s_own_pixels_are_inside(photo):
    mask = np.array([[True, True, False, False], [True, True, True, True]])
    crop = outlined_crop(photo, mask, BLUE_BOX, (10, 20))
    # The upper right quarter of the block lies outside: the line runs through it.
    white = (crop > 240).all(2)
    assert white[90:160, 240:390].sum() > 2 * 140
    full = outlined_crop(photo, np.ones((2, 4), bool), BLUE_BOX, (10, 20))
    assert not (full > 240).all(2)[95:160, 245:385].any()


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (9, 19, 10, 20), (0, 0, 10, 20)])
def test_a_crop_stays_within_the_photo(photo, box):
    mask = np.ones((box[2] - box[0], box[3] - box[1]), bool)
    crop = outlined_crop(photo, mask, box, (10, 20))
    assert crop.shape == (320, 480, 3)
    lines = (crop > 240).all(2) | (crop < 15).all(2)
    assert (blue(crop) | (crop == 120).all(2) | lines).mean() > 0.97, "nothing but the photo and the line"


def test_a_squashed_photo_is_stretched(photo):
    """A photo stored at half its width gives the same crop."""
    squashed = photo[:, ::2]
    crop = outlined_crop(squashed, np.ones((2, 4), bool), BLUE_BOX, (10, 20), stretch=2.0)
    whole = outlined_crop(photo, np.ones((2, 4), bool), BLUE_BOX, (10, 20))
    assert np.mean(np.abs(crop.astype(int) - whole) > 40) < 0.02
