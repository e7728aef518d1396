"""The default set: drawn on first use, drawn again for another generator, shared by two who draw at once."""

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
    """A default set of four small frames in a place of its own."""
    monkeypatch.setattr(connect, "SYNTHETIC_FRAMES", 4)
    draw = connect.draw
    monkeypatch.setattr(connect, "draw", lambda dest, **settings: draw(dest, size=(32, 64), **settings))
    return workplace


def test_the_default_set_is_drawn_once_with_progress(small):
    assert not connect.synthetic_is_drawn()
    calls: list[tuple[int, int]] = []
    dataset = connect.connect("synthetic", lambda done, total: calls.append((done, total)))
    assert (dataset.kind, dataset.name) == ("synthetic", "synthetic streets")
    assert sum(len(frames) for frames in dataset.splits.values()) == 4
    assert calls == [(done, 4) for done in range(1, 5)]
    assert connect.synthetic_is_drawn()
    connect.connect("synthetic", lambda done, total: calls.append((done, total)))
    assert len(calls) == 4


def test_a_set_of_another_generator_is_drawn_again(small):
    connect.connect("synthetic")
    recipe = json.loads((FOLDER / "synthetic.json").read_text(encoding="utf-8"))
    (FOLDER / "synthetic.json").write_text(json.dumps({**recipe, "generator_version": GENERATOR_VERSION - 1}))
    (FOLDER / "old").touch()
    assert not connect.synthetic_is_drawn()
    connect.connect("synthetic")
    assert connect.synthetic_is_drawn()
    assert not (FOLDER / "old").exists()
    assert json.loads((FOLDER / "synthetic.json").read_text(encoding="utf-8")) == recipe


def test_a_set_that_someone_else_finished_meanwhile_is_taken(small, monkeypatch):
    draw = connect.draw

    def late(dest: Path, **settings: object) -> None:
        draw(dest, **{**settings, "on_progress": None})
        draw(dest, **{**settings, "replace": False})

    monkeypatch.setattr(connect, "draw", late)
    assert connect.connect("synthetic").kind == "synthetic"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_named(small):
    Path("data").mkdir(mode=0o500)
    with pytest.raises(DataError, match="data/synthetic: expected a place to write to, found Permission denied"):
        connect.connect("synthetic")


def test_a_file_where_the_folder_should_be_is_named(small):
    Path("data").write_text("")
    with pytest.raises(
        DataError, match=r"data/synthetic: expected a place to write to, found (Not a directory|File exists)"
    ):
        connect.connect("synthetic")
