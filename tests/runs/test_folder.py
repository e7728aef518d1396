from __future__ import annotations

import io
import os
import socket
import threading
import zipfile

import numpy as np
import pytest

from cityseg import files, runs
from cityseg.errors import DataError, UsageError
from cityseg.files import read_arrays, write_arrays
from cityseg.metrics import summarize


def step_line(step: int) -> dict[str, object]:
    figures = {"loss": 1 / step, "learning_rate": 0.1, "frames_per_second": 9.0, "seconds": float(step)}
    return {"kind": "step", "step": step, "epoch": 1, **figures}


def test_a_new_run_is_queued_and_describes_itself(run, tiny):
    assert run.status()["state"] == "queued"
    assert run.config() == tiny()
    description = run.describe()
    assert description["host"] == socket.gethostname()
    assert set(description["versions"]) == {"cityseg", "torch", "python"}
    assert description["created"].endswith("+00:00")


@pytest.mark.parametrize(
    ("preset", "name", "begins"),
    [
        ("../../escaped", "", "escaped-"),
        ("/any/x", "", "any-x-"),
        ("x" * 300, "", "x" * 100 + "-"),
        ("..", "", "run-"),
        ("custom", "../../escaped", "escaped"),
        ("custom", "/any/x", "any-x"),
        ("custom", "y" * 300, "y" * 100),
        ("custom", "..", "custom-"),
    ],
)
def test_no_name_leads_out_of_the_folder_of_runs(workplace, tiny, preset, name, begins):
    run = runs.create_run(tiny(preset=preset), name)
    assert run.id.startswith(begins)
    assert [path.name for path in (workplace / "runs").iterdir()] == [run.id]
    assert [path.name for path in workplace.iterdir() if path.is_dir()] == ["runs"]
    assert runs.find_run(run.id).config().preset == preset


def test_ids_are_unique(tiny, workplace):
    ids = [runs.create_run(tiny(), "my run!").id for _ in range(3)]
    assert ids == ["my-run", "my-run-2", "my-run-3"]
    assert runs.create_run(tiny(), "better-1", taken=("better-1",)).id == "better-1-2"
    assert runs.create_run(tiny(), "../..").folder.parent == workplace / "runs"
    unnamed = {runs.create_run(tiny()).id for _ in range(3)}
    assert len(unnamed) == 3
    assert all(name.startswith("custom-") for name in unnamed)


def test_concurrent_runs_of_one_name_get_distinct_ids(tiny, workplace):
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(runs.create_run(tiny(), "same").id)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ids) == ["same", "same-2", "same-3"]


def test_runs_are_listed_newest_first(tiny, workplace):
    made = [runs.create_run(tiny(), name) for name in ("a", "b", "c")]
    for age, run in enumerate(made):
        os.utime(run.folder / "config.json", (1000 - age, 1000 - age))
    (workplace / "runs" / "stray").mkdir()
    assert [run.id for run in runs.list_runs()] == ["a", "b", "c"]
    assert list(runs.list_runs(workplace / "nowhere")) == []


def test_unknown_runs(run, workplace):
    with pytest.raises(UsageError) as refused:
        runs.find_run("second")
    assert str(refused.value) == f"unknown run 'second' in {workplace / 'runs'}: expected one of first"
    (run.folder.parent.parent / "config.json").write_text("{}")
    for name in ("..", "../runs/first", "first/best", ".", ""):
        with pytest.raises(UsageError, match="unknown run"):
            runs.find_run(name)
    with pytest.raises(UsageError, match="expected one of none yet"):
        runs.find_run("first", workplace / "nowhere")


def test_partial_last_line_of_history_is_ignored(run):
    assert run.history() == []
    line = step_line(1)
    run.append_history(**line)
    epoch = {"kind": "epoch", "step": 1, "epoch": 1, "seconds": 2.0, "val_loss": 0.5}
    epoch["val"] = summarize(np.eye(19, dtype=np.int64)[None])
    run.append_history(**epoch)
    with (run.folder / "history.jsonl").open("a") as file:
        file.write('{"kind": "step", "st')
    assert run.history() == [line, epoch]
    assert run.epochs() == [epoch]
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.append_history(loss=float("nan"))


def test_history_is_truncated_to_a_step(run):
    for step in (1, 2, 3):
        run.append_history(**step_line(step))
    run.truncate_history(2)
    assert run.history() == [step_line(1), step_line(2)]


@pytest.mark.parametrize("damage", ["\n", '{"kind": "st\n', "\0\0\0\0\n", '{"kind": "step", "step": 2}\n', "[]\n"])
def test_a_damaged_line_of_the_history_is_named_and_left_out_when_the_run_resumes(run, caplog, damage):
    run.append_history(**step_line(1))
    path = run.folder / "history.jsonl"
    with path.open("a") as file:
        file.write(damage)
    run.append_history(**step_line(3))
    with pytest.raises(DataError) as refused:
        run.history()
    assert str(refused.value).startswith(f"{path}, line 2: expected a record of a training, found ")
    assert str(refused.value).endswith("; remove the line, resume the run or delete it")
    run.truncate_history(2)
    assert run.history() == [step_line(1)]
    assert caplog.messages == [f"{path}: 1 damaged lines are left out"]


def test_confusions_are_stored_with_their_names(run):
    best = np.random.default_rng(0).integers(0, 2**31, (2, 19, 19))
    run.write_confusions("val", ("a", "b"), best=best, last=best + 1)
    for which, expected in (("best", best), ("last", best + 1)):
        stored = run.confusions("val", which)
        assert stored.frames == ("a", "b")
        assert stored.matrices.dtype == np.int64
        np.testing.assert_array_equal(stored.matrices, expected)
    run.write_confusions("test", ("c",), best=best[:1])
    np.testing.assert_array_equal(run.confusions("test", "last").matrices, best[:1])
    assert run.has_confusions("test")
    assert not run.has_confusions("train")
    with pytest.raises(DataError) as refused:
        run.confusions("train")
    assert str(refused.value) == (
        "first: expected results on the train split, found none; let the run finish an epoch first"
    )


def test_deleting(run, running_as):
    run.write_status(**running_as(os.getpid()))
    with pytest.raises(UsageError) as refused:
        run.delete()
    assert str(refused.value) == "first: expected a run that has ended, found it running; stop it first"
    assert run.folder.is_dir()
    run.write_status(state="stopped")
    run.delete()
    assert not run.folder.exists()


def test_a_link_to_a_run_is_removed_and_the_run_kept(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    run.folder.rename(elsewhere)
    run.folder.symlink_to(elsewhere)
    assert [one.id for one in runs.list_runs()] == ["first"]
    run.delete()
    assert not run.folder.is_symlink()
    assert (elsewhere / "config.json").is_file()
    run.folder.symlink_to(tmp_path / "nowhere")
    assert [one.id for one in runs.list_runs()] == ["first"]
    runs.find_run("first").delete()
    assert list(runs.list_runs()) == []


def test_a_write_protected_run_is_deleted(run):
    inner = run.folder / "probes" / "frame"
    inner.mkdir(parents=True)
    (inner / "epoch-0001.png").write_bytes(b"")
    for folder in (inner, inner.parent, run.folder):
        folder.chmod(0o555)
    run.delete()
    assert not run.folder.exists()


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"created": None}, "created: input should be a valid string, found None"),
        ({"created": "yesterday"}, "created: expected a time with its zone, such as 2026-01-31T12:00:00+00:00"),
        ({"created": "2026-01-31T12:00:00"}, "created: expected a time with its zone"),
        ({"config": None}, "config: input should be a valid dictionary"),
        ({"data": []}, "data: input should be a valid dictionary"),
        ({"versions": {"cityseg": 3}}, "versions.cityseg: input should be a valid string"),
    ],
)
def test_a_damaged_description_is_refused(run, changes, found):
    path = run.folder / "config.json"
    files.write_json(path, {**run.describe(), **changes})
    with pytest.raises(UsageError) as refused:
        run.config()
    assert str(refused.value).startswith(f"{path}: expected a record of a run, found {found}")


def test_a_run_of_a_newer_version_says_so(run):
    description = run.describe()
    description["config"]["colour"] = 1
    description["versions"]["cityseg"] = "99.0"
    run.write_description(description)
    with pytest.raises(UsageError) as refused:
        run.config()
    assert "unknown setting 'colour'" in str(refused.value)
    assert "; the run was made by cityseg 99.0, this is " in str(refused.value)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"frames": np.array(["a", "b"]), "best": np.zeros((2, 19, 18), int)}, "best of shape (2, 19, 18)"),
        ({"frames": np.array(["a"]), "best": np.zeros((2, 19, 19), int)}, "best of shape (2, 19, 19)"),
        ({"frames": np.array(["a", "a"]), "best": np.zeros((2, 19, 19), int)}, "a frame twice"),
        ({"frames": np.array([], "U1"), "best": np.zeros((0, 19, 19), int)}, "frames of shape (0,)"),
        ({"frames": np.array(["a"]), "best": np.full((1, 19, 19), -1)}, "impossible values in best"),
        ({"frames": np.array(["a"]), "best": np.zeros((1, 19, 19))}, "best of shape (1, 19, 19) and type float64"),
        ({"frames": np.array(["a"]), "best": np.full((1, 19, 19), None)}, "best.npy: expected numbers or text"),
        ({"frames": np.array(["a"])}, "no matrices"),
        ({"best": np.zeros((1, 19, 19), int)}, "no names of frames"),
    ],
)
def test_matrices_of_another_shape_are_refused(run, arrays, found):
    path = run.folder / "confusion-val.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError) as refused:
        run.confusions("val")
    assert str(refused.value).startswith(f"{path}: expected stored counts, found a damaged file ({found}")


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("entropy", lambda stored: stored + 1),
        ("entropy", lambda stored: stored - 2),
        ("entropy", lambda stored: stored * np.nan),
        ("light", lambda stored: stored + 256),
        ("light", lambda stored: -1 - stored),
        ("boundary", lambda stored: stored[..., ::-1]),
        ("boundary", lambda stored: stored - 9),
        ("calibration", lambda stored: stored[..., [1, 0, 2]]),
        ("calibration", lambda stored: stored * [1, 1, 2**24]),
        ("predicted", lambda stored: -1 - stored),
        ("predicted", lambda stored: stored + 2**60),
    ],
)
def test_measurements_that_no_model_can_have_are_refused(whole_run, key, change):
    run = whole_run("good")
    path = run.folder / "detail-val.npz"
    stored = read_arrays(path)
    assert run.detail("val") is not None
    write_arrays(path, **{**stored, key: change(stored[key])})
    with pytest.raises(DataError) as refused:
        run.detail("val")
    assert str(refused.value) == (
        f"{path}: expected stored counts, found a damaged file (impossible values in {key}); restore it, or delete it "
        "and measure the model again"
    )


def test_a_header_that_declares_more_than_the_file_holds_takes_no_memory(run):
    path = run.folder / "confusion-val.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (10**9, 19, 19)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("best.npy", header.getvalue())
        archive.writestr("frames.npy", header.getvalue())
    with pytest.raises(DataError, match="expected stored counts, found a damaged file"):
        run.confusions("val")
    path.write_bytes(b"")
    with pytest.raises(DataError, match=r"found a damaged file \(File is not a zip file\)"):
        run.confusions("val")


def test_logs(run):
    assert run.log_tail() == ""
    (run.folder / "log.txt").write_bytes(b"\xff one\ntwo\nthree\n")
    assert run.log_tail(2) == "two\nthree"
