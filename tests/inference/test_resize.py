"""A photo of any shape is shown to the model whole, and what the model says lands where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cityseg.errors import UsageError
from cityseg.inference.predictor import Predictor
from cityseg.inference.resize import FITS, fitted_logits, plan

SIZE = (32, 64)
SHAPES = [(37, 83), (120, 40), (9, 200), (32, 64), (480, 640), (1, 1)]


def echo(frames: torch.Tensor) -> torch.Tensor:
    """A model that says what it is shown: logits are the photo's own three colours."""
    return frames.permute(0, 3, 1, 2).float()


def gradient(shape: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 that tells every place apart: red grows downwards, green to the right."""
    rows, columns = np.meshgrid(np.linspace(20, 230, shape[0]), np.linspace(20, 230, shape[1]), indexing="ij")
    return np.dstack([rows, columns, np.full(shape, 90)]).round().astype(np.uint8)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_map_back_to_the_same_pixels(fit, shape):
    photo = gradient(shape)
    logits, (top, left, bottom, right) = fitted_logits(photo, SIZE, fit, (0, 0, 0), echo)
    back = F.interpolate(logits[None], size=(bottom - top, right - left), mode="bilinear")[0].permute(1, 2, 0).numpy()
    inner = photo[top:bottom, left:right]
    # Away from the edge, where reducing and enlarging flattens the slope.
    steep = 210 * max(bottom - top, right - left) / max(shape)
    assert np.abs(back - inner).max() <= max(3, 1.5 * steep / min(logits.shape[1:]) + 2)
    assert back[..., 2].min() >= 89, "nothing of what lies beyond the photo is blended in"


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_windows_cover_the_canvas(fit, shape):
    laid = plan(shape, SIZE, fit)
    seen = np.zeros(laid.canvas, int)
    for row, column in laid.tiles:
        seen[max(0, row) : row + SIZE[0], max(0, column) : column + SIZE[1]] += 1
    assert seen.min() >= 1
    assert len(laid.tiles) <= 9


def test_only_stretch_changes_the_aspect_ratio():
    assert plan((100, 100), SIZE, "stretch").canvas == SIZE
    assert plan((100, 100), SIZE, "letterbox").canvas == (32, 32)
    assert plan((100, 100), SIZE, "letterbox").tiles == ((0, -16),)
    assert plan((100, 100), SIZE, "tiles").canvas == (64, 64)
    assert plan((100, 100), SIZE, "crop").box == (25, 0, 75, 100)
    assert plan((100, 400), SIZE, "crop").box == (0, 100, 100, 300)
    assert len(plan((100, 200), SIZE, "tiles").tiles) == 9


def test_neighbouring_windows_overlap_by_half():
    rows = sorted({row for row, _ in plan((100, 200), SIZE, "tiles").tiles})
    assert rows == [0, 16, 32]


def test_outside_of_the_photo_is_padded():
    shown = []
    fitted_logits(gradient((50, 50)), SIZE, "letterbox", (1, 2, 3), lambda frames: shown.append(frames) or echo(frames))
    (window,) = shown[0].numpy()
    assert (window[:, :16] == (1, 2, 3)).all()
    assert (window[:, 48:] == (1, 2, 3)).all()
    assert (window[:, 16:48, 2] == 90).all()


def test_unknown_fit_is_rejected():
    with pytest.raises(UsageError, match=r"unknown fit 'squeeze': expected one of stretch, letterbox, crop, tiles"):
        plan((4, 4), SIZE, "squeeze")


@pytest.fixture
def predictor(trained):
    return Predictor.load(trained.checkpoint)


@pytest.mark.parametrize("fit", FITS)
def test_predictions_have_the_size_of_the_photo(predictor, fit):
    photo = np.random.default_rng(0).integers(0, 256, (90, 121, 3), dtype=np.uint8)
    found = predictor.predict(photo, fit)
    assert found.train_ids.shape == found.confidence.shape == found.entropy.shape == (90, 121)
    outside = found.train_ids == 255
    assert outside.any() == (fit == "crop")
    assert (found.confidence[outside] == 0).all()
    assert (found.confidence[~outside] > 0).all()
    assert sum(found.shares().values()) == pytest.approx(1)


def test_flip_tta_is_symmetric(predictor):
    photo = np.random.default_rng(1).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    there, back = (predictor.predict(np.ascontiguousarray(one), flip=True) for one in (photo, photo[:, ::-1]))
    np.testing.assert_allclose(back.confidence[:, ::-1], there.confidence, atol=1e-5)
    plain = predictor.predict(photo)
    assert np.abs(plain.confidence - there.confidence).max() > 1e-4


@pytest.mark.parametrize("fit", FITS)
def test_scale_one_is_the_plain_prediction(predictor, fit):
    for flip in (False, True):
        plain, told = (
            predictor.predict(gradient((37, 83)), fit, flip=flip),
            predictor.predict(gradient((37, 83)), fit, flip=flip, scales=(1,)),
        )
        for name in ("train_ids", "confidence", "entropy"):
            np.testing.assert_array_equal(getattr(told, name), getattr(plain, name))


@pytest.mark.parametrize("flip", [False, True])
def test_multi_scale_tta_averages_predictions(predictor, flip):
    photo = np.random.default_rng(2).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    x = predictor.card.normalization.apply(torch.from_numpy(photo)[None])
    logits = []
    with torch.no_grad():
        for size in ((16, 32), (48, 96)):
            seen = F.interpolate(x, size, mode="bilinear", antialias=True)
            looks = [predictor.model(seen), *([predictor.model(seen.flip(3)).flip(3)] if flip else [])]
            logits += [F.interpolate(look, (32, 64), mode="bilinear") for look in looks]
    confidence, train_ids = (torch.stack(logits).mean(0)[0] / predictor.card.temperature).softmax(0).max(0)
    found = predictor.predict(photo, flip=flip, scales=(0.5, 1.5))
    np.testing.assert_array_equal(found.train_ids, train_ids.numpy())
    np.testing.assert_allclose(found.confidence, confidence.numpy(), atol=1e-5)


def test_unsupported_scales_are_rejected(predictor):
    with pytest.raises(UsageError, match="expected different scales, found 2 twice; omit one of them"):
        predictor.predict(gradient((37, 83)), scales=(2, 2))
