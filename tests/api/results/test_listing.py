"""A list of results is read again as far as folders have changed."""

from __future__ import annotations

import os
import shutil

import pytest

from cityseg import api
from cityseg.api.results import listing
from cityseg.runs import Run


@pytest.fixture
def own(trained, workplace):
    """A copy of the trained run, older than the time in which a further change could go unnoticed."""
    run = Run(shutil.copytree(trained.folder, workplace / "runs" / "tiny"))
    _age(run)
    return run


def _age(run: Run) -> None:
    for path in run.folder.rglob("*"):
        os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns - 10**10))


def _reads(monkeypatch) -> list[str]:
    reads: list[str] = []
    read = listing._result

    def counted(run, source, runs):
        reads.append(run.id)
        return read(run, source, runs)

    monkeypatch.setattr(listing, "_result", counted)
    return reads


def test_an_unchanged_result_is_read_once(own, monkeypatch):
    [first] = api.list_results(shipped=False)
    reads = _reads(monkeypatch)
    assert api.list_results(shipped=False)[0] is first
    assert reads == []


@pytest.mark.parametrize(
    "name", ["config.json", "status.json", "history.jsonl", "best/model.json", "confusion-val.npz"]
)
def test_a_changed_file_is_noticed(own, name, monkeypatch):
    api.list_results(shipped=False)
    reads = _reads(monkeypatch)
    path = own.folder / name
    path.write_bytes(path.read_bytes())
    api.list_results(shipped=False)
    assert reads == ["tiny"]


def test_notes_measurements_and_damage_are_noticed(own, monkeypatch):
    api.list_results(shipped=False)
    api.annotate(["tiny"], add=["night"])
    assert api.list_results(shipped=False)[0].notes.tags == ("night",)
    _age(own)
    api.list_results(shipped=False)
    (own.folder / "confusion-val.npz").write_bytes(b"torn")
    assert [damaged.id for damaged in api.list_all(shipped=False).damaged] == ["tiny"]
    _age(own)
    assert [damaged.id for damaged in api.list_all(shipped=False).damaged] == ["tiny"]


def test_a_folder_that_has_just_changed_is_read_every_time(own, monkeypatch):
    own.write_status(state="finished")
    api.list_results(shipped=False)
    reads = _reads(monkeypatch)
    api.list_results(shipped=False)
    assert reads == ["tiny"], "another change in the same tick of the file system's clock could go unnoticed"
