from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import entropy

from cityseg import api, checkpoint
from cityseg.data.frame_io import resize_photo
from cityseg.data.image_io import read_photo_file
from cityseg.inference import predictor as inference
from cityseg.inference import upsample
from cityseg.inference.predictor import Predictor

PHOTO = np.random.default_rng(0).integers(0, 256, (37, 83, 3), dtype=np.uint8)


@pytest.fixture
def predictor(trained):
    return Predictor.load(trained.checkpoint)


@pytest.mark.parametrize("shape", [(37, 83), (32, 64), (8, 11), (120, 70)])
@pytest.mark.parametrize("band", [1_000_000, 200])
@pytest.mark.parametrize("places", [16_000, 50])
def test_classes_are_compared_after_resizing_probabilities(predictor, trained, monkeypatch, shape, band, places):
    """The bands of rows, and the shortcut away from borders, equal resizing all 19 maps at once."""
    monkeypatch.setattr(upsample, "_BAND_PIXELS", band)
    monkeypatch.setattr(upsample, "_BORDER_PIXELS", places)
    photo = resize_photo(PHOTO, shape)
    prediction = predictor.predict(photo)
    model, card = checkpoint.load(trained.checkpoint)
    with torch.no_grad():
        logits = model(card.normalization.apply(torch.from_numpy(resize_photo(photo, (32, 64)).copy())[None]))
        small = (logits / card.temperature).softmax(1)
        whole = F.interpolate(small, size=shape, mode="bilinear")[0]
        doubt = torch.from_numpy(entropy(small.double().numpy(), base=19, axis=1))
        doubt = F.interpolate(doubt[None], size=shape, mode="bilinear")[0, 0]
    assert card.temperature != 1
    probability, train_ids = whole.max(0)
    assert prediction.train_ids.shape == prediction.confidence.shape == shape
    assert prediction.train_ids.dtype == np.uint8
    np.testing.assert_allclose(prediction.confidence, probability.numpy(), atol=1e-5)
    assert prediction.entropy.dtype == np.float32
    np.testing.assert_allclose(prediction.entropy, doubt.numpy(), atol=1e-5)
    for row, column in ((0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 3)):
        one = upsample.probabilities_at(predictor.logits(photo), shape, row, column)
        np.testing.assert_allclose(one, whole[:, row, column].numpy(), atol=1e-5)
    top = whole.topk(2, dim=0).values
    clear = (top[0] - top[1] > 1e-5).numpy()
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(prediction.train_ids[clear], train_ids.numpy()[clear])
    assert prediction.milliseconds > 0


@pytest.mark.parametrize("size", [(7, 9), (40, 61), (16, 24), (1, 1)])
def test_both_upsampling_methods_agree(monkeypatch, size):
    random = torch.Generator().manual_seed(4)
    logits = torch.randn(19, 2, 3, generator=random).repeat_interleave(8, 1).repeat_interleave(8, 2)
    logits += 0.5 * torch.randn(logits.shape, generator=random)
    by_borders = upsample.at_size(logits, size, 0.7)
    monkeypatch.setattr(upsample, "_AlongBorders", upsample._Everywhere)  # what a GPU does
    everywhere = upsample.at_size(logits, size, 0.7)
    np.testing.assert_array_equal(by_borders[0], everywhere[0])
    for found, wanted in zip(by_borders[1:], everywhere[1:], strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_evaluation_and_prediction_agree(predictor, trained, streets, session_cache, monkeypatch):
    """A photo is predicted as it was scored, at its label's own size."""
    monkeypatch.setenv("CITYSEG_CACHE", str(session_cache))
    val = api.prepare(str(streets), (32, 64))["val"]
    matrices = trained.confusions("val").matrices
    for photo, truth, matrix in zip(val.photos, val.truth, matrices, strict=True):
        logits = predictor.logits(np.array(photo))
        predicted = upsample.at_size(logits, truth.shape)[0].numpy()
        scored = truth != 255
        counts = np.zeros((19, 19), int)
        np.add.at(counts, (truth[scored], predicted[scored]), 1)
        assert np.abs(counts - matrix).sum() <= 2  # batches of 16 and of 1 round differently


def test_entropy_ranges_from_certain_to_uniform():
    logits = torch.zeros(19, 1, 2)
    logits[3, 0, 1] = 200
    _, confidence, unsure = upsample.at_size(logits, (1, 2))
    np.testing.assert_allclose(confidence, [[1 / 19, 1]])
    np.testing.assert_allclose(unsure, [[1, 0]], atol=1e-6)


def test_pixels_are_counted_by_class(monkeypatch):
    monkeypatch.setattr(inference, "_COUNTED_AT_ONCE", 100)
    train_ids = np.random.default_rng(1).choice([0, 5, 18, 255], (37, 83)).astype(np.uint8)
    empty = np.zeros(train_ids.shape, np.float32)
    counts = inference.Prediction(train_ids, empty, empty, 1.0).counts()
    assert counts.shape == (19,)
    np.testing.assert_array_equal(counts, [(train_ids == index).sum() for index in range(19)])


def test_shares(predictor):
    prediction = predictor.predict(PHOTO)
    shares = prediction.shares()
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert all(share > 0 for share in shares.values())


def test_photos_of_any_shape_are_predicted(photos):
    names = [info.name for info in api.list_models()]
    predictor = api.load_predictor(names[0])
    for path in sorted(photos.glob("*.jpg")):
        photo = read_photo_file(path)
        prediction = predictor.predict(photo)
        assert prediction.train_ids.shape == photo.shape[:2]
        assert prediction.train_ids.max() < 19
        assert 0 < prediction.confidence.min() <= prediction.confidence.max() <= 1
        assert len(prediction.shares()) > 1


def test_threads_are_serialised_and_get_their_own_results(predictor):
    """Visitors come in threads; a pass uses all cores, so several at once would only be in each other's way."""
    photos = [resize_photo(PHOTO, (20 + 3 * number, 41)) for number in range(6)]
    alone = [predictor.predict(photo) for photo in photos]
    inside, most = [], []
    model = predictor.model

    def watched(x):
        inside.append(None)
        most.append(len(inside))
        time.sleep(0.002)
        inside.pop()
        return model(x)

    predictor.model = watched
    with ThreadPoolExecutor(len(photos)) as visitors:
        together = list(visitors.map(predictor.predict, photos))
    assert most == [1] * len(photos)
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.train_ids, other.train_ids)
