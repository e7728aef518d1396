"""``cityseg inspect``, ``pixel`` and ``audit`` on a synthetic dataset with one wrong label."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.metrics import f1_score, jaccard_score

from cityseg import api
from cityseg.classes import CLASS_NAMES
from cityseg.data.prepared import cache
from cityseg.inference.predictor import Predictor
from cityseg.runs import Run

SIZE = (32, 64)


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory: pytest.TempPathFactory, streets: Path, trained: Run) -> tuple[Path, str, tuple]:
    """The synthetic dataset with a block of one val label changed to sky.

    Returns the folder, the frame and the block (top, left, bottom, right).
    """
    folder = tmp_path_factory.mktemp("mislabelled") / "set"
    shutil.copytree(streets, folder)
    path = sorted((folder / "gtFine" / "val").glob("*/*_labelIds.png"))[0]
    label = np.array(Image.open(path))
    top, left, bottom, right = 40, 32, 60, 96
    label[top:bottom, left:right] = 23  # sky
    Image.fromarray(label).save(path)
    return folder, path.name.removesuffix("_gtFine_labelIds.png"), (top, left, bottom, right)


@pytest.fixture
def run(trained: Run, workplace: Path) -> Run:
    """A copy of the trained run."""
    shutil.copytree(trained.folder, workplace / "runs" / "tiny")
    return Run(workplace / "runs" / "tiny")


def pixels(run: Run, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Ground truth and prediction of val at the labels' own size."""
    frames = [
        api.frame_view(api.connect(str(data)), "val", frame.name) for frame in api.connect(str(data)).splits["val"]
    ]
    predictor = Predictor.load(run.checkpoint)
    predicted = np.stack([predictor.predict(frame.photo).train_ids for frame in frames])
    return np.stack([frame.train_ids for frame in frames]), predicted


def test_audit_finds_and_excludes_a_wrong_label(run, mislabelled, cityseg):
    folder, frame, (top, left, bottom, right) = mislabelled
    words = ("audit", "tiny", "--data", folder, "--split", "val", "--confidence", "0", "--json")
    report = json.loads(cityseg(*words, "--limit", "1000").out)
    truth, predicted = pixels(run, folder)
    scored = truth != 255
    f1 = f1_score(truth[scored], predicted[scored], average="macro", zero_division=0)
    assert report["honest"]["macro"]["f1"] == pytest.approx(f1, abs=2e-6)
    assert report["without_wrong_labels"] == report["honest"]

    inside = [
        region
        for region in report["regions"]
        if region["frame"] == frame
        and region["label"] == "sky"
        and region["box"][0] >= top
        and region["box"][1] >= left
        and region["box"][2] <= bottom
        and region["box"][3] <= right
    ]
    position = sorted(Path(folder, "leftImg8bit", "val").glob("*/*.png")).index(
        next(Path(folder).glob(f"leftImg8bit/val/*/{frame}_leftImg8bit.png"))
    )
    block = predicted[position, top:bottom, left:right]
    assert sum(region["pixels"] for region in inside) >= 0.9 * (block != CLASS_NAMES.index("sky")).sum() > 100
    numbers = [region["number"] for region in report["regions"]]
    assert numbers == sorted(numbers)
    areas = [region["pixels"] for region in report["regions"]]
    assert areas == sorted(areas, reverse=True)

    judged = [part for region in inside for part in ("--verdict", f"{region['number']}=label wrong")]
    other = next(region for region in report["regions"] if region not in inside)
    after = json.loads(cityseg(*words, *judged, "--verdict", f"{other['number']}=model wrong").out)
    assert after["verdicts"] == {"label wrong": len(inside), "model wrong": 1, "unsure": 0}
    assert after["honest"] == report["honest"]
    # The same by hand: the judged regions become void.
    cleaned = truth.copy()
    for region in inside:
        pair = (truth[position] == CLASS_NAMES.index("sky")) & (
            predicted[position] == CLASS_NAMES.index(region["predicted"])
        )
        components, _ = ndimage.label(pair, np.ones((3, 3)))
        boxes = [
            [*(edge.start for edge in box), *(edge.stop for edge in box)] for box in ndimage.find_objects(components)
        ]
        cleaned[position][components == boxes.index(region["box"]) + 1] = 255
    left_over = cleaned != 255
    iou = jaccard_score(cleaned[left_over], predicted[left_over], average="macro", zero_division=0)
    assert after["without_wrong_labels"]["macro"]["iou"] == pytest.approx(iou, abs=1e-5)
    assert after["without_wrong_labels"]["pixel_accuracy"] > after["honest"]["pixel_accuracy"]

    # Verdicts are stored in the run's folder and can be removed.
    assert after["verdict_file"] == str(Path("runs/tiny/verdicts-val.json").resolve())
    undone = [part.replace("label wrong", "none") for part in judged]
    last = json.loads(cityseg(*words, *undone).out)
    assert last["verdicts"] == {"label wrong": 0, "model wrong": 1, "unsure": 0}
    assert last["without_wrong_labels"] == last["honest"]


def test_audit_prints_file_and_scores(run, streets, cityseg):
    answer = cityseg("audit", "tiny", "--data", streets, "--confidence", "0", "--limit", "2")
    lines = answer.out.splitlines()
    assert lines[0].split() == ["number", "frame", "label", "prediction", "of", "frame", "confidence", "verdict"]
    assert lines[-3].startswith("verdicts: 0 label wrong, 0 model wrong, 0 unsure; stored in ")
    assert lines[-2].startswith("as labelled: macro F1 0.")
    assert lines[-1].startswith("without wrong labels: macro F1 0.")


def test_an_audit_is_exported_with_a_picture_of_every_region(run, streets, cityseg, workplace):
    words = ("audit", "tiny", "--data", streets, "--confidence", "0.2", "--out", workplace / "audit", "--json")
    report = json.loads(cityseg(*words, "--limit", "100000", "--verdict", "1=model wrong").out)
    rows = list(csv.DictReader((workplace / "audit" / "regions.csv").open(newline="", encoding="utf-8")))
    assert len(rows) == report["regions_in_all"] > 3
    for row, region in zip(rows, report["regions"], strict=True):
        assert int(row["number"]) == region["number"]
        assert [int(row[side]) for side in ("top", "left", "bottom", "right")] == region["box"]
        assert (row["frame"], row["label"], row["predicted"]) == (region["frame"], region["label"], region["predicted"])
        assert float(row["share_of_frame"]) == pytest.approx(region["share_of_frame"], abs=1e-6)
        assert (row["verdict"] or None) == region["verdict"]
        assert Image.open(workplace / "audit" / row["picture"]).size == (480, 320)
    assert rows[0]["verdict"] == "model wrong"
    audit = api.audit_labels("tiny", str(streets), "val")
    packed = api.audit_zip(audit, str(streets), api.read_verdicts(audit), confidence=0.2, limit=2)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        # Frames in their order, so that each is read once.
        assert sorted(archive.namelist()) == sorted(["regions.csv", *(row["picture"] for row in rows[:2])])
        assert archive.read("regions.csv").decode() == (workplace / "audit" / "regions.csv").read_text()
        assert archive.read(rows[1]["picture"]) == (workplace / "audit" / rows[1]["picture"]).read_bytes()
    (workplace / "taken").write_text("a file")
    refused = cityseg("audit", "tiny", "--data", streets, "--out", workplace / "taken")
    assert (
        refused.code,
        refused.err.splitlines()[-1].count("taken: expected a folder for the regions, found a file; name a folder"),
    ) == (2, 1)


def test_a_stored_audit_belongs_to_its_weights_and_labels(run, streets, mislabelled, workplace):
    first = api.audit_labels("tiny", str(streets), "val")
    fingerprint = cache.prepare(api.connect(str(streets)), "val", SIZE).meta.fingerprint
    found = api.find_audit("tiny", "val", fingerprint)
    assert found is not None
    assert found.found[0].key == first.found[0].key
    np.testing.assert_array_equal(found.found[0].region.mask, first.found[0].region.mask)
    np.testing.assert_array_equal(found.matrices, run.confusions("val").matrices)
    other = api.audit_labels("tiny", str(mislabelled[0]), "val")
    assert (other.matrices != first.matrices).any()
    assert api.find_audit("tiny", "val", fingerprint) is None, "one audit of a split is kept, the latest"
    (run.folder / "audit-val.npz").write_bytes(b"torn")
    assert api.find_audit("tiny", "val", fingerprint) is None


def test_audits_of_shipped_models_are_stored_beside_the_runs(workplace, streets, monkeypatch):
    model = api.list_models()[0].name
    audit = api.audit_labels(model, str(streets), "val")
    assert audit.folder == workplace / "runs" / ".audits" / model
    api.set_verdict(audit, audit.found[0], "unsure")
    assert api.read_verdicts(audit) == {audit.found[0].key: "unsure"}
    assert [result.id for result in api.list_results(shipped=False)] == []


@pytest.mark.parametrize("text", ["1", "0=unsure", "x=unsure", "1=wrong", "100000=unsure"])
def test_invalid_verdicts_are_errors(text, run, streets, cityseg):
    answer = cityseg("audit", "tiny", "--data", streets, "--verdict", text)
    regions = len(api.audit_labels("tiny", str(streets), "val").found)
    assert answer.code == 2
    assert answer.err.splitlines()[-1] == (
        f"cityseg: --verdict: expected NUMBER=VERDICT with a number from 1 to {regions} and one of label wrong, "
        f"model wrong, unsure, none; found {text!r}"
    )


def test_damaged_verdict_file_is_an_error(run, streets, cityseg):
    (run.folder / "verdicts-val.json").write_text("[")
    answer = cityseg("audit", "tiny", "--data", streets)
    assert answer.code == 2
    path = Path("runs/tiny/verdicts-val.json").resolve()
    assert answer.err.splitlines()[-1].startswith(
        f"cityseg: {path}: expected a list of verdicts, found a damaged file ("
    )
    assert answer.err.splitlines()[-1].endswith("; restore it or delete it")


def test_unwritable_folder_is_an_error(workplace, streets, cityseg):
    (workplace / "runs").write_text("in the way")
    answer = cityseg("audit", api.list_models()[0].name, "--data", streets)
    assert answer.code == 2
    assert answer.err.splitlines()[-1].endswith(
        "audit-val.npz: expected a place to write to, found Not a directory; free it or choose another folder of runs "
        "with CITYSEG_RUNS"
    )


def test_inspect_ranks_frames_and_scores_slices(run, streets, cityseg):
    report = json.loads(
        cityseg("inspect", "tiny", "--data", streets, "--by", "pixel accuracy", "--slice", "city", "--json").out
    )
    stored = run.confusions("val")
    accuracy = {
        name: np.trace(matrix) / matrix.sum() for name, matrix in zip(stored.frames, stored.matrices, strict=True)
    }
    assert [(frame["frame"], frame["value"]) for frame in report["frames"]] == [
        (name, pytest.approx(accuracy[name])) for name in sorted(accuracy, key=accuracy.__getitem__)
    ]
    cities = {frame.city: 0 for frame in api.connect(str(streets)).splits["val"]}
    assert {part["name"] for part in report["slices"]} == set(cities)
    assert all(part["interval"] is None for part in report["slices"]), "two frames are too few for an interval"
    city = api.connect(str(streets)).splits["val"][0].city
    words = ("inspect", "tiny", "--data", streets, "--slice", "city", "--part", city, "--json")
    own = {frame.name for frame in api.connect(str(streets)).splits["val"] if frame.city == city}
    assert {frame["frame"] for frame in json.loads(cityseg(*words).out)["frames"]} == own
    rows = json.loads(cityseg("inspect", "tiny", "--data", streets, "--slice", "rows", "--json").out)["slices"]
    assert [part["frames"] for part in rows] == [2, 2, 2, 2]
    assert sum(part["pixels"] for part in rows) == stored.matrices.sum()
    words = ("--slice", "single objects", "--by", "IoU of road", "--json")
    objects = json.loads(cityseg("inspect", "tiny", "--data", streets, *words).out)
    assert objects["slice_score"] == "recall of road"
    assert sum(part["pixels"] for part in objects["slices"]) == stored.matrices[:, 0].sum()
    hits = sum(part["pixels"] * part["score"] for part in objects["slices"] if part["score"] is not None)
    assert hits == pytest.approx(stored.matrices[:, 0, 0].sum())


def test_inspect_lines_and_errors(run, streets, cityseg):
    lines = cityseg("inspect", "tiny", "--data", streets, "--slice", "brightness").out.splitlines()
    assert lines[0].split() == ["macro", "F1,", "worst", "first", "frame", "score"]
    assert lines[-1].endswith("not given: fewer than 10 frames")
    answer = cityseg("inspect", "tiny", "--by", "road predicted as sidewalk", "--slice", "city")
    assert (answer.code, answer.err.splitlines()[-1]) == (
        2,
        "cityseg: expected a score to compare slices by, such as \"mean IoU\", found 'road predicted as sidewalk'",
    )
    alone = cityseg("inspect", "tiny", "--part", "ulm")
    assert (alone.code, alone.err.splitlines()[-1]) == (
        2,
        "cityseg: expected the property to slice by for the slice 'ulm', found none; add --slice",
    )
    unknown = cityseg("inspect", "tiny", "--by", "beauty")
    assert unknown.code == 2
    assert unknown.err.startswith("cityseg: unknown metric 'beauty': expected one of macro F1, ")


def test_a_pixel(run, streets, cityseg):
    name = run.confusions("val").frames[1]
    model = api.list_models()[0].name
    words = ("pixel", name, "40,90", "tiny", model, "--data", streets)
    report = json.loads(cityseg(*words, "--json").out)
    frame = api.frame_view(str(streets), "val", name)
    label = frame.train_ids[40, 90]
    assert report["label"] == (None if label == 255 else CLASS_NAMES[label])
    for found, folder in zip(report["models"], (run.checkpoint, api.model_folder(model)), strict=True):
        prediction = Predictor.load(folder).predict(frame.photo)
        assert found["top"][0]["class"] == CLASS_NAMES[prediction.train_ids[40, 90]]
        assert found["top"][0]["probability"] == pytest.approx(prediction.confidence[40, 90], abs=1e-5)
        shares = [each["probability"] for each in found["top"]]
        assert shares == sorted(shares, reverse=True)
        assert len(shares) == 5
    said = report["models"][0]["when_it_says"]
    column = run.confusions("val").matrices.sum(0)[:, CLASS_NAMES.index(said["class"])]
    assert said["is"] == {CLASS_NAMES[i]: pytest.approx(column[i] / column.sum()) for i in np.flatnonzero(column)}
    lines = cityseg(*words).out.splitlines()
    assert lines[0] == f"label: {report['label'] or 'not scored'}"
    assert lines[1].startswith("tiny: ")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("64,0", "{}: expected a row below 64 and a column below 128, found 64,0; count from 0 at the top left"),
        ("middle", "expected a pixel as ROW,COLUMN, for example 120,300, found 'middle'"),
    ],
)
def test_pixel_outside_the_frame_is_an_error(place, sentence, run, streets, cityseg):
    name = run.confusions("val").frames[0]
    answer = cityseg("pixel", name, place, "tiny", "--data", streets)
    assert (answer.code, answer.err.splitlines()[-1]) == (2, f"cityseg: {sentence.format(name)}")
