"""Some unusual and damaged files of ``benchmarks/hostile.py`` through ``api.predict_photos`` and the demo."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import hostile
from cityseg import demo

FILES = 20


def attacked(ask: Callable[[Path], tuple[int, int] | str], folder: Path) -> dict[str, object]:
    found = hostile.attack(ask, hostile.files(FILES, small=True), folder)
    assert found["wrong_files"] == []
    assert found["right"] + found["refused"] == FILES
    assert min(found["right"], found["refused"]) >= 5
    return found


def test_odd_files_are_predicted_or_rejected_with_a_message(trained, tmp_path):
    found = attacked(lambda path: hostile.through_api(path, tmp_path / "out", str(trained.folder)), tmp_path)
    assert found["grown_mib"] < 200


def test_demo_predicts_or_rejects_odd_files(trained, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with demo.running([str(trained.folder)], port=port, examples=0) as address:
        found = attacked(hostile.through_demo(address, tmp_path / "answers"), tmp_path)
    assert found["grown_mib"] < 200


@pytest.mark.parametrize(
    ("expected", "found", "verdict"),
    [
        ((2, 3), (2, 3), "right"),
        ((2, 3), (3, 2), "wrong"),
        ((2, 3), "x: expected a photo, found none", "wrong"),
        (None, (2, 3), "wrong"),
        (None, "x: expected a photo, found none", "refused"),
        (None, "Traceback: expected one\nfound, found", "wrong"),
        (None, "list index out of range", "wrong"),
        (..., (2, 3), "right"),
        (..., "x: expected a photo, found none", "refused"),
    ],
)
def test_verdicts(expected, found, verdict):
    assert hostile.verdict(expected, found) == verdict


def test_files_differ_and_are_reproducible():
    made = list(hostile.files(len(hostile.MAKERS), small=True))
    names = [one.name for one in made]
    assert len(names) == len(set(names)) == 20
    assert [(one.name, one.size) for one in hostile.files(20, small=True)] == [(one.name, one.size) for one in made]
    for word in ("whole", "lying", "mode", "palette", "turned", "moving", "shape", "torn", "bitten", "sky", "bomb"):
        assert any(word in name for name in names), word
