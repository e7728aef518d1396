"""What other cameras do to frames, against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cityseg.classes import IGNORE_INDEX
from cityseg.data.augmentation.corruptions import CORRUPTIONS, corrupted

BY_NAME = {each.name: each for each in CORRUPTIONS}
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def frames():
    random = np.random.default_rng(0)
    # No pixel near the ends of the range, where clamping would hide what a change does.
    return random.integers(60, 120, (3, 20, 40, 3), dtype=np.uint8), random.integers(0, 19, (3, 20, 40), dtype=np.uint8)


def changed(frames, name):
    photos, labels = corrupted(*map(torch.from_numpy, frames), BY_NAME[name])
    assert photos.dtype == labels.dtype == torch.uint8
    assert photos.shape == frames[0].shape
    return photos.numpy(), labels.numpy()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dark", lambda x: 0.35 * x),
        ("bright", lambda x: 1.6 * x),
        ("flat", lambda x: x.dot(LUMA).mean((1, 2))[:, None, None, None] * 0.5 + 0.5 * x),
        ("harsh", lambda x: 1.6 * x - 0.6 * x.dot(LUMA).mean((1, 2))[:, None, None, None]),
        ("warm", lambda x: x * [1.2, 1.0, 0.75]),
        ("cool", lambda x: x * [0.8, 1.0, 1.25]),
        ("grey", lambda x: x.dot(LUMA)[..., None] * 0.9 + 0.1 * x),
        ("vivid", lambda x: 2 * x - x.dot(LUMA)[..., None]),
    ],
)
def test_light_and_colour_equal_numpy_and_leave_labels(frames, name, expected):
    photos, labels = changed(frames, name)
    np.testing.assert_allclose(photos, np.clip(expected(frames[0].astype(float)), 0, 255), atol=0.51)
    np.testing.assert_array_equal(labels, frames[1])


def test_blur_and_noise_have_the_documented_strength():
    photos = np.full((2, 64, 256, 3), 120, np.uint8)
    labels = np.zeros((2, 64, 256), np.uint8)
    noisy, _ = changed((photos, labels), "noisy")
    assert (noisy.astype(float) - 120).std() == pytest.approx(0.06 * 255, rel=0.02)
    assert (noisy[0] == noisy[1]).all(), "the same noise for every frame"
    photos[:, 32, 128] = 250
    blurred, same = changed((photos, labels), "blurred")
    spread = blurred[0, :, :, 0].astype(float) - 120
    across = spread.sum(0) / spread.sum()
    deviation = np.sqrt((across * (np.arange(256) - 128) ** 2).sum())
    assert deviation == pytest.approx(1.0, abs=0.15)
    np.testing.assert_array_equal(same, labels)


@pytest.mark.parametrize(("name", "rows"), [("tilted up", -3), ("tilted down", 3)])
def test_tilt_shifts_rows_and_fills_with_void(frames, name, rows):
    photos, labels = changed(frames, name)  # 15 % of 20 rows
    kept = slice(0, 20 - rows) if rows > 0 else slice(-rows, 20)
    source = slice(rows, 20) if rows > 0 else slice(0, 20 + rows)
    np.testing.assert_array_equal(photos[:, kept], frames[0][:, source])
    np.testing.assert_array_equal(labels[:, kept], frames[1][:, source])
    void = np.delete(labels, np.arange(20)[kept], axis=1)
    assert void.shape[1] == 3
    assert (void == IGNORE_INDEX).all()


def test_lenses_scale_about_the_centre():
    labels = np.zeros((1, 80, 160), np.uint8)
    labels[:, 30:50, 60:100] = 13
    photos = np.repeat((100 + 5 * labels)[..., None], 3, axis=3)
    for name, zoom in (("long lens", 1.6), ("short lens", 0.65)):
        seen, where = changed((photos, labels), name)
        rows, columns = np.nonzero(where[0] == 13)
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == pytest.approx((20 * zoom, 40 * zoom), abs=1)
        assert (rows.mean(), columns.mean()) == pytest.approx((39.5, 79.5), abs=0.6)
        assert (np.abs(seen[0, :, :, 0].astype(int) - 165)[where[0] == 13] <= 1).mean() > 0.9
        assert ((where == IGNORE_INDEX).mean() > 0.5) == (zoom < 1)
