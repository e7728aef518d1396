"""``cityseg predict``, ``agree`` and their options, against the Predict page."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.classes import CLASS_NAMES, PALETTE, to_label_ids
from cityseg.data.synthetic import render
from cityseg.inference.predictor import Prediction, Predictor


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "my street.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (45, 91, 3), dtype=np.uint8)).save(path)
    return path


def table(result: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(Path(result["files"]["classes"]).read_text().splitlines()))


def test_rejection_threshold_marks_pixels_unknown(workplace, trained, runs, photo, document, cityseg):
    pixels = np.asarray(Image.open(photo))
    prediction = Predictor.load(trained.checkpoint).predict(pixels, "crop")
    looked = prediction.train_ids != 255
    least = int(100 * np.median(prediction.confidence[looked])) + 1
    below = looked & (np.floor(prediction.confidence * 100) < least)
    assert 0 < below.sum() < looked.sum() < looked.size
    words = ("predict", "tiny", photo, "--out", "results", "--runs", runs, "--fit", "crop", "--unknown", least / 100)
    (whole,) = document(*words[:-2])
    (result,) = document(*words)
    assert result["unknown"] == pytest.approx(below.sum() / looked.sum())
    assert (result["unknown_below"], whole["unknown_below"], whole["unknown"]) == (least / 100, 0, 0)
    assert result["shares"] == whole["shares"]
    assert result["mean_confidence"] == pytest.approx(prediction.confidence[looked].mean())
    expected = np.where(below, 0, to_label_ids(prediction.train_ids))
    np.testing.assert_array_equal(np.asarray(Image.open(result["files"]["labelIds"])), expected)
    colors = np.where(below[..., None], 128, PALETTE[prediction.train_ids])
    np.testing.assert_array_equal(np.asarray(Image.open(result["files"]["color"])), colors)
    mixed = np.where(looked[..., None], np.rint(0.45 * pixels + 0.55 * colors), pixels)
    assert np.abs(np.asarray(Image.open(result["files"]["overlay"])) - mixed).max() <= 1
    rows = table(result)
    for row in rows:
        mine = prediction.train_ids == CLASS_NAMES.index(row["class"])
        assert (int(row["pixels"]), int(row["unknown_pixels"])) == (mine.sum(), (mine & below).sum())
    assert [row["class"] for row in rows] == list(result["shares"])
    said = cityseg(*words).out
    assert f"  {below.sum() / looked.sum():.1%} unknown, below a confidence of {least / 100:g}" in said


@pytest.mark.parametrize("flip", [False, True])
def test_multi_scale_tta(workplace, trained, runs, photo, document, flip):
    pixels = np.asarray(Image.open(photo))
    words = ("predict", "tiny", photo, "--out", "results", "--runs", runs, "--scales", "0.75,1,1.25")
    (result,) = document(*words, *(["--flip"] if flip else []))
    predictor = Predictor.load(trained.checkpoint)
    predicted = predictor.predict(pixels, flip=flip, scales=(0.75, 1, 1.25))
    np.testing.assert_array_equal(
        np.asarray(Image.open(result["files"]["labelIds"])), to_label_ids(predicted.train_ids)
    )
    assert (predicted.train_ids != predictor.predict(pixels, flip=flip).train_ids).any()


def test_invalid_scales_are_refused_before_writing(workplace, runs, photo, cityseg):
    words = ("predict", "tiny", photo, "--out", "results", "--runs", runs, "--scales")
    for scales, message in (
        ("5", "expected scales from 0.25 to 4, found 5; 1 is"),
        ("1,x", "expected comma-separated numbers as scales, found"),
    ):
        answer = cityseg(*words, scales)
        assert (answer.code, answer.out) == (2, "")
        assert f"cityseg: {message}" in answer.err
    assert not Path("results").exists()


def test_object_counts_equal_those_of_the_page(workplace, trained, runs, photo, document, cityseg, monkeypatch):
    predicted = np.zeros((45, 91), np.uint8)
    car, bus, person = (CLASS_NAMES.index(name) for name in ("car", "bus", "person"))
    predicted[5:10, 5:10] = predicted[5:10, 20:25] = car
    predicted[20:30, 5:10] = predicted[20:30, 30:40] = bus
    predicted[40:44, 80:82] = person
    plain = np.zeros(predicted.shape, np.float32)
    monkeypatch.setattr(Predictor, "predict", lambda *_, **__: Prediction(predicted, plain + 0.9, plain, 1.0))
    words = ("predict", "tiny", photo, "--out", "results", "--runs", runs)
    (result,) = document(*words)
    assert result["objects"] == {"person": 1, "car": 2, "bus": 2}
    assert "  about 1 person, 2 cars, 2 buses; objects that touch count as one" in cityseg(*words).out.splitlines()
    rows = {row["class"]: row["objects"] for row in table(result)}
    assert rows == {"road": "", "bus": "2", "car": "2", "person": "1"}


def test_agree_reports_and_maps_agreement(workplace, document, cityseg):
    Image.fromarray(render(4, size=(90, 150)).photo).save("street.png")
    names = ("better-2", "better-1", "experiment-1")
    words = ("agree", "street.png", *names, "--out", "results", "--fit", "letterbox", "--flip")
    found = document(*words)
    maps = []
    for name in names:
        assert cityseg("predict", name, "street.png", "--out", name, "--fit", "letterbox", "--flip").code == 0
        maps.append(np.asarray(Image.open(Path(name) / "street_labelIds.png")))
    first, second, third = maps
    camps = np.array([[len({*votes}) for votes in zip(*rows, strict=True)] for rows in zip(*maps, strict=True)])
    assert 0 < (camps == 1).mean() < 1
    assert found["share"] == pytest.approx((camps == 1).mean())
    assert found["by_number"] == {
        name: pytest.approx((camps == count).mean())
        for count, name in enumerate(("all agree", "2 of 3 agree", "all differ"), start=1)
    }
    assert found["pairs"] == [
        {"first": one, "second": other, "share": pytest.approx((a == b).mean())}
        for one, other, a, b in (
            ("better-2", "better-1", first, second),
            ("better-2", "experiment-1", first, third),
            ("better-1", "experiment-1", second, third),
        )
    ]
    agreement_map = np.asarray(Image.open(found["file"]))
    colors = {
        count: {tuple(color) for color in agreement_map[camps == count]}
        for count in (1, 2, 3)
        if (camps == count).any()
    }
    assert all(len(color) == 1 for color in colors.values())
    assert len(set.union(*colors.values())) == len(colors)
    said = cityseg(*words).out.splitlines()
    assert said[0] == f"All 3 models agree on {found['share']:.2%} of the photo: {found['file']}"
    largest = found["differences"][0]
    assert largest["first"] == "better-2"
    assert f"  {largest['words']}" in said


@pytest.mark.parametrize("models", [["better-1"], ["better-1", "better-1"], ["a", "b", "c", "d", "e"]])
def test_agree_takes_two_to_four_models(workplace, cityseg, models):
    answer = cityseg("agree", "street.png", *models, "--out", "results")
    assert (answer.code, answer.err) == (2, f"cityseg: expected 2 to 4 different models, found {', '.join(models)}\n")


def test_agree_without_commonly_predicted_pixels(workplace, trained, photo, document, cityseg, monkeypatch):
    void = np.full((45, 91), 255, np.uint8)
    plain = np.zeros(void.shape, np.float32)
    monkeypatch.setattr(Predictor, "predict", lambda *_, **__: Prediction(void, plain, plain, 1.0))
    words = ("agree", photo, trained.folder, "better-1", "--out", "results")
    found = document(*words)
    assert (found["share"], found["pairs"][0]["share"], found["differences"]) == (None, None, [])
    assert cityseg(*words).out == "No part of the photo was predicted by all of these models.\n"


def test_predict(workplace, trained, runs, photo, document, cityseg):
    (workplace / "second").mkdir()
    twin = workplace / "second" / photo.name
    Image.new("L", (30, 20), 128).save(twin)
    results = document("predict", "tiny", photo, twin, "--out", "results", "--runs", runs)
    assert sorted(path.name for path in (workplace / "results").iterdir()) == [
        f"my street{number}_{kind}"
        for number in ("-2", "")
        for kind in ("classes.csv", "color.png", "labelIds.png", "overlay.png")
    ]
    assert [result["size"] for result in results] == [[45, 91], [20, 30]]
    expected = Predictor.load(trained.checkpoint).predict(np.asarray(Image.open(photo))).train_ids
    for kind, array in (("labelIds", to_label_ids(expected)), ("color", PALETTE[expected])):
        with Image.open(results[0]["files"][kind]) as image:
            np.testing.assert_array_equal(np.asarray(image), array)
    with Image.open(results[0]["files"]["overlay"]) as image:
        assert (image.size, image.mode) == ((91, 45), "RGB")
    for result in results:
        assert sum(result["shares"].values()) == pytest.approx(1)
        assert 0 < result["mean_confidence"] <= 1
        assert 0 < result["milliseconds"] <= result["total_milliseconds"]
    assert results[0]["shares"] == {
        name: pytest.approx((expected == index).mean())
        for index, name in enumerate(CLASS_NAMES)
        if (expected == index).any()
    }
    answer = cityseg("predict", "tiny", photo, "--out", "results", "--runs", runs)
    assert answer.out.startswith(f"{photo}: ")
    pixels = np.asarray(Image.open(photo))
    shift = api.distribution_shift(str(trained.folder), pixels, Predictor.load(trained.checkpoint).predict(pixels))
    assert results[0]["familiarity"]["sentence"] == shift.sentence
    assert f"  {shift.sentence}" in answer.out.splitlines()


def test_predict_writes_nothing_when_one_photo_is_bad(workplace, runs, photo, cityseg):
    (workplace / "notes.txt").write_text("no photo")
    answer = cityseg("predict", "tiny", photo, "notes.txt", "--out", "results", "--runs", runs, "--json")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[-1] == (
        "cityseg: notes.txt: expected a photo (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF), found another kind "
        "of file"
    )
    assert not (workplace / "results").exists()


def test_predict_replaces_no_photo(workplace, runs, photo, cityseg):
    other = workplace / f"{photo.stem}_overlay.png"
    other.write_bytes(photo.read_bytes())
    answer = cityseg("predict", "tiny", photo, other, "--out", workplace, "--runs", runs)
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == (
        f"cityseg: {other}: expected photos that no result file replaces, found one with the name of a result; choose "
        "another folder for the results, or leave earlier results out of the photos"
    )
    assert other.read_bytes() == photo.read_bytes()
    assert not (workplace / f"{photo.stem}_color.png").exists()


def test_predict_photos_of_other_cameras(workplace, photos, document):
    shipped = [info.name for info in api.list_models()]
    paths = sorted(photos.glob("*.jpg"))
    for path, result in zip(paths, document("predict", shipped[0], *paths, "--out", "results"), strict=True):
        with Image.open(path) as photo, Image.open(result["files"]["labelIds"]) as written:
            assert written.size == photo.size
            assert set(np.unique(written)) <= set(to_label_ids(np.arange(19, dtype=np.uint8)))


def test_paths_are_read_as_people_paste_them(workplace, runs, photo, cityseg):
    for text in (f'"{photo}"', f"{photo} ", f"file://{str(photo).replace(' ', '%20')}"):
        answer = cityseg("predict", "tiny", text, "--out", workplace / "results", "--runs", runs)
        assert answer.code == 0, answer.err
    answer = cityseg("clip", "tiny", " ", "--out", workplace / "results", "--runs", runs)
    assert (answer.code, answer.err.splitlines()[-1]) == (
        2,
        "cityseg: expected a value, found an empty one; write one, or leave it out",
    )


def test_long_names_are_shortened_in_the_middle(workplace, runs, photo, document):
    """Photos, videos and agreement maps alike; names that become the same are numbered."""
    names = [f"{'a' * 100}{middle}{'ü' * 60}b.png" for middle in (":" * 28, ";" * 28)]
    for name in names:
        photo.with_name(name).write_bytes(photo.read_bytes())
    paths = [photo.with_name(name) for name in names]
    found = document("predict", "tiny", *paths, "--out", "out", "--runs", runs)
    stem = f"{'a' * 99}~{'ü' * 49}b"
    assert [Path(one["files"]["overlay"]).name for one in found] == [f"{stem}_overlay.png", f"{stem}-2_overlay.png"]
    assert all(Path(path).is_file() for one in found for path in one["files"].values())
    folder = workplace / paths[0].stem
    folder.mkdir()
    (folder / "0.png").write_bytes(photo.read_bytes())
    clip = document("clip", "tiny", folder, "--out", "out", "--runs", runs)
    assert [Path(clip[key]).name for key in ("film", "table")] == [f"{stem}_overlay.mp4", f"{stem}_classes.csv"]
    agreed = document("agree", paths[0], "tiny", api.list_models()[0].name, "--out", "out", "--runs", runs)
    assert Path(agreed["file"]).name == f"{stem}_agreement.png"


def test_the_current_folder_is_a_clip_of_its_name(workplace, runs, photo, document, monkeypatch):
    (workplace / "ride").mkdir()
    monkeypatch.chdir(workplace / "ride")
    Path("0.png").write_bytes(photo.read_bytes())
    clip = document("clip", "tiny", ".", "--out", "../out", "--runs", runs)
    assert Path(clip["table"]).name == "ride_classes.csv"
