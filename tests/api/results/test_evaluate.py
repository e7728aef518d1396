"""Evaluation against the official scripts at the labels' own size, and test-time augmentation."""

from __future__ import annotations

import contextlib
import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from cityscapesscripts.evaluation import evalPixelLevelSemanticLabeling as official
from PIL import Image

from cityseg import api, checkpoint, classes
from cityseg.data.batches import DeviceSplit
from cityseg.data.instances import instance_file, read_instances
from cityseg.data.prepared import cache
from cityseg.data.synthetic import synthesize
from cityseg.engine.evaluate import evaluate
from cityseg.errors import DataError
from cityseg.models.tta import augmented
from cityseg.runs import Run


@pytest.fixture(autouse=True)
def older_numpy(monkeypatch):
    """The official scripts use a removed name of ``np.isin``."""
    monkeypatch.setattr(np, "in1d", np.isin, raising=False)


_RESAMPLING = {
    "leftImg8bit": Image.Resampling.BOX,
    "labelIds": Image.Resampling.NEAREST,
    "instanceIds": Image.Resampling.NEAREST,
}


@pytest.fixture(scope="module")
def mixed_sizes(tmp_path_factory):
    """Synthetic frames whose files have three sizes."""
    folder = tmp_path_factory.mktemp("mixed") / "set"
    synthesize(folder, frames=20, seed=8, size=(64, 128))
    for kind, method in _RESAMPLING.items():
        for index, path in enumerate(sorted(folder.glob(f"*/val/*/*_{kind}.png"))):
            with Image.open(path) as image:
                image.resize([(128, 64), (97, 129), (50, 20)][index % 3], method).save(path)
    return folder


def official_scores(model: str, data: Path, split: str, folder: Path) -> dict:
    """Write the predictions of a split to files and score them with the official scripts."""
    device = torch.device("cpu")
    network, card = checkpoint.load(api.model_folder(model), device)
    dataset = api.connect(str(data))
    frames = {frame.name: frame.label.path for frame in dataset.splits[split]}
    photos = cache.prepare(dataset, split, card.image_size)
    predictions = [folder / f"{name}_labelIds.png" for name in photos.meta.frames]
    evaluate(
        network,
        DeviceSplit(photos, device),
        card.normalization,
        truth=photos.truth,
        temperature=card.temperature,
        on_predicted=lambda index, ids: Image.fromarray(classes.to_label_ids(ids)).save(predictions[index]),
    )
    truths = [str(frames[name]) for name in photos.meta.frames]
    official.args.quiet, official.args.JSONOutput, official.args.evalInstLevelScore = True, False, True
    with contextlib.redirect_stdout(io.StringIO()):
        return official.evaluateImgLists([*map(str, predictions)], truths, official.args)


def expect_official(scores: dict, theirs: dict) -> None:
    instance = scores["instance_iou"]
    pairs = {
        "classScores": {name: values["iou"] for name, values in scores["per_class"].items()},
        "categoryScores": scores["per_category"],
        "classInstScores": instance["per_class"],
        "categoryInstScores": instance["per_category"],
    }
    for kind, values in pairs.items():
        for name, value in values.items():
            found = np.nan if value is None else value
            np.testing.assert_allclose(found, theirs[kind][name], rtol=0, atol=1e-9, err_msg=f"{kind} of {name}")
    assert scores["macro"]["iou"] == pytest.approx(theirs["averageScoreClasses"], abs=1e-9)
    assert scores["category_iou"] == pytest.approx(theirs["averageScoreCategories"], abs=1e-9)
    assert instance["macro"] == pytest.approx(theirs["averageScoreInstClasses"], abs=1e-9)
    assert instance["category"] == pytest.approx(theirs["averageScoreInstCategories"], abs=1e-9)


def test_scores_on_the_synthetic_dataset_equal_the_official_ones(workplace, trained, streets, tmp_path):
    scores = api.evaluate(str(trained.folder), str(streets), "val")
    expect_official(scores, official_scores(str(trained.folder), streets, "val", tmp_path))


def test_scores_on_full_size_frames_equal_the_official_ones(workplace, cityscapes_fullres, tmp_path):
    scores = api.evaluate("better-1", str(cityscapes_fullres), "train")
    assert scores["size"] is None
    expect_official(scores, official_scores("better-1", cityscapes_fullres, "train", tmp_path))


@pytest.mark.parametrize("size", ["network", (48, 96)])
def test_scores_at_a_fixed_size_have_no_instance_scores(workplace, trained, streets, size):
    scores = api.evaluate(str(trained.folder), str(streets), "val", size=size)
    assert scores["instance_iou"] is None
    assert scores["size"] == [32, 64] if size == "network" else [48, 96]


def test_frames_of_several_sizes_are_scored_each_at_its_own(workplace, trained, mixed_sizes, tmp_path):
    """The official scripts on the label ids that ``predict`` writes give the same mean IoU."""
    scores = api.evaluate(str(trained.folder), str(mixed_sizes), "val")
    frames = api.connect(str(mixed_sizes)).splits["val"]
    written = api.predict_photos(str(trained.folder), [frame.photo.path for frame in frames], tmp_path)
    predictions = [photo["files"]["labelIds"] for photo in written]
    assert len({Image.open(path).size for path in predictions}) == 3
    official.args.quiet, official.args.JSONOutput, official.args.evalInstLevelScore = True, False, False
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = official.evaluateImgLists(predictions, [str(frame.label.path) for frame in frames], official.args)
    assert scores["macro"]["iou"] == pytest.approx(theirs["averageScoreClasses"], abs=1e-9)
    assert scores["boundary"]["distance"] == [1, 3], "2 % of diagonals of 143, 161 and 54 pixels"


def test_an_evaluation_replaces_scores_of_another_size(workplace, trained, streets, tmp_path):
    """A result of an earlier version was scored at the network's size."""
    older = Run(shutil.copytree(trained.folder, tmp_path / "older"))
    wanted = checkpoint.read_card(older.checkpoint)
    at_network = api.evaluate(str(older.folder), str(streets), "val", size="network")
    stored = {key: at_network[key] for key in wanted.scores["val"]}
    recipe = {**wanted.training["recipe"], "preset": "better-1"}
    card = replace(wanted, scores={**wanted.scores, "val": stored}, training={**wanted.training, "recipe": recipe})
    checkpoint.write_card(older.checkpoint, card)
    older.write_confusions("val", trained.confusions("val").frames, best=np.ones((2, 19, 19), np.int64))
    api.evaluate(str(older.folder), str(streets), "val")
    found = checkpoint.read_card(older.checkpoint)
    assert found.scores == wanted.scores
    assert found.network_scores == {"val": stored}, "kept for the budgets of the first study"
    np.testing.assert_array_equal(older.confusions("val").matrices, trained.confusions("val").matrices)


def test_detailed_counts_are_stored_with_the_run(workplace, trained, streets):
    scores = api.evaluate(str(trained.folder), str(streets), "val")
    detail = trained.detail("val")
    assert detail.frames == trained.confusions("val").frames
    assert detail.boundary.shape == (2, 19, 3)
    assert detail.calibration[..., 0].sum() == scores["pixels"]
    right = detail.calibration[..., 1].sum() / scores["pixels"]
    assert right == pytest.approx(scores["pixel_accuracy"], abs=1e-9)
    assert trained.detail("nowhere") is None


def test_an_evaluation_adds_detailed_counts_to_an_older_result(workplace, trained, streets, tmp_path):
    older = Run(tmp_path / "older")
    shutil.copytree(trained.folder, older.folder)
    (older.folder / "detail-val.npz").unlink()
    assert older.detail("val") is None
    api.evaluate(str(older.folder), str(streets), "val", size="network")
    assert older.detail("val") is None, "counted at another size than the matrices"
    api.evaluate(str(older.folder), str(streets), "val")
    np.testing.assert_array_equal(older.detail("val").boundary, trained.detail("val").boundary)
    older.write_confusions("test", ("another",), best=np.ones((1, 19, 19), np.int64))
    (older.folder / "detail-test.npz").unlink()
    api.evaluate(str(older.folder), str(streets), "test")
    assert older.detail("test") is None, "these are not the matrices it belongs to"


def test_ignite_mean_iou_counts_absent_classes_as_zero(workplace, trained, streets):
    scores = api.evaluate(str(trained.folder), str(streets), "test")
    present = sum(values["iou"] is not None for values in scores["per_class"].values())
    assert present < 19
    assert scores["ignite_iou"] == pytest.approx(scores["macro"]["iou"] * present / 19, abs=1e-9)


def test_speed_and_calibration_are_reported(workplace, trained, streets):
    scores = api.evaluate(str(trained.folder), str(streets), "val")
    assert scores["speed"]["frames_per_second"] > 0
    bins = scores["calibration"]["reliability"]
    assert [entry["from"] for entry in bins] == pytest.approx(np.arange(10) / 10)
    assert sum(entry["share"] for entry in bins) == pytest.approx(1)
    gaps = [entry["share"] * abs(entry["accuracy"] - entry["confidence"]) for entry in bins if entry["share"]]
    assert scores["calibration"]["error"] == pytest.approx(sum(gaps))


def test_instance_ids_are_found_in_zip_files(workplace, streets, tmp_path):
    for part, name in (("leftImg8bit", "leftImg8bit_trainvaltest.zip"), ("gtFine", "gtFine_trainvaltest.zip")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for path in sorted((streets / part).rglob("*.png")):
                archive.write(path, path.relative_to(streets))
    plain, packed = (api.connect(str(root)).splits["val"][0] for root in (streets, tmp_path))
    np.testing.assert_array_equal(
        *(read_instances(instance_file(frame), (64, 128)) for frame in (plain, packed)), strict=True
    )


def test_instance_ids_of_another_size_are_an_error(workplace, streets, tmp_path):
    frame = api.connect(str(streets)).splits["val"][0]
    with pytest.raises(DataError, match=r"instanceIds\.png: expected the labels' size 32x32, found 64x128; both"):
        read_instances(instance_file(frame), (32, 32))


def test_damaged_instance_ids_are_an_error(workplace, tmp_path, streets):
    frame = api.connect(str(streets)).splits["val"][0]
    found = instance_file(frame)
    (tmp_path / "torn.png").write_bytes(found.read()[:60])
    torn = type(found)(tmp_path / "torn.png", "torn.png")
    with pytest.raises(DataError, match=r"torn\.png: expected a whole PNG of instance ids, found a damaged one"):
        read_instances(torn, (64, 128))
    Image.new("RGB", (128, 64)).save(tmp_path / "rgb.png")
    coloured = type(found)(tmp_path / "rgb.png", "rgb.png")
    with pytest.raises(DataError, match=r"rgb\.png: expected a grey PNG of instance ids, found mode RGB"):
        read_instances(coloured, (64, 128))


def test_flip_tta_scores_the_mean_logits(trained, workplace, streets, cityseg):
    model, card = checkpoint.load(trained.checkpoint)
    split = DeviceSplit(api.prepare(str(streets), card.image_size)["val"], torch.device("cpu"))
    x = card.normalization.apply(split.photos)
    with torch.no_grad():
        predicted = (model(x) + model(x.flip(3)).flip(3)).argmax(1).numpy()
        assert (model(x).argmax(1).numpy() != predicted).any(), "the test needs a difference"
    truth = split.labels.numpy()
    scored = truth < 19
    answer = api.evaluate(str(trained.folder), str(streets), "val", size="network", flip=True)
    assert answer["flip"]
    assert answer["pixel_accuracy"] == pytest.approx((predicted == truth)[scored].mean(), abs=1e-12)
    plain = api.evaluate(str(trained.folder), str(streets), "val", size="network")
    assert answer["per_class"] != plain["per_class"]
    mirrored = augmented(model, card.image_size, flip=True)
    evaluate(mirrored, split, card.normalization)
    assert not model.training, "it stays in evaluation mode"
    assert not plain["flip"]
    out = cityseg("evaluate", trained.folder, "--data", streets, "--size", "network", "--flip").out
    assert f"pixel accuracy {answer['pixel_accuracy']:.3f}" in out
    assert "with scale 1 and flip TTA; the scores stored with the model are without test-time augmentation" in out


@pytest.mark.parametrize("flip", [False, True])
def test_multi_scale_tta_scores_the_mean_logits(trained, workplace, streets, cityseg, flip):
    model, card = checkpoint.load(trained.checkpoint)
    split = DeviceSplit(api.prepare(str(streets), card.image_size)["val"], torch.device("cpu"))
    x = card.normalization.apply(split.photos)
    logits = []
    with torch.no_grad():
        for size in ((24, 48), (32, 64), (40, 80)):
            resized = F.interpolate(x, size, mode="bilinear", antialias=True)
            outputs = [model(resized), *([model(resized.flip(3)).flip(3)] if flip else [])]
            logits += [F.interpolate(output, (32, 64), mode="bilinear") for output in outputs]
        predicted = torch.stack(logits).mean(0).argmax(1).numpy()
        assert (logits[0].argmax(1).numpy() != predicted).any(), "the test needs a difference"
    truth = split.labels.numpy()
    scored = truth < 19
    answer = api.evaluate(str(trained.folder), str(streets), "val", size="network", scales=(0.75, 1, 1.25), flip=flip)
    assert (answer["flip"], answer["scales"]) == (flip, [0.75, 1, 1.25])
    assert answer["pixel_accuracy"] == pytest.approx((predicted == truth)[scored].mean(), abs=1e-12)
    words = (
        "evaluate",
        trained.folder,
        "--data",
        streets,
        "--size",
        "network",
        "--scales",
        "0.75,1,1.25",
        *(["--flip"] if flip else []),
    )
    out = cityseg(*words).out
    assert f"pixel accuracy {answer['pixel_accuracy']:.3f}" in out
    ways = "scales 0.75, 1, 1.25 and flip TTA" if flip else "scales 0.75, 1, 1.25"
    assert f"with {ways}; the scores stored with the model are" in out


def test_scale_one_is_no_augmentation(workplace, trained, streets, cityseg):
    plain, scaled = (api.evaluate(str(trained.folder), str(streets), "val", **way) for way in ({}, {"scales": (1,)}))
    del plain["speed"], scaled["speed"]
    assert plain == scaled
    assert "stored with the model" not in cityseg("evaluate", trained.folder, "--data", streets, "--scales", "1").out


@pytest.mark.parametrize("way", [{"flip": True}, {"scales": (0.75, 1)}, {"scales": (1,), "flip": True}])
def test_counts_with_augmentation_are_not_stored(workplace, trained, streets, tmp_path, monkeypatch, way):
    older = Run(tmp_path / "older")
    shutil.copytree(trained.folder, older.folder)
    (older.folder / "detail-val.npz").unlink()
    before = {path: path.read_bytes() for path in older.folder.rglob("*") if path.is_file()}
    # Even if the matrices happen to be equal.
    monkeypatch.setattr(np, "array_equal", lambda *_: True)
    api.evaluate(str(older.folder), str(streets), "val", **way)
    assert {path: path.read_bytes() for path in older.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("scales", "words"),
    [
        ("0", "expected scales from 0.25 to 4, found 0; 1 is the model's own size, for example 0.75,1,1.25"),
        ("1,two", "expected comma-separated numbers as scales, found '1,two'; for example 0.75,1,1.25"),
        ("1,1", "expected different scales, found 1 twice; omit one of them"),
    ],
)
def test_invalid_scales_are_an_error(workplace, trained, streets, cityseg, scales, words):
    answer = cityseg("evaluate", trained.folder, "--data", streets, "--scales", scales)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[-1] == f"cityseg: {words}"


@pytest.mark.parametrize(("scale", "words"), [("1.01", ""), ("0.75", "with scale 0.75; the scores stored with")])
def test_the_note_on_augmentation_depends_on_the_actual_size(workplace, trained, streets, cityseg, scale, words):
    """At 1.01 the nearest valid input size is the model's own."""
    out = cityseg("evaluate", trained.folder, "--data", streets, "--scales", scale).out
    assert ("stored with the model" in out) == bool(words)
    assert words in out
