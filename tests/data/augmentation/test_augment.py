from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as reference
from PIL import Image

from cityseg.data.augmentation.augment import (
    Augmentation,
    blur,
    copy_and_paste,
    cut_and_mix,
    flip_some,
    recolor,
    scale_and_crop,
)
from cityseg.data.batches import generator

ZERO = torch.zeros(4)


def frames(count: int = 4, height: int = 16, width: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    photos = torch.randint(60, 180, (count, height, width, 3), generator=random, dtype=torch.uint8)
    labels = torch.randint(0, 19, (count, height, width), generator=random, dtype=torch.uint8)
    labels[:, :2] = 255
    return photos, labels


def as_input(photos: torch.Tensor) -> torch.Tensor:
    return photos.permute(0, 3, 1, 2).float()


def test_default_augmentation_changes_nothing():
    photos, labels = frames()
    same, truth = Augmentation()(photos, labels, generator(0))
    assert same is photos
    assert truth is labels


def test_flips_apply_to_photo_and_label():
    photos, labels = frames()
    flips = []
    for seed in range(20):
        x, y = flip_some(photos, labels, generator(seed))
        for before, after, truth, turned in zip(photos, x, labels, y, strict=True):
            flipped = torch.equal(after, before.flip(1))
            assert flipped or torch.equal(after, before)
            assert torch.equal(turned, truth.flip(1) if flipped else truth)
            flips.append(flipped)
    assert 0.3 < np.mean(flips) < 0.7


def test_enlarging_crops_a_window_of_the_frame():
    """Twice as large: a window of half the height and width, each label about four times, photo and label together."""
    labels = torch.arange(8 * 12, dtype=torch.uint8).view(1, 8, 12)
    photos = labels[..., None].repeat(1, 1, 1, 3)
    x, y = scale_and_crop(as_input(photos), labels, torch.tensor([2.0]), generator(3))
    values, counts = y.unique(return_counts=True)
    rows, columns = values // 12, values % 12
    assert rows.max() - rows.min() in (3, 4)
    assert columns.max() - columns.min() in (5, 6)
    assert counts.max() == 4
    assert 255 not in values
    # Bilinear grey levels stay within one step, down or aside, of the label at the same place.
    assert (x[:, 0] - y).abs().max() <= 12.5


@pytest.mark.parametrize("seed", range(4))
def test_reducing_pads_the_frame_with_void(seed):
    photos, labels = frames(1)
    labels.fill_(7)
    x, y = scale_and_crop(as_input(photos), labels, torch.tensor([0.5]), generator(seed))
    inside = y[0] == 7
    assert 0.2 < inside.float().mean() < 0.3
    assert set(y.unique().tolist()) == {7, 255}
    height = int(inside.any(1).sum())
    width = int(inside.any(0).sum())
    assert (height, width) in {(8, 12), (8, 13), (9, 12), (7, 12), (8, 11)}
    outside = torch.nn.functional.max_pool2d(inside[None].float(), 3, 1, 1)[0] == 0
    assert (x[0, :, outside] - 127.5).abs().max() < 1e-3


def test_scale_one_changes_nothing():
    photos, labels = frames()
    x, y = scale_and_crop(as_input(photos), labels, torch.ones(4), generator(0))
    torch.testing.assert_close(x, as_input(photos), atol=1e-2, rtol=0)
    assert torch.equal(y, labels)


@pytest.mark.parametrize(
    ("adjust", "position"),
    [(reference.adjust_brightness, 0), (reference.adjust_contrast, 1), (reference.adjust_saturation, 2)],
)
def test_colour_changes_match_torchvision(adjust, position):
    x = as_input(frames()[0])
    change = torch.tensor([-0.3, -0.1, 0.0, 0.25])
    arguments = [ZERO] * 4
    arguments[position] = change
    expected = torch.stack([adjust(one / 255, 1 + float(factor)) * 255 for one, factor in zip(x, change, strict=True)])
    torch.testing.assert_close(recolor(x, *arguments), expected, atol=0.1, rtol=0)


def test_colour_changes_apply_in_order():
    x = as_input(frames()[0])
    changes = [torch.full((4,), value) for value in (0.2, -0.3, 0.4, 0.1)]
    together = recolor(x, *changes)
    stepwise = x
    for position, change in enumerate(changes):
        arguments = [ZERO] * 4
        arguments[position] = change
        stepwise = recolor(stepwise, *arguments)
    torch.testing.assert_close(together, stepwise, atol=0.05, rtol=0)


def test_tint_scales_channels_independently():
    photos = torch.full((200, 2, 3, 3), 100, dtype=torch.uint8)
    labels = torch.zeros(200, 2, 3, dtype=torch.uint8)
    tinted, _ = Augmentation(tint=0.3)(photos, labels, torch.Generator().manual_seed(0))
    gains = tinted.numpy() / 100
    np.testing.assert_allclose(gains, np.broadcast_to(gains[:, :1, :1], gains.shape))
    gains = gains[:, 0, 0]
    assert (abs(gains - 1) <= 0.3).all()
    assert gains.min() < 0.72
    assert gains.max() > 1.28
    assert (abs(np.corrcoef(gains.T)[np.triu_indices(3, 1)]) < 0.25).all()


def test_hue_rotates_colours_and_keeps_greys():
    grey = torch.full((4, 3, 2, 2), 90.0)
    quarter = torch.full((4,), 0.25)
    torch.testing.assert_close(recolor(grey, ZERO, ZERO, ZERO, quarter), grey, atol=0.1, rtol=0)
    x = as_input(frames()[0])
    turned = recolor(x, ZERO, ZERO, ZERO, quarter)
    assert (turned - x).abs().mean() > 10
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(
        torch.einsum("nchw,c->nhw", turned, luma), torch.einsum("nchw,c->nhw", x, luma), atol=0.1, rtol=0
    )
    back = x
    for _ in range(4):
        back = recolor(back, ZERO, ZERO, ZERO, quarter)
    torch.testing.assert_close(back, x, atol=0.1, rtol=0)


def test_blur_matches_torchvision_per_frame():
    x = as_input(frames()[0])
    sigma = torch.tensor([0.3, 0.8, 1.4, 2.0])
    kernel = 2 * 5 + 1  # ceil(2.5 * 2.0) pixels either way
    expected = torch.stack(
        [reference.gaussian_blur(one, [kernel, kernel], [float(s)] * 2) for one, s in zip(x, sigma, strict=True)]
    )
    torch.testing.assert_close(blur(x, sigma, 2.0), expected, atol=1e-2, rtol=1e-4)


def test_noise_has_the_requested_deviation():
    photos = torch.full((200, 8, 8, 3), 128, dtype=torch.uint8)
    noisy, _ = Augmentation(noise=0.1)(photos, torch.zeros(200, 8, 8, dtype=torch.uint8), generator(5))
    deviations = noisy.flatten(1).std(1)
    assert deviations.max() < 25.5 * 1.25
    assert deviations.mean() == pytest.approx(25.5 / 2, rel=0.15)


def test_cutmix_pastes_a_rectangle_with_its_labels():
    photos, labels = frames(6)
    x = as_input(photos)
    mixed, truth = cut_and_mix(x, labels, 1.0, generator(2))
    shares = []
    for index in range(6):
        donor = (index - 1) % 6
        pasted = (mixed[index] == x[donor]).all(0) & (mixed[index] != x[index]).any(0)
        kept = (mixed[index] == x[index]).all(0)
        assert (pasted | kept).all()
        assert torch.equal(truth[index][pasted], labels[donor][pasted])
        assert torch.equal(truth[index][~pasted], labels[index][~pasted])
        if pasted.any():
            rows, columns = pasted.any(1).nonzero()[:, 0], pasted.any(0).nonzero()[:, 0]
            box = pasted[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert box.float().mean() > 0.98
        shares.append(float(pasted.float().mean()))
    assert max(shares) > 0.3 > min(shares)
    same, _ = cut_and_mix(x, labels, 0.0, generator(2))
    assert torch.equal(same, x)


def test_copy_paste_copies_rare_objects_only():
    photos, labels = frames(6)
    x = as_input(photos)
    pasted, truth = copy_and_paste(x, labels, 1.0, generator(2))
    for index in range(6):
        donor = (index - 1) % 6
        # rider, truck, bus, train, motorcycle, bicycle
        rare = np.isin(labels[donor].numpy(), [12, 14, 15, 16, 17, 18])
        np.testing.assert_array_equal(truth[index], np.where(rare, labels[donor], labels[index]))
        np.testing.assert_array_equal(pasted[index], np.where(rare, x[donor], x[index]))
        assert 0 < rare.sum() < rare.size
    same, kept = copy_and_paste(x, labels, 0.0, generator(2))
    assert torch.equal(same, x)
    assert torch.equal(kept, labels)
    whole, _ = Augmentation(copy_paste=1.0)(photos, labels, generator(2))
    assert torch.equal(whole.permute(0, 3, 1, 2), pasted)


EVERYTHING = Augmentation(True, 0.5, 2.0, 0.4, 0.4, 0.4, 0.1, 1.0, 0.05, 0.5)


def test_augmentation_depends_on_the_generator_only():
    photos, labels = frames()
    first, truth = EVERYTHING(photos, labels, generator(1, 2, 3))
    again, same_truth = EVERYTHING(photos, labels, generator(1, 2, 3))
    other, _ = EVERYTHING(photos, labels, generator(1, 2, 4))
    assert torch.equal(first, again)
    assert torch.equal(truth, same_truth)
    assert not torch.equal(first, other)
    assert first.shape == photos.shape
    assert truth.dtype == torch.uint8
    assert first.min() >= 0
    assert first.max() <= 255


def test_frames_of_a_batch_have_independent_parameters():
    photos = torch.full((8, 16, 16, 3), 100, dtype=torch.uint8)
    changed, _ = Augmentation(brightness=0.5)(photos, torch.zeros(8, 16, 16, dtype=torch.uint8), generator(0))
    levels = changed.flatten(1).mean(1)
    assert len(levels.unique()) == 8
    assert levels.min() >= 50
    assert levels.max() <= 150


def test_mild_augmentation_keeps_mean_colours(streets):
    """Mild changes keep the mean of every channel, so none is swapped or emptied."""
    path = sorted((streets / "leftImg8bit").rglob("*.png"))[0]
    photo = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy())[None]
    mild = Augmentation(brightness=0.05, contrast=0.05, saturation=0.05, hue=0.01, blur=0.5, noise=0.01)
    changed, _ = mild(photo, torch.zeros(photo.shape[:3], dtype=torch.uint8), generator(0))
    means = photo.float().mean((0, 1, 2)), changed.mean((0, 1, 2))
    torch.testing.assert_close(means[1], means[0], atol=12, rtol=0.1)
