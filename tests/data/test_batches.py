from __future__ import annotations

import numpy as np
import pytest
import torch

from cityseg.data.batches import DeviceSplit, Normalization, epoch_order, generator

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.fixture
def split(cached_split):
    return DeviceSplit(cached_split(frames=5, size=(9, 14)), torch.device("cpu"))


def test_normalization_equals_numpy(split):
    photos = split.photos.numpy() / 255
    given = split.photos.clone()
    for name, expected in (("none", photos), ("imagenet", (photos - MEAN) / DEVIATION)):
        x = Normalization.named(name).apply(split.photos)
        assert x.dtype == torch.float32
        assert x.is_contiguous()
        np.testing.assert_allclose(x.numpy(), expected.transpose(0, 3, 1, 2), rtol=1e-5, atol=1e-6)
    assert torch.equal(split.photos, given)


def test_frames_are_taken_by_index(split, cached_split):
    source = cached_split(frames=5, size=(9, 14))
    photos, labels = split.at(torch.tensor([3, 0]))
    np.testing.assert_array_equal(photos.numpy(), source.photos[[3, 0]])
    np.testing.assert_array_equal(labels.numpy(), source.labels[[3, 0]])
    assert len(split) == 5


def test_half_size_averages_photos_and_samples_labels(split):
    photos, labels = split.at(torch.tensor([4, 1]), half_size=True)
    whole = split.photos.numpy()[[4, 1], :8, :14].astype(float)
    expected = np.rint(whole.reshape(2, 4, 2, 7, 2, 3).mean(axis=(2, 4)))
    assert photos.dtype == torch.uint8
    np.testing.assert_array_equal(photos.numpy(), expected)
    # The nearest pixel of a block's centre is any of its four; it must be one, unmixed, of the same block.
    np.testing.assert_array_equal(labels.numpy(), split.labels.numpy()[[4, 1]][:, 1:8:2, 1::2])


def test_epoch_order_is_a_permutation():
    orders = [epoch_order(100, seed=7, epoch=epoch) for epoch in range(3)]
    for order in orders:
        assert sorted(order.tolist()) == list(range(100))
    assert torch.equal(epoch_order(100, seed=7, epoch=1), orders[1])
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[1], orders[2])
    assert not torch.equal(epoch_order(100, seed=8, epoch=0), orders[0])


def test_repeat_factors_match_the_paper(split):
    labels = np.full((5, 9, 14), 0, np.uint8)
    labels[1, 2, 3], labels[1, 5, 5], labels[4, 0, 0], labels[2, :, :2] = 16, 255, 8, 8
    split.labels = torch.from_numpy(labels)
    share = {0: 1.0, 16: 1 / 5, 8: 2 / 5}
    on_frames = [(0,), (0, 16), (0, 8), (0,), (0, 8)]
    expected = [max(max(1.0, (0.5 / share[train_id]) ** 0.5) for train_id in shown) for shown in on_frames]
    np.testing.assert_allclose(split.repeat_factors(0.5).numpy(), expected)
    assert split.repeat_factors(0) is None


def test_frames_are_sampled_by_their_factors():
    factors = torch.tensor([1.0, 3.0, 1.0, 2.5, 1.0, 1.5], dtype=torch.float64)
    expected = (factors * 6 / factors.sum()).numpy()
    counts = []
    for epoch in range(400):
        order = epoch_order(6, 3, epoch, factors)
        assert len(order) == 6
        counts.append(np.bincount(order.numpy(), minlength=6))
        assert (np.abs(counts[-1] - expected) < 1).all()
    np.testing.assert_allclose(np.mean(counts, 0), expected, atol=0.08)
    assert torch.equal(epoch_order(6, 3, 7, factors), epoch_order(6, 3, 7, factors))
    assert sorted(epoch_order(6, 3, 7, torch.ones(6, dtype=torch.float64)).tolist()) == list(range(6))


def test_random_numbers_depend_on_position_only():
    def draw(*position: int) -> list[float]:
        return torch.rand(4, generator=generator(3, *position)).tolist()

    first = draw(1, 2)
    torch.rand(100)
    assert draw(1, 2) == first
    assert len({tuple(draw(epoch, step)) for epoch in range(5) for step in range(5)}) == 25


def test_class_share(cached_split):
    source = cached_split(frames=4, void=0.5)
    share = DeviceSplit(source, torch.device("cpu")).class_share()
    counts = np.array([(source.labels == index).sum() for index in range(19)])
    np.testing.assert_allclose(share, counts / counts.sum(), rtol=1e-12)


def test_class_share_without_labelled_pixels_is_zero(cached_split):
    share = DeviceSplit(cached_split(void=1.1), torch.device("cpu")).class_share()
    np.testing.assert_array_equal(share, np.zeros(19))
