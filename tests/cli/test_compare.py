from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cityseg import checkpoint
from cityseg.analysis.comparison import bootstrap
from cityseg.classes import CLASS_NAMES
from cityseg.metrics import class_scores

FOLDER = Path(__file__).parents[2] / "checkpoints"


def counts(name: str, split: str = "test") -> np.ndarray:
    return np.load(FOLDER / name / f"confusion-{split}.npz")["best"].astype(np.int64)


def test_json_holds_differences_intervals_verdicts_and_contributions(cityseg: Callable, workplace: Path) -> None:
    answer = cityseg("compare", "better-1", "better-2", "experiment-1", "--baseline", "experiment-1", "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert (document["split"], document["metric"], document["baseline"]) == ("test", "iou", "experiment-1")
    assert list(document["results"]) == ["better-1", "better-2", "experiment-1"]
    found = {comparison["name"]: comparison for comparison in document["comparisons"]}
    assert list(found) == ["better-1", "better-2"]
    first, second = (class_scores(counts(name).sum(0)).iou for name in ("experiment-1", "better-1"))
    road = found["better-1"]["per_class"]["road"]
    assert road["difference"] == pytest.approx(second[0] - first[0])
    assert road["low"] < road["difference"] < road["high"]
    assert road["verdict"] == "better"
    expected = bootstrap.compare(counts("experiment-1"), counts("better-1")).macro("iou")
    assert found["better-1"]["overall"]["macro iou"]["low"] == pytest.approx(expected.low)
    names = [*found["better-1"]["won"], *found["better-1"]["lost"], *found["better-1"]["open"]]
    assert sorted(names) == sorted(CLASS_NAMES)
    bridge = found["better-1"]["bridge"]
    assert sum(bridge["classes"].values()) == pytest.approx(bridge["end"] - bridge["start"])


def test_lines_name_the_better_result_and_the_classes_it_loses(cityseg: Callable, workplace: Path) -> None:
    out = cityseg("compare", "experiment-1", "better-1", "--metric", "f1").out
    assert "better-1 is better than experiment-1: macro F1 +" in out
    assert "over 250 frames" in out
    assert "wins 9 classes" in out
    assert "at the cost of rider" in out


def test_results_at_different_sizes_are_withheld_with_the_reason(cityseg: Callable, workplace: Path) -> None:
    """An older result was scored at the network's size, all others at the labels' own."""
    older = shutil.copytree(FOLDER / "better-3", workplace / "older")
    card = checkpoint.read_card(older)
    scores = {split: {**values, "size": [128, 256]} for split, values in card.scores.items()}
    checkpoint.write_card(older, replace(card, scores=scores))
    reason = (
        "different evaluation sizes (each label's own and 256 × 128 pixels; cityseg evaluate measures at the labels' "
        "own size)"
    )
    answer = cityseg("compare", "better-1", "older")
    assert answer.code == 0
    assert f"older is not comparable with better-1: {reason}." in answer.out
    document = json.loads(cityseg("compare", "better-1", "older", "--json").out)
    assert document["comparisons"] == [{"name": "older", "withheld": [reason]}]


def test_formats_hold_the_same_table(cityseg: Callable, workplace: Path) -> None:
    words = ("compare", FOLDER / "better-1", "better-2", "--split", "val", "--published", "--metric", "recall")
    rows = list(csv.DictReader(io.StringIO(cityseg(*words, "--format", "csv").out)))
    assert [row["class"] for row in rows] == [*CLASS_NAMES, "macro mean"]
    expected = class_scores(counts("better-2", "val").sum(0)).recall
    assert float(rows[13]["better-2"]) == pytest.approx(expected[13], abs=1e-6)
    assert rows[0]["experiment 1 (published, full data)"] == "0.995"
    assert rows[18]["experiment 1 (published, full data)"] == ""
    assert cityseg(*words, "--format", "latex").out.startswith(r"\begin{tabular}{lrr")
    assert cityseg(*words, "--format", "markdown").out.startswith("| class | ")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["better-1"], "expected two or more results to compare, found 1; name another one"),
        (["better-1", "better-1"], "expected different results, found one twice in better-1, better-1"),
        (["better-1", "better-2", "--baseline", "x"], "unknown baseline 'x': expected one of better-1, better-2"),
        (["better-1", "nowhere"], "unknown model 'nowhere': expected a run id"),
        (["better-1", "better-2", "--split", "train"], "better-1: expected results on the train split, found none"),
        (["better-1", "better-2", "--json", "--format", "csv"], "expected --format or --json, found both"),
    ],
)
def test_usage_errors_are_one_sentence(cityseg: Callable, workplace: Path, words: list[str], error: str) -> None:
    answer = cityseg("compare", *words)
    assert answer.code == 2
    assert error in answer.err
    assert len(answer.err.strip().splitlines()) == 1
