"""Night frames: dark where the sky is, lit on the road ahead, with labels and all other frames left alone."""

import pytest
import torch

from cityseg.classes import CLASS_NAMES
from cityseg.data.augmentation.augment import Augmentation
from cityseg.data.augmentation.night import make_night

SKY, ROAD = CLASS_NAMES.index("sky"), CLASS_NAMES.index("road")
HORIZON = 16


def frames(count, value=200.0):
    """Plain grey streets whose upper half is sky."""
    labels = torch.full((count, 32, 64), ROAD, dtype=torch.uint8)
    labels[:, :HORIZON] = SKY
    return torch.full((count, 3, 32, 64), value), labels


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def test_night_sky_is_darkest_and_lamps_are_brightest():
    x, labels = frames(64)
    night = make_night(x, labels, 1.0, random())
    sky, road = night[:, :, : HORIZON - 3].mean(1), night[:, :, HORIZON + 4 :].mean(1)
    # The median pixel, because lamps shine in the sky.
    darker = sky.flatten(1).median(1).values < road.flatten(1).median(1).values
    assert float(darker.float().mean()) > 0.9
    assert float(sky.flatten(1).median(1).values.max()) < 80
    assert bool((road.flatten(1).mean(1) < 200).all())
    lit = sky.flatten(1).max(1).values > 100
    assert 0.4 < float(lit.float().mean()) < 1


def test_headlights_light_the_road_ahead():
    x, labels = frames(64)
    labels[:] = ROAD
    night = make_night(x, labels, 1.0, random())[:, 0]
    ahead, corner = night[:, 26:29, 28:36].mean((1, 2)), night[:, 30:, :3].mean((1, 2))
    assert float((ahead / corner).median()) > 1.5


def test_skyline_has_no_bright_rim():
    x, labels = frames(32)
    labels[:, HORIZON] = 255
    night = make_night(x, labels, 1.0, random())
    rows = night.mean((0, 1, 3))
    assert bool((rows[HORIZON - 4 : HORIZON + 1] < rows[HORIZON + 4]).all())


def test_probability_sets_the_share_of_night_frames():
    x, labels = frames(400)
    night = make_night(x, labels, 0.25, random())
    changed = (night != x).flatten(1).any(1)
    assert 70 <= int(changed.sum()) <= 130
    torch.testing.assert_close(night[~changed], x[~changed], rtol=0, atol=0)
    torch.testing.assert_close(make_night(x, labels, 0.0, random()), x, rtol=0, atol=0)


@pytest.mark.parametrize("value", [0.0, 255.0])
def test_values_stay_in_range(value):
    x, labels = frames(32, value)
    night = make_night(x, labels, 1.0, random())
    assert float(night.min()) >= 0
    assert float(night.max()) <= 255


def test_equal_generators_give_equal_nights():
    x, labels = frames(4)
    first, again, other = (make_night(x, labels, 1.0, random(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_night_setting_darkens_photos_and_keeps_labels():
    x, labels = frames(8)
    photos, kept = Augmentation(night=1.0)(x.permute(0, 2, 3, 1).byte(), labels, random())
    assert photos.shape == (8, 32, 64, 3)
    assert float(photos.mean()) < 120
    assert torch.equal(kept, labels)
