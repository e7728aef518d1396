from __future__ import annotations

import json

import pytest

from cityseg.engine.preflight import lr_finder, overfit

SMALL = ("--preset", "better-1", *(word for pair in ("image_size=32x64", "batch_size=4") for word in ("--set", pair)))


@pytest.fixture
def document(cityseg):
    """Call with --json and return the exit code and the one document on stdout."""

    def call(*words: object):
        answer = cityseg(*words, "--json")
        assert answer.out.count("\n") == 1, answer.err
        return answer.code, json.loads(answer.out)

    return call


def test_estimate(workplace, document, cityseg):
    code, report = document("estimate", *SMALL, "--set", "momentum=0.5")
    assert code == 0
    assert report["parameters"] == 121_691
    assert report["multiply_adds"] == 74_579_968 // 4, "a quarter of the preset's pixels"
    assert report["memory_bytes"]["total"] == sum(
        size for name, size in report["memory_bytes"].items() if name != "total"
    )
    assert report["frames"] == {"train": 7, "val": 2, "test": 1}
    assert report["steps"] == 10
    assert set(report["differences"]) == {"image_size", "batch_size", "momentum"}
    assert "momentum is ignored: it belongs to sgd, and the optimiser is adamw." in report["warnings"]
    assert report["pace"]["batch_size"] == 4
    assert report["seconds"] > 0

    lines = cityseg("estimate", *SMALL).out.splitlines()
    assert lines[0].split() == ["parameters", "121,691"]
    assert lines[3].endswith("10 in 5 epochs over 7 frames")
    assert any(line.startswith("differs from better-1") and "batch_size 4 (16)" in line for line in lines)
    assert any(line.startswith("warning: The run has only 10 optimiser steps") for line in lines)


def test_overfit_exit_code_depends_on_the_outcome(workplace, document, cityseg, monkeypatch):
    code, report = document("overfit", *SMALL, "--steps", 5, "--set", "learning_rate=1e-7")
    assert (code, report["outcome"], report["steps"], len(report["points"])) == (1, "stuck", 5, 5)
    assert len(report["frames"]) == 7, "all that there are"
    monkeypatch.setattr(overfit, "OVERFIT_F1", 0.0)
    answer = cityseg("overfit", *SMALL, "--steps", 5)
    assert answer.code == 0
    header, first, verdict = answer.out.splitlines()
    assert header.split() == ["step", "loss", "macro", "F1"]
    assert first.split()[0] == "1"
    assert verdict.startswith("The config overfits 7 frames")


def test_lr_find(workplace, document, cityseg, monkeypatch):
    code, report = document("lr-find", *SMALL)
    assert code == 0
    rates = [point["learning_rate"] for point in report["points"]]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(lr_finder.LOWEST)
    assert len(report["smoothed"]) == len(rates)
    assert report["suggestion"] is None or report["suggestion"] in rates


@pytest.mark.parametrize("verb", ["estimate", "overfit", "lr-find"])
def test_usage_errors_are_one_line(workplace, cityseg, verb):
    neither = cityseg(verb)
    assert (neither.code, neither.err) == (2, "cityseg: expected exactly one of --preset and --config\n")
    wrong = cityseg(verb, "--preset", "better-1", "--set", "depth=7")
    assert wrong.code == 2
    assert "image_size 64x128 is too small for depth 7" in wrong.err
    nowhere = cityseg(verb, "--preset", "better-1", "--data", "nowhere")
    assert nowhere.code == 2
    assert "found no such folder" in nowhere.err
    assert nowhere.out == ""


def test_train_prints_warnings(workplace, cityseg):
    words = ("--set", "start_channels=2", "--set", "depth=1", "--set", "epochs=1")
    answer = cityseg("train", *SMALL, *words, "--json")
    assert answer.code == 0
    assert "warning: The run has only 2 optimiser steps, too few to learn much." in answer.err
    assert answer.out.count("\n") == 1
