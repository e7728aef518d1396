"""Drawn scenes: what they promise about shapes, labels, scale, occlusion, weather and refusals."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import lru_cache

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official_labels

from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, NUM_CLASSES, to_train_ids
from cityseg.data.synthetic import DAYTIMES, WEATHERS, Scene, render
from cityseg.data.synthetic.camera import draw_camera
from cityseg.data.synthetic.street import render_scene
from cityseg.errors import UsageError

SMALL = (96, 192)
SEEDS = range(48)
PERSON, RIDER, CAR = 24, 25, 26
FLAT = (7, 8, 9, 10, 22)
"""Label ids of the ground: road, sidewalk, parking, rail track, terrain."""
PATCHES = [
    [121.1, 146.4, 143.8, 107.6],
    [113.5, 127.7, 136.4, 99.6],
    [120.8, 131.2, 121.1, 127.1],
    [108.0, 125.8, 123.3, 139.7],
]
"""Grey levels of 4 x 4 patches of the photo of seed 2."""


@lru_cache(maxsize=128)
def scene(seed: int) -> Scene:
    return render(seed, size=SMALL)


@lru_cache(maxsize=1)
def counts() -> np.ndarray:
    """(48, 19) scored pixels of every class in every frame."""
    return np.array(
        [np.bincount(to_train_ids(scene(seed).label_ids).ravel(), minlength=256)[:NUM_CLASSES] for seed in SEEDS]
    )


def test_a_seed_always_gives_the_same_frame():
    first, second = render(5, size=SMALL), render(5, size=SMALL)
    np.testing.assert_array_equal(first.photo, second.photo)
    np.testing.assert_array_equal(first.label_ids, second.label_ids)
    np.testing.assert_array_equal(first.instance_ids, second.instance_ids)


@pytest.mark.parametrize(
    ("seed", "expected"), [(0, "446b9979f360cd1d"), (3, "5af61ba2cc38a74f"), (7, "d4a138cbda844c9e")]
)
def test_a_seed_gives_the_same_truth_on_every_machine(seed, expected):
    # Another digest means other frames: raise GENERATOR_VERSION with it.
    drawn = scene(seed)
    written = drawn.label_ids.tobytes() + drawn.instance_ids.astype("<u2").tobytes()
    assert hashlib.sha256(written).hexdigest()[:16] == expected


def test_a_seed_gives_the_same_photo_on_every_machine():
    # The last bit of a texture may differ between processors, a patch of the photo may not.
    patches = render(2, size=SMALL, weather="clear", daytime="day").photo.reshape(4, 24, 4, 48, 3).mean(axis=(1, 3, 4))
    np.testing.assert_allclose(patches, PATCHES, atol=0.5)


def test_different_seeds_give_different_frames():
    digests = {scene(seed).label_ids.tobytes() for seed in range(20)}
    assert len(digests) == 20


def test_types_and_shapes():
    drawn = scene(1)
    assert (drawn.photo.shape, drawn.photo.dtype) == ((*SMALL, 3), np.uint8)
    assert (drawn.label_ids.shape, drawn.label_ids.dtype) == (SMALL, np.uint8)
    assert (drawn.instance_ids.shape, drawn.instance_ids.dtype) == (SMALL, np.uint16)


@pytest.mark.parametrize("size", [(32, 64), (33, 47), (64, 256), (256, 512), (800, 600)])
def test_any_size_from_32_rows_up(size):
    drawn = render(3, size=size, weather="rain", daytime="night")
    assert drawn.photo.shape == (*size, 3)
    assert drawn.label_ids.shape == drawn.instance_ids.shape == size


def test_a_scene_does_not_depend_on_its_resolution():
    small, large = render(8, size=(96, 192)), render(8, size=(288, 576))
    assert np.mean(small.label_ids == large.label_ids[1::3, 1::3]) > 0.9


def test_instances_agree_with_labels():
    with_instances = [label.id for label in official_labels if label.hasInstances]
    for seed in range(20):
        drawn = scene(seed)
        single = np.isin(drawn.label_ids, with_instances)
        ids, labels = drawn.instance_ids.astype(int), drawn.label_ids.astype(int)
        np.testing.assert_array_equal(ids[single] // 1000, labels[single])
        np.testing.assert_array_equal(ids[~single], labels[~single])
    assert len(np.unique(scene(0).instance_ids[scene(0).label_ids == CAR])) > 1


def test_only_official_label_ids():
    official = {label.id for label in official_labels}
    for seed in SEEDS:
        assert set(np.unique(scene(seed).label_ids).tolist()) <= official


def test_every_class_is_frequent():
    # 15 % is promised over hundreds of frames at 256x512; the margin covers 48 small frames.
    frequency = (counts() > 0).mean(axis=0)
    rare = {name: round(float(value), 3) for name, value in zip(CLASS_NAMES, frequency, strict=True) if value < 0.12}
    assert not rare


@pytest.mark.parametrize(
    ("name", "official"), [("road", 0.37), ("building", 0.23), ("vegetation", 0.16), ("sky", 0.04), ("car", 0.07)]
)
def test_pixel_shares_are_those_of_real_streets(name, official):
    share = (counts() / counts().sum(axis=1, keepdims=True)).mean(axis=0)[CLASS_NAMES.index(name)]
    assert official / 2 < share < official * 2


def test_some_pixels_are_void():
    void = [np.mean(to_train_ids(scene(seed).label_ids) == IGNORE_INDEX) for seed in range(20)]
    assert 0.01 < np.mean(void) < 0.25


def standing(seed: int, label: int) -> list[tuple[float, float]]:
    """Metres from foot to head, and distance, of every instance that stands free on the ground of a larger frame."""
    size = (192, 384)
    drawn = render(seed, size=size)
    camera = draw_camera(seed, size, render_scene(seed).lanes_half)
    horizon, focal = camera.horizon * size[0], camera.focal * size[0]
    found = []
    for instance in np.unique(drawn.instance_ids[drawn.label_ids == label]):
        rows, columns = np.nonzero(drawn.instance_ids == instance)
        foot = rows.max()
        if rows.min() == 0 or foot + 1 >= size[0] or columns.min() == 0 or columns.max() == size[1] - 1:
            continue
        if rows.size < 30 or not np.isin(drawn.label_ids[foot + 1, columns[rows == foot]], FLAT).all():
            continue
        distance = focal * camera.height / (foot + 1 - horizon)
        found.append(((foot + 1 - rows.min()) * distance / focal, distance))
    return found


@pytest.mark.parametrize(("label", "low", "high"), [(PERSON, 0.95, 2.0), (CAR, 1.1, 2.7)])
def test_what_stands_on_the_ground_has_its_true_height(label, low, high):
    # A floating, sunken or wrongly scaled object would be taller or smaller than its kind. Heads may be hidden.
    heights = [height for seed in range(14) for height, distance in standing(seed, label) if distance < 25]
    assert len(heights) >= 12
    assert np.mean([low < height < high for height in heights]) > 0.85
    assert max(heights) < 1.15 * high


def test_near_things_hide_far_ones():
    right = pairs = 0
    for seed in SEEDS:
        ids = scene(seed).instance_ids.astype(int)
        thing = np.isin(ids // 1000, (PERSON, CAR))
        foot = {number: np.nonzero(ids == number)[0].max() for number in np.unique(ids[thing])}
        upper, lower = ids[:-1], ids[1:]
        touching = thing[:-1] & thing[1:] & (upper != lower)
        border = Counter(zip(upper[touching].tolist(), lower[touching].tolist(), strict=True))
        for (above, below), length in border.items():
            # On flat ground the nearer ends lower in the picture, and it covers the farther one's lower part. Where
            # feet are hidden or level, nothing can be said.
            if length >= 4 and abs(foot[below] - foot[above]) >= 2:
                right += foot[below] > foot[above]
                pairs += 1
    assert pairs > 40
    assert right / pairs > 0.9


def test_weather_and_light_change_the_photo_and_nothing_else():
    drawn = {
        (weather, daytime): render(8, size=SMALL, weather=weather, daytime=daytime)
        for weather in WEATHERS
        for daytime in DAYTIMES
    }
    first = drawn["clear", "day"]
    for other in drawn.values():
        np.testing.assert_array_equal(other.label_ids, first.label_ids)
        np.testing.assert_array_equal(other.instance_ids, first.instance_ids)
    assert len({other.photo.tobytes() for other in drawn.values()}) == 9
    assert {(other.weather, other.daytime) for other in drawn.values()} == set(drawn)
    # Lamps light the street at night, so the darkness shows above them.
    upper = {kind: other.photo[: SMALL[0] // 3].astype(float) for kind, other in drawn.items()}
    for weather in WEATHERS:
        night, dusk, day = (upper[weather, daytime].mean() for daytime in ("night", "dusk", "day"))
        assert night < 0.75 * dusk
        assert dusk < 0.9 * day
    contrast = {kind: np.abs(np.diff(rows, axis=1)).mean() for kind, rows in upper.items()}
    assert contrast["fog", "day"] < 0.85 * contrast["clear", "day"]


def test_fog_hides_by_distance():
    clear, foggy = (render(8, size=SMALL, weather=weather, daytime="day") for weather in ("clear", "fog"))
    camera = draw_camera(8, SMALL, render_scene(8).lanes_half)
    rows = np.arange(SMALL[0])[:, None]
    road = clear.label_ids == 7
    distance = camera.focal * SMALL[0] * camera.height / np.maximum(rows + 0.5 - camera.horizon * SMALL[0], 0.5)
    change = np.abs(foggy.photo.astype(float) - clear.photo).mean(axis=2)
    bands = [road & (distance > near) & (distance < far) for near, far in ((3, 6), (8, 14), (20, 60))]
    near, middle, far = (change[band].mean() for band in bands)
    assert near < middle < far


def test_a_wet_road_mirrors_what_stands_behind_it():
    # Where a bright thing (a lit shop, the sky) meets the road, the wet road below it is brighter than beside it.
    gains = []
    for seed in range(16):
        dry, wet = (render(seed, size=SMALL, weather=weather, daytime="night") for weather in ("clear", "rain"))
        road = dry.label_ids == 7
        top = np.where(road.any(axis=0), road.argmax(axis=0), -1)
        columns = np.flatnonzero((top > 12) & (top < SMALL[0] - 20))
        if columns.size < 60:
            continue
        behind = np.array([wet.photo[top[c] - 10 : top[c], c].mean() for c in columns])
        below = np.array([wet.photo[top[c] + 1 : top[c] + 11, c].mean() for c in columns])
        dry_below = np.array([dry.photo[top[c] + 1 : top[c] + 11, c].mean() for c in columns])
        gains.append(np.corrcoef(behind, below)[0, 1] - np.corrcoef(behind, dry_below)[0, 1])
    assert len(gains) > 5
    assert np.mean(gains) > 0.1


def test_windows_and_lamps_burn_at_night():
    brightest = [np.sort(render(seed, size=SMALL, daytime="night").photo.max(axis=2).ravel())[-40] for seed in range(8)]
    assert min(brightest) > 150


def test_weather_and_light_are_mostly_clear_day_and_sometimes_not():
    weathers = [scene(seed).weather for seed in SEEDS]
    daytimes = [scene(seed).daytime for seed in SEEDS]
    assert weathers.count("clear") > len(SEEDS) / 2
    assert daytimes.count("day") > len(SEEDS) / 2
    assert set(weathers) == set(WEATHERS)
    assert set(daytimes) == set(DAYTIMES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "expected a seed of 0 or more, found -1"),
        ({"seed": 0, "size": (31, 64)}, "expected a size of at least 32x32 pixels, found 31x64"),
        ({"seed": 0, "weather": "hail"}, "expected a weather out of clear, fog, rain, found 'hail'"),
        ({"seed": 0, "daytime": "noon"}, "expected a time of day out of day, dusk, night, found 'noon'"),
    ],
)
def test_wrong_requests_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        render(**arguments)
