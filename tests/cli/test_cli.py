from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from cityseg import __version__, api, checkpoint
from cityseg.classes import CLASS_NAMES
from cityseg.config import presets


def test_prepare(workplace, document, cityseg):
    prepared = document("data", "prepare", "--size", "32x64")
    assert {split: values["frames"] for split, values in prepared.items()} == {"train": 7, "val": 2, "test": 1}
    for values in prepared.values():
        assert len(values["fingerprint"]) == 64
        assert "32x64" in values["folder"]
    again = cityseg("data", "prepare", "--size", "32x64")
    assert again.out.splitlines()[0] == f"train: 7 frames in {prepared['train']['folder']}"


def test_stats(workplace, streets, document):
    report = document("data", "stats", "--data", streets, "--size", "64x128")
    assert report["frames"] == {"train": 7, "val": 2, "test": 1}
    assert report["size"] == [64, 128]
    for split, classes in report["splits"].items():
        assert list(classes) == list(CLASS_NAMES)
        assert sum(values["share"] for values in classes.values()) == pytest.approx(1)
        assert all(0 <= values["frames"] <= report["frames"][split] for values in classes.values())
        assert all((values["share"] > 0) == (values["frames"] > 0) for values in classes.values())
    assert report["splits"]["train"]["road"]["frames"] == 7


def test_synthesize(workplace, document, cityseg):
    info = document("data", "synthesize", "other", "--frames", 3, "--seed", 5)
    assert info["frames"] == {"train": 1, "val": 1, "test": 1}
    assert len(list((workplace / "other").glob("leftImg8bit/*/*/*.png"))) == 3
    taken = cityseg("data", "synthesize", "other", "--frames", 3)
    assert taken.code == 2
    assert taken.err.splitlines()[-1] == (
        "cityseg: other: expected a new or empty folder, found one that is not empty; choose another or remove it first"
    )


def test_synthesize_takes_size_weather_and_light(workplace, document, cityseg):
    words = ("data", "synthesize", "wet", "--frames", 3, "--size", "32x64", "--weather", "rain", "--light", "night")
    assert document(*words)["native_size"] == [32, 64]
    recipe = json.loads((workplace / "wet" / "synthetic.json").read_text(encoding="utf-8"))
    assert (recipe["size"], recipe["weather"], recipe["daytime"]) == ([32, 64], "rain", "night")
    wrong = cityseg("data", "synthesize", "x", "--frames", 3, "--weather", "hail")
    assert wrong.code == 2
    assert wrong.err.splitlines()[-1] == (
        "cityseg: expected a weather out of clear, fog, rain, found 'hail'; choose one of them"
    )
    assert not (workplace / "x").exists()


def test_train_list_show_delete(workplace, tiny, document, cityseg):
    (workplace / "recipe.json").write_text(tiny(epochs=1).model_dump_json())
    result = document("train", "--config", "recipe.json", "--set", "seed=4", "--set", "group=cli", "--name", "one")
    assert (result["id"], result["state"], result["epochs_done"]) == ("one", "finished", 1)
    assert (result["config"]["seed"], result["config"]["group"]) == (4, "cli")
    assert result["config"]["image_size"] == [32, 64]
    assert set(result["scores"]) == {"val", "test"}
    listed = document("runs", "list")
    assert [entry["id"] for entry in listed] == ["one"]
    assert listed[0] == result
    shown = document("runs", "show", "one")
    assert {key: shown[key] for key in result} == result
    assert [line["kind"] for line in shown["history"]] == ["step", "epoch"]
    table = cityseg("runs", "list").out.splitlines()
    assert table[0].split() == ["id", "state", "epochs", "val", "F1", "test", "F1", "tags"]
    assert table[1].split()[:3] == ["one", "finished", "1/1"]
    assert cityseg("runs", "show", "one").out.splitlines()[0] == "one: finished, 1 of 1 epochs"

    stopped = cityseg("runs", "stop", "one", "--json")
    assert (stopped.code, stopped.out) == (2, "")
    assert stopped.err == "cityseg: one: expected a running training, found it finished\n"
    assert document("runs", "delete", "one") == {"deleted": ["one"]}
    assert not (workplace / "runs" / "one").exists()
    assert document("runs", "list") == []


def test_the_queue(workplace, tiny, document, cityseg, launches):
    (workplace / "recipe.json").write_text(tiny().model_dump_json())
    put = ("train", "--config", "recipe.json", "--queue", "--name")
    assert [document(*put, name) for name in "abc"] == [
        {"id": "a", "position": None},
        {"id": "b", "position": 1},
        {"id": "c", "position": 2},
    ]
    assert cityseg(*put, "d").out == "d waits in the queue, 3 of 3\n"
    assert document("runs", "move", "c", 1)["waiting"] == ["c", "b", "d"]
    removed = cityseg("runs", "withdraw", "c", "d").out.splitlines()
    assert removed == ["c is removed from the queue", "d is removed from the queue"]
    assert document("train", "--resume", "c", "--queue") == {"id": "c", "position": 2}
    expected = {"slots": 1, "running": [], "starting": ["a"], "waiting": ["b", "c"]}
    assert document("runs", "queue") == expected
    lines = cityseg("runs", "queue").out.splitlines()
    assert lines[0] == "1 slot, 1 taken, 2 waiting"
    assert [line.split() for line in lines[1:]] == [
        ["position", "id", "state"],
        ["–", "a", "starting"],
        ["1", "b", "waiting"],
        ["2", "c", "waiting"],
    ]
    assert document("runs", "slots", 2)["starting"] == ["b", "a"]
    assert document("runs", "withdraw", "--all") == {"withdrawn": ["c"]}
    assert [name for name in launches if name != "watcher"] == ["a", "b"]
    assert {entry["id"]: entry["state"] for entry in document("runs", "list")} == {
        "a": "queued",
        "b": "queued",
        "c": "stopped",
        "d": "stopped",
    }


def test_sweep_and_groups(workplace, tiny, document, cityseg, launches, streets):
    (workplace / "recipe.json").write_text(tiny(epochs=1, half_size_epochs=0).model_dump_json())
    words = ("sweep", "--config", "recipe.json", "--grid", "learning_rate=0.01,0.02", "--seeds", "0,1", "--group", "g")
    planned = document(*words, "--dry-run")
    assert (planned["ids"], len(planned["configs"])) == ([], 4)
    assert document("runs", "groups") == []
    assert cityseg("runs", "groups").out == "no run has a group; give runs one with --set group=NAME\n"
    made = document(*words)
    assert made["ids"] == ["g-1", "g-2", "g-3", "g-4"]
    assert made["configs"] == planned["configs"]
    assert document("runs", "queue")["waiting"] == ["g-2", "g-3", "g-4"]
    for name in ("g-2", "g-3", "g-4"):
        assert document("train", "--resume", name)["state"] == "finished"
    (group,) = document("runs", "groups")
    assert group["name"] == "g"
    by_rate = {variant["settings"]["learning_rate"]: variant for variant in group["variants"]}
    assert by_rate[0.02]["seeds"] == [0, 1]
    assert by_rate[0.01] | {"scores": None} == {
        "settings": {"learning_rate": 0.01},
        "seeds": [1],
        "runs": ["g-2"],
        "unfinished": ["g-1"],
        "scores": None,
    }
    scores = [api.find_result(name).score("test", "f1") for name in ("g-3", "g-4")]
    spread = by_rate[0.02]["scores"]["test"]["f1"]
    assert spread["mean"] == pytest.approx(np.mean(scores))
    assert spread["deviation"] == pytest.approx(np.std(scores, ddof=1))
    assert (spread["n"], spread["low"], spread["high"]) == (2, min(scores), max(scores))
    text = cityseg("runs", "groups").out
    assert "learning_rate=0.01  1 of 2" in text
    assert " ± –" in text
    assert f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1):.3f}" in text

    search = ("sweep", "--config", "recipe.json", "--random", 3, "--range", "learning_rate=1e-4..1e-1", "--group", "g")
    more = document(*search)
    assert more["ids"] == ["g-5", "g-6", "g-7"], "the numbers of a growing group continue"
    assert len({one["learning_rate"] for one in more["configs"]}) == 3


def test_evaluate(workplace, trained, runs, document, cityseg):
    for split in ("val", "test"):
        scores = document("evaluate", "tiny", "--split", split, "--runs", runs)
        stored = checkpoint.read_card(trained.folder / "best").scores[split]
        assert {key: scores[key] for key in stored} == stored
    assert set(scores) >= {
        "frames",
        "pixels",
        "macro",
        "weighted",
        "samples_dice",
        "pixel_accuracy",
        "category_iou",
        "per_class",
    }
    metrics = {"precision", "recall", "f1", "dice", "iou"}
    assert set(scores["macro"]) == set(scores["weighted"]) == metrics
    assert list(scores["per_class"]) == list(CLASS_NAMES)
    assert all(set(values) == metrics | {"support"} for values in scores["per_class"].values())
    absent = [name for name, values in scores["per_class"].items() if values["f1"] is None]
    assert all(scores["per_class"][name]["support"] == 0 for name in absent)

    native = document("evaluate", trained.folder, "--size", "native")
    assert native["size"] is None
    network = document("evaluate", trained.checkpoint, "--size", "network")
    assert network["size"] == [32, 64]
    assert native["pixels"] > 3 * network["pixels"]
    assert document("evaluate", trained.folder, "--size", "16x32")["size"] == [16, 32]
    lines = cityseg("evaluate", trained.folder).out.splitlines()
    assert lines[0].split()[:3] == ["val,", "2", "frames"]
    assert any(line.startswith("pixel accuracy 0.") for line in lines)
    assert lines[-1].startswith("one photo at a time: ")
    assert "ignite's mIoU" in lines[-2]


def test_models(workplace, document, cityseg):
    models = document("models")
    assert [model["name"] for model in models] == sorted(model["name"] for model in models)
    for model in models:
        assert set(model) == {"name", "architecture", "parameters", "image_size", "trained_on", "scores"}
        assert len(model["image_size"]) == 2
        assert model["parameters"] > 0
        assert model["trained_on"]
    assert len(cityseg("models").out.splitlines()) == 1 + len(models)


VERBS = (
    ["train", "--preset", "best-1"],
    ["sweep", "--group", "g", "--preset", "best-1", "--seeds", "0,1"],
    ["runs", "list"],
    ["evaluate", "best-1"],
    ["predict", "best-1", "a.png", "--out", "x"],
    ["inspect", "best-1"],
)
EMPTY_WORDS = (["predict", "best-1", "", "--out", "x"], ["clip", "best-1", " ", "--out", "x"], ["evaluate", ""], [""])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train"], "expected exactly one of --preset, --config and --resume"),
        (["train", "--preset", "better-1", "--resume", "x"], "expected exactly one of --preset, --config and --resume"),
        (
            ["train", "--resume", "x", "--name", "y"],
            "expected --resume alone, found --set or --name; a resumed run keeps its settings",
        ),
        (["train", "--preset", "best"], f"unknown preset 'best': expected one of {', '.join(presets.PRESETS)}"),
        (
            ["train", "--preset", "better-1", "--set", "epochs=0"],
            "epochs: input should be greater than or equal to 1, found 0",
        ),
        (
            ["train", "--preset", "better-1", "--data", "nowhere"],
            "nowhere: expected a folder with leftImg8bit/ and gtFine/, found no such folder",
        ),
        (
            ["data", "prepare", "--size", "big"],
            "expected a size as HxW (height x width in pixels, for example 128x256), found 'big'",
        ),
        (
            ["data", "stats", "--data", "nowhere"],
            "nowhere: expected a folder with leftImg8bit/ and gtFine/, found no such folder",
        ),
        (
            ["data", "synthesize", "x", "--frames", "2"],
            "expected 3 to 1000000 frames, found 2; a set needs 1 train and 2 val frames",
        ),
        (
            ["predict", "tiny", "a.png", "--out", "x", "--unknown", "1.5"],
            "expected a confidence from 0 to 0.99 in hundredths below which a pixel is unknown, found 1.5",
        ),
        (
            ["predict", "missing", "a.png", "--out", "x"],
            "unknown model 'missing': expected a run id, a folder with model.json",
        ),
        (["evaluate", "missing"], "unknown model 'missing': expected a run id, a folder with model.json"),
        (
            ["runs", "show", "missing"],
            "unknown model 'missing': expected a run id, a folder with model.json",
        ),
        (["train", "--resume", "missing", "--queue"], "unknown run 'missing' in "),
        (
            ["train", "--resume", "x", "--queue", "--data", "y"],
            "expected --resume and --queue without --data, found it; a queued run keeps its data",
        ),
        (["runs", "slots", "0"], "expected 1 to 64 slots, found 0"),
        (["runs", "move", "missing", "1"], "unknown run 'missing' in "),
        (["runs", "withdraw", "missing"], "unknown run 'missing' in "),
        (["runs", "withdraw"], "expected the runs to remove from the queue, or --all"),
        (["sweep", "--group", "g"], "expected exactly one of --preset and --config"),
        (
            ["sweep", "--group", "g", "--preset", "better-1"],
            "expected something to vary, found nothing; name a setting with values, or two seeds",
        ),
        (
            ["sweep", "--group", "g", "--preset", "better-1", "--set", "depth=1", "--grid", "depth=1,2"],
            "depth: expected it set or varied, found both; leave one out",
        ),
        (
            ["sweep", "--group", "g", "--preset", "better-1", "--grid", "depth=1,2", "--grid", "depth=3"],
            "depth: expected --grid once for a setting, found it twice; put all into one",
        ),
        (
            ["sweep", "--group", "g", "--preset", "better-1", "--grid", "depth=1,2", "--data", "nowhere"],
            "nowhere: expected a folder with leftImg8bit/ and gtFine/, found no such folder",
        ),
        (["runs", "stop", "missing"], "unknown run 'missing' in "),
        (["runs", "delete", "missing"], "unknown run 'missing' in "),
        *((words, "expected a value, found an empty one; write one, or leave it out") for words in EMPTY_WORDS),
        *(
            ([*words, "--runs", ""], "--runs: expected a value, found an empty one; write one, or leave it out")
            for words in VERBS
        ),
        *(([*words, "--runs="], "--runs: expected a value, found an empty one; write one, or") for words in VERBS),
        *(([*words, "--runs", "~nobody-here/x"], "~nobody-here/x: expected a path, found ~nobody-") for words in VERBS),
        *(
            ([*words, "--runs", "$NOT_SET"], "$NOT_SET: expected a path, found the variable $NOT_SET")
            for words in VERBS
        ),
        *(([*words, "--runs", "x" * 300], "'xxxxxxxx") for words in VERBS),
        *(
            ([*words, "--runs", __file__], f"{__file__}: expected a folder of runs, found a file; name a folder")
            for words in VERBS
        ),
        (
            ["sweep", "--group", "g", "--preset", "best-1", "--grid", "depth=1,2", "--seeds", ""],
            "--seeds: expected a va",
        ),
        (["data", "verify", "--data", " "], "--data: expected a value, found an empty one; write one, or leave it out"),
        (["predict", "best-1", "a.png", "--out", ""], "--out: expected a value, found an empty one; write one"),
        (["predict", "best-1", "a.png", "--out", __file__], f"{__file__}: expected a folder for the results, found a "),
        (["predict", "best-1", "a.png", "--out", "~nobody-here/x"], "~nobody-here/x: expected a path, found ~nobody-"),
        (["export", "best-1", "--out", "y" * 300], "'yyyyyyyyyyyyyyyyyyyy"),
        (["export", "best-1", "--out", __file__], f"{__file__}: expected a new file or one that ends in .onnx, found "),
        (
            ["data", "synthesize", "$NOT_SET/x"],
            "$NOT_SET/x: expected a path, found the variable $NOT_SET, which is not",
        ),
        (
            ["train", "--config", "~nobody-here/x.json"],
            "~nobody-here/x.json: expected a path, found ~nobody-here, a us",
        ),
    ],
)
def test_usage_errors(workplace, cityseg, words, sentence):
    answer = cityseg(*words, "--json")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert answer.err.startswith(f"cityseg: {sentence}")
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("words", [["--note", ""], ["--note="]])
def test_an_empty_note_removes_the_note(words, cityseg, workplace):
    for note in (["--note", "as planned"], words):
        answer = cityseg("runs", "annotate", "best-1", *note, "--json")
        assert answer.code == 0, answer.err
    assert json.loads(answer.out)[0]["note"] == ""


@pytest.mark.parametrize(
    "words", [["dance"], ["train", "--colour"], ["predict", "tiny", "--out", "x"], ["evaluate", "x", "--split", "all"]]
)
def test_unknown_verbs_and_options(workplace, cityseg, words):
    answer = cityseg(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("cityseg: ")
    assert answer.err.count("\n") == 1
    assert "Traceback" not in answer.err


def test_debug_shows_the_traceback_and_keeps_the_exit_code(workplace, cityseg):
    plain, debug = (cityseg("runs", "stop", "missing", *more) for more in ([], ["--debug"]))
    assert "Traceback" not in plain.err
    assert debug.err.startswith("Traceback (most recent call last):")
    assert debug.err.endswith(plain.err)
    assert plain.code == debug.code == 2


def test_a_failure_is_exit_code_one(workplace, tiny, cityseg, monkeypatch):
    from cityseg.engine import step

    def too_large(*arguments):
        raise MemoryError

    monkeypatch.setattr(step, "build_network", too_large)
    (workplace / "recipe.json").write_text(tiny().model_dump_json())
    answer = cityseg("train", "--config", "recipe.json", "--name", "large", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.splitlines()[-1] == (
        "cityseg: large: expected enough memory for a step, found it exhausted; lower batch_size (now 2) or "
        "image_size. The last good weights are kept"
    )


def test_help(workplace, cityseg):
    for words in ([], ["--help"], ["train", "--help"], ["data", "--help"]):
        answer = cityseg(*words)
        assert answer.code == 0
        assert "Usage" in answer.out


def test_python_m_cityseg(workplace):
    command = [sys.executable, "-m", "cityseg", "data", "stats", "--data", "nowhere", "--json"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == (
        "cityseg: nowhere: expected a folder with leftImg8bit/ and gtFine/, found no such folder\n"
    )


def test_the_version_is_written_into_runs(trained):
    assert trained.describe()["versions"]["cityseg"] == __version__
