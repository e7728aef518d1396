from __future__ import annotations

import errno

import pytest

from cityseg import api, config, runs
from cityseg.errors import CitysegError, UsageError
from cityseg.jobs import queue
from cityseg.runs import create, folder


def test_names_are_cleaned_and_shortened(tiny, workplace):
    assert runs.create_run(tiny(), "x" * 300).id == "x" * 100
    assert runs.create_run(tiny(), "../../escaped").id == "escaped"
    for preset in ("../../escaped", "/any/x", "y" * 300, "", "\u0441"):
        run = runs.create_run(config.build({**tiny().model_dump(), "preset": preset}))
        assert run.folder.parent == workplace / "runs"
        assert len(run.id) < 120


def test_a_file_in_place_of_the_folder_of_runs(tiny, workplace, cityseg):
    place = workplace / "runs"
    place.write_text("")
    with pytest.raises(UsageError) as refused:
        runs.create_run(tiny(), "first")
    assert str(refused.value) == (
        f"{place}: expected a folder of runs to write to, found File exists ({place}); free it or choose another with "
        "CITYSEG_RUNS"
    )
    for words in (("runs", "slots", 2), ("train", "--preset", "better-1", "--queue"), ("runs", "queue")):
        answer = cityseg(*words)
        assert (answer.code, answer.err.count("\n")) in ((0, 0), (2, 1))
    assert cityseg("runs", "list").code == 0


@pytest.mark.parametrize("at", [1, 2])
def test_a_full_disk_leaves_no_run_behind(tiny, workplace, monkeypatch, at):
    calls = []

    def full(path, value):
        calls.append(path)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, value)

    write = folder.write_json
    monkeypatch.setattr(folder, "write_json", full)
    with pytest.raises(UsageError, match="expected a folder of runs to write to, found No space left on device"):
        runs.create_run(tiny(), "first")
    assert list((workplace / "runs").iterdir()) == []


def test_ctrl_c_while_a_run_is_made_leaves_none_behind(tiny, workplace, monkeypatch):
    monkeypatch.setattr(create, "provenance", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        runs.create_run(tiny(), "first")
    assert list((workplace / "runs").iterdir()) == []


def test_a_run_that_cannot_be_queued_is_removed(tiny, workplace, monkeypatch, launches):
    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(queue, "write_json", full)
    with pytest.raises(CitysegError, match="found No space left on device"):
        api.launch(tiny(), name="first")
    with pytest.raises(CitysegError, match="found No space left on device"):
        api.launch_sweep([tiny(group="g", seed=seed) for seed in (0, 1)])
    assert list(runs.list_runs()) == []


def test_a_damaged_run_is_named_and_the_others_are_listed(whole_run, cityseg):
    whole_run("good", 1)
    bad = whole_run("bad", 2)
    (bad.folder / "history.jsonl").write_text("\n")
    reason = (
        f"{bad.folder / 'history.jsonl'}, line 1: expected a record of a training, found something else (Expecting "
        "value: line 1 column 1 (char 0)); remove the line, resume the run or delete it"
    )
    for words in (("runs", "list"), ("runs", "list", "--json")):
        answer = cityseg(*words)
        assert answer.code == 0
        assert "good" in answer.out
        assert "bad" not in answer.out
        assert answer.err == f"bad is left out: {reason}\n"
    answer = cityseg("runs", "show", "bad")
    assert (answer.code, answer.err) == (2, f"cityseg: {reason}\n")
    assert cityseg("runs", "show", "good").code == 0
    assert cityseg("runs", "delete", "bad").code == 0
    assert not bad.folder.exists()
