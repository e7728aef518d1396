"""The synthetic street set: what it promises about frames, files, weather and refusals."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cityseg.data.synthetic import GENERATOR_VERSION, WEATHERS, Scene, render, synthesize
from cityseg.errors import UsageError
from cityseg.labels import CLASS_NAMES, IGNORE_INDEX, LABELS, NUM_CLASSES, to_train_ids

SMALL = (96, 192)
SEEDS = range(50)


@lru_cache(maxsize=128)
def scene(seed: int) -> Scene:
    return render(seed, size=SMALL)


@lru_cache(maxsize=1)
def counts() -> np.ndarray:
    """(50, 19) scored pixels of every class in every frame."""
    return np.array(
        [np.bincount(to_train_ids(scene(seed).label_ids).ravel(), minlength=256)[:NUM_CLASSES] for seed in SEEDS]
    )


def test_a_seed_always_gives_the_same_frame():
    first, second = render(5, size=SMALL), render(5, size=SMALL)
    np.testing.assert_array_equal(first.photo, second.photo)
    np.testing.assert_array_equal(first.label_ids, second.label_ids)
    np.testing.assert_array_equal(first.instance_ids, second.instance_ids)


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
    drawn = render(3, size=size)
    assert drawn.photo.shape == (*size, 3)
    assert drawn.label_ids.shape == drawn.instance_ids.shape == size


def test_a_scene_does_not_depend_on_its_resolution():
    small, large = render(8, size=(96, 192), weather="clear"), render(8, size=(288, 576), weather="clear")
    assert np.mean(small.label_ids == large.label_ids[1::3, 1::3]) > 0.9


def test_instances_agree_with_labels():
    with_instances = [label.id for label in LABELS if label.has_instances]
    for seed in range(20):
        drawn = scene(seed)
        single = np.isin(drawn.label_ids, with_instances)
        ids, labels = drawn.instance_ids.astype(int), drawn.label_ids.astype(int)
        np.testing.assert_array_equal(ids[single] // 1000, labels[single])
        np.testing.assert_array_equal(ids[~single], labels[~single])
    assert len(np.unique(scene(0).instance_ids[scene(0).label_ids == 26])) > 1


def test_only_official_label_ids():
    official = {label.id for label in LABELS}
    for seed in SEEDS:
        assert set(np.unique(scene(seed).label_ids).tolist()) <= official


def test_every_class_is_frequent():
    # 15 % is promised over 200 frames at 256x512; the margin covers 50 small frames.
    frequency = (counts() > 0).mean(axis=0)
    rare = {name: round(float(value), 3) for name, value in zip(CLASS_NAMES, frequency, strict=True) if value < 0.1}
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


def test_weather_changes_the_photo_and_nothing_else():
    drawn = {weather: render(8, size=SMALL, weather=weather) for weather in WEATHERS}
    for other in drawn.values():
        np.testing.assert_array_equal(other.label_ids, drawn["clear"].label_ids)
        np.testing.assert_array_equal(other.instance_ids, drawn["clear"].instance_ids)
    # Lamps light the street at night, so the darkness shows above them.
    upper = {weather: other.photo[: SMALL[0] // 3].astype(float) for weather, other in drawn.items()}
    assert upper["night"].mean() < 0.75 * upper["dusk"].mean() < 0.7 * upper["clear"].mean()
    assert upper["fog"].mean() > 1.1 * upper["clear"].mean()
    contrast = {weather: np.abs(np.diff(rows, axis=1)).mean() for weather, rows in upper.items()}
    assert contrast["fog"] < 0.85 * contrast["clear"]
    assert len({other.photo.tobytes() for other in drawn.values()}) == len(WEATHERS)


def test_weather_is_mostly_clear_and_sometimes_not():
    drawn = [scene(seed).weather for seed in SEEDS]
    assert drawn.count("clear") > len(drawn) / 2
    assert len(set(drawn)) >= 4


def test_the_set_lies_in_the_official_layout(tmp_path):
    dest = tmp_path / "streets"
    calls: list[tuple[int, int]] = []
    synthesize(dest, frames=10, seed=4, size=(64, 128), on_progress=lambda done, total: calls.append((done, total)))
    photos = sorted(dest.glob("leftImg8bit/*/*/*_leftImg8bit.png"))
    assert len(photos) == 10
    assert calls == [(done, 10) for done in range(1, 11)]
    splits = [path.parts[-3] for path in photos]
    assert splits.count("train") == 7
    assert splits.count("val") == 3
    cities = {split: {path.parent.name for path in photos if path.parts[-3] == split} for split in ("train", "val")}
    assert len(cities["train"]) == 3
    assert len(cities["val"]) == 2
    assert not cities["train"] & cities["val"]
    for path in photos:
        stem = path.name.removesuffix("_leftImg8bit.png")
        city, sequence, frame = stem.split("_")
        assert city == path.parent.name
        assert len(sequence) == len(frame) == 6
        truth = dest / "gtFine" / path.parts[-3] / city
        labels = np.asarray(Image.open(truth / f"{stem}_gtFine_labelIds.png"))
        instances = Image.open(truth / f"{stem}_gtFine_instanceIds.png")
        assert instances.mode == "I;16"
        ids = np.asarray(instances).astype(int)
        np.testing.assert_array_equal(np.where(ids >= 1000, ids // 1000, ids), labels)
        assert np.asarray(Image.open(path)).shape == (64, 128, 3)
        color = np.asarray(Image.open(truth / f"{stem}_gtFine_color.png"))[..., :3]
        official = {label.id: label.color for label in LABELS}
        assert tuple(color[20, 60]) == official[int(labels[20, 60])]
    assert len({path.read_bytes() for path in photos}) == 10
    recipe = json.loads((dest / "synthetic.json").read_text(encoding="utf-8"))
    assert recipe == {
        "name": "synthetic",
        "frames": 10,
        "seed": 4,
        "size": [64, 128],
        "weather": None,
        "generator_version": GENERATOR_VERSION,
    }
    assert [path.name for path in tmp_path.iterdir()] == ["streets"]


def test_a_set_depends_on_its_seed_alone(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        synthesize(tmp_path / name, frames=3, seed=seed, size=(32, 64))

    def content(name: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.png"))]

    assert content("a") == content("b")
    assert content("a") != content("c")


def test_the_smallest_set_has_two_val_frames(tmp_path):
    synthesize(tmp_path / "set", frames=3, size=(32, 64))
    assert len(list(tmp_path.glob("set/leftImg8bit/train/*/*.png"))) == 1
    assert len(list(tmp_path.glob("set/leftImg8bit/val/*/*.png"))) == 2


def test_an_empty_folder_is_filled(tmp_path):
    dest = tmp_path / "set"
    dest.mkdir()
    synthesize(dest, frames=3, size=(32, 64))
    assert (dest / "synthetic.json").is_file()


def test_an_interrupted_run_leaves_nothing(tmp_path):
    def fail(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize(tmp_path / "set", frames=4, size=(32, 64), on_progress=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_taken_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(
        UsageError, match="expected a new or empty folder, found one that holds something; choose another"
    ):
        synthesize(tmp_path, frames=3)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_refused(tmp_path: Path):
    taken = tmp_path / "file"
    taken.write_text("keep me")
    with pytest.raises(UsageError, match="expected a new or empty folder, found a file; choose another"):
        synthesize(taken, frames=3)


def test_too_few_frames_are_refused(tmp_path):
    with pytest.raises(UsageError, match="expected 3 to 1000000 frames, found 2; a set needs 1 train and 2 val frames"):
        synthesize(tmp_path / "set", frames=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "expected a seed of 0 or more, found -1"),
        ({"seed": 0, "size": (31, 64)}, "expected a size of at least 32x32 pixels, found 31x64"),
        ({"seed": 0, "weather": "hail"}, "expected a weather out of clear, fog, rain, dusk, night, found 'hail'"),
    ],
)
def test_wrong_requests_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        render(**arguments)
