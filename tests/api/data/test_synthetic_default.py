"""The default synthetic dataset: rendered on first use and for a new generator, also by two processes at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cityseg.api.data import connect
from cityseg.data.synthetic import GENERATOR_VERSION
from cityseg.errors import DataError

FOLDER = Path("data/synthetic")


@pytest.fixture
def small(workplace, monkeypatch):
    """A default dataset of four small frames."""
    monkeypatch.setattr(connect, "SYNTHETIC_FRAMES", 4)
    render_set = connect.render_set
    monkeypatch.setattr(connect, "render_set", lambda dest, **settings: render_set(dest, size=(32, 64), **settings))
    return workplace


def test_the_default_dataset_is_rendered_once_with_progress(small):
    assert not connect.synthetic_is_rendered()
    calls: list[tuple[int, int]] = []
    dataset = connect.connect("synthetic", lambda done, total: calls.append((done, total)))
    assert (dataset.kind, dataset.name) == ("synthetic", "synthetic streets")
    assert sum(len(frames) for frames in dataset.splits.values()) == 4
    assert calls == [(done, 4) for done in range(1, 5)]
    assert connect.synthetic_is_rendered()
    connect.connect("synthetic", lambda done, total: calls.append((done, total)))
    assert len(calls) == 4


def test_a_dataset_of_another_generator_is_rendered_again(small):
    connect.connect("synthetic")
    manifest = json.loads((FOLDER / "synthetic.json").read_text(encoding="utf-8"))
    (FOLDER / "synthetic.json").write_text(json.dumps({**manifest, "generator_version": GENERATOR_VERSION - 1}))
    (FOLDER / "old").touch()
    assert not connect.synthetic_is_rendered()
    connect.connect("synthetic")
    assert connect.synthetic_is_rendered()
    assert not (FOLDER / "old").exists()
    assert json.loads((FOLDER / "synthetic.json").read_text(encoding="utf-8")) == manifest


def test_a_dataset_that_another_process_finished_in_the_meantime_is_used(small, monkeypatch):
    render_set = connect.render_set

    def late(dest: Path, **settings: object) -> None:
        render_set(dest, **{**settings, "on_progress": None})
        render_set(dest, **{**settings, "replace": False})

    monkeypatch.setattr(connect, "render_set", late)
    assert connect.connect("synthetic").kind == "synthetic"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_reported(small):
    Path("data").mkdir(mode=0o500)
    with pytest.raises(DataError, match="data/synthetic: expected a place to write to, found Permission denied"):
        connect.connect("synthetic")


def test_a_file_in_place_of_the_folder_is_reported(small):
    Path("data").write_text("")
    with pytest.raises(
        DataError, match=r"data/synthetic: expected a place to write to, found (Not a directory|File exists)"
    ):
        connect.connect("synthetic")
