"""The synthetic dataset on disk: layout, manifest, several processes, replacement, errors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cityscapesscripts.helpers.labels import labels as official_labels
from PIL import Image

from cityseg.data.synthetic import GENERATOR_VERSION, render, rendered_version, synthesize
from cityseg.data.synthetic.files import plan
from cityseg.data.synthetic.parallel import render_in_parallel
from cityseg.errors import UsageError


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_dataset_has_the_cityscapes_layout(tmp_path):
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
    with_instances = [label.id for label in official_labels if label.hasInstances]
    for path in photos:
        stem = path.name.removesuffix("_leftImg8bit.png")
        city, sequence, frame = stem.split("_")
        assert city == path.parent.name
        assert len(sequence) == len(frame) == 6
        labels_folder = dest / "gtFine" / path.parts[-3] / city
        labels = np.asarray(Image.open(labels_folder / f"{stem}_gtFine_labelIds.png"))
        instances = Image.open(labels_folder / f"{stem}_gtFine_instanceIds.png")
        assert instances.mode == "I;16"
        ids = np.asarray(instances).astype(int)
        np.testing.assert_array_equal(np.where(np.isin(labels, with_instances), ids // 1000, ids), labels)
        assert np.asarray(Image.open(path)).shape == (64, 128, 3)
    assert len({path.read_bytes() for path in photos}) == 10
    assert json.loads((dest / "synthetic.json").read_text(encoding="utf-8")) == {
        "name": "synthetic",
        "frames": 10,
        "seed": 4,
        "size": [64, 128],
        "weather": None,
        "daytime": None,
        "generator_version": GENERATOR_VERSION,
    }
    assert rendered_version(dest) == GENERATOR_VERSION
    assert [path.name for path in tmp_path.iterdir()] == ["streets"]


def test_files_contain_the_frame_of_their_seed(tmp_path):
    synthesize(tmp_path / "set", frames=3, size=(32, 64), weather="fog", daytime="dusk")
    (photo,) = tmp_path.glob("set/leftImg8bit/train/*/*.png")
    scene = render(0, size=(32, 64), weather="fog", daytime="dusk")
    np.testing.assert_array_equal(np.asarray(Image.open(photo)), scene.photo)
    (instances,) = tmp_path.glob("set/gtFine/train/*/*_instanceIds.png")
    np.testing.assert_array_equal(np.asarray(Image.open(instances)), scene.instance_ids)
    manifest = json.loads((tmp_path / "set" / "synthetic.json").read_text(encoding="utf-8"))
    assert (manifest["weather"], manifest["daytime"]) == ("fog", "dusk")


def test_a_dataset_depends_only_on_its_seed(tmp_path):
    for name, seed in (("a", 0), ("c", 1)):
        synthesize(tmp_path / name, frames=3, seed=seed, size=(32, 64))
    calls: list[int] = []
    synthesize(
        tmp_path / "b", frames=3, seed=0, size=(32, 64), workers=2, on_progress=lambda done, _: calls.append(done)
    )
    assert calls == [1, 2, 3]
    assert content(tmp_path / "a") == content(tmp_path / "b")
    assert content(tmp_path / "a") != content(tmp_path / "c")


def test_the_error_of_a_worker_process_is_raised(tmp_path):
    # The folders do not exist, as if the disk had been unmounted.
    with pytest.raises(FileNotFoundError) as caught:
        list(render_in_parallel(tmp_path / "gone", plan(3, 0), (32, 64), None, None, workers=2))
    assert str(caught.value.filename).startswith(str(tmp_path / "gone"))


def test_the_smallest_dataset_has_two_val_frames(tmp_path):
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


def test_a_synthetic_dataset_is_replaced_only_on_request(tmp_path):
    dest = tmp_path / "set"
    synthesize(dest, frames=3, size=(32, 64))
    before = content(dest)
    with pytest.raises(UsageError, match="expected a new or empty folder"):
        synthesize(dest, frames=3, seed=1, size=(32, 64))
    assert content(dest) == before
    synthesize(dest, frames=4, seed=1, size=(32, 64), replace=True)
    assert json.loads((dest / "synthetic.json").read_text(encoding="utf-8"))["frames"] == 4
    assert len(list(dest.glob("leftImg8bit/*/*/*.png"))) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_any_other_folder_is_never_replaced(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    for replace in (False, True):
        with pytest.raises(
            UsageError, match="expected a new or empty folder, found one that is not empty; choose another"
        ):
            synthesize(tmp_path, frames=3, replace=replace)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("manifest", [None, "", "[]", "{}", '{"generator_version": "two"}'])
def test_a_folder_without_a_valid_manifest_has_no_version(tmp_path, manifest):
    if manifest is not None:
        (tmp_path / "synthetic.json").write_text(manifest)
    assert rendered_version(tmp_path) is None


def test_an_existing_file_is_refused(tmp_path):
    taken = tmp_path / "file"
    taken.write_text("keep me")
    with pytest.raises(UsageError, match="expected a new or empty folder, found a file; choose another"):
        synthesize(taken, frames=3)


def test_too_few_frames_are_refused(tmp_path):
    with pytest.raises(UsageError, match="expected 3 to 1000000 frames, found 2; a set needs 1 train and 2 val frames"):
        synthesize(tmp_path / "set", frames=2)
