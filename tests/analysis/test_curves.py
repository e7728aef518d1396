from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cityseg.analysis import curves
from cityseg.errors import UsageError
from cityseg.metrics import summarize


def line(kind: str, step: int, seconds: float, **fields: object) -> dict[str, object]:
    return {"kind": kind, "step": step, "seconds": seconds, **fields}


@pytest.fixture
def history() -> list[dict[str, object]]:
    """Two epochs of 4 steps, logged every second step, and half of a third."""
    random = np.random.default_rng(1)
    lines = []
    for step in (2, 4, 6, 8, 10):
        lines.append(line("step", step, step * 3.0, epoch=1 + (step - 1) // 4, loss=5.0 / step))
        if step % 4 == 0:
            val = summarize(random.integers(0, 9, (3, 19, 19)))
            lines.append(line("epoch", step, step * 3.0 + 1, epoch=step // 4, val_loss=6.0 / step, val=val))
    return lines


@pytest.mark.parametrize(
    ("over", "train", "val"),
    [
        ("epochs", [0.5, 1, 1.5, 2, 2.5], [1, 2]),
        ("steps", [2, 4, 6, 8, 10], [4, 8]),
        ("frames", [32, 64, 96, 128, 160], [64, 128]),
        ("minutes", [0.1, 0.2, 0.3, 0.4, 0.5], [13 / 60, 25 / 60]),
    ],
)
def test_positions(history: list[dict], over: curves.XAxis, train: list[float], val: list[float]) -> None:
    assert curves.curve(history, curves.TRAIN_LOSS, over, 16) == (pytest.approx(train), [2.5, 1.25, 5 / 6, 0.625, 0.5])
    assert curves.curve(history, curves.VAL_LOSS, over, 16) == (pytest.approx(val), [1.5, 0.75])


def test_scores_are_those_of_the_epochs(history: list[dict]) -> None:
    summaries = [one["val"] for one in history if one["kind"] == "epoch"]
    for name, values in {
        "macro F1": [summary["macro"]["f1"] for summary in summaries],
        "weighted F1": [summary["weighted"]["f1"] for summary in summaries],
        "pixel accuracy": [summary["pixel_accuracy"] for summary in summaries],
        "IoU of traffic light": [summary["per_class"]["traffic light"]["iou"] for summary in summaries],
    }.items():
        assert curves.curve(history, name, "epochs", 16)[1] == values
    summaries[0]["per_class"]["road"]["iou"] = None
    assert curves.curve(history, "IoU of road", "epochs", 16)[1][0] is None
    with pytest.raises(UsageError, match=r"unknown curve 'IoU of cars': expected 'loss on train'.*'IoU of road'"):
        curves.curve(history, "IoU of cars", "epochs", 16)


def test_an_epoch_that_is_still_going_on_does_not_divide_by_nothing() -> None:
    begun = [line("step", 10, 1.0, loss=1.0), line("step", 20, 2.0, loss=0.5)]
    assert curves.positions(begun, "epochs", 4) == [0.5, 1.0]
    assert curves.positions([], "epochs", 4) == []


def test_the_clock_of_a_resumed_run_never_falls() -> None:
    # 30 seconds, then a resumption at the checkpoint's 24, then one that began to count anew.
    written = [10.0, 20.0, 30.0, 24.0, 34.0, 2.0, 12.0]
    found = curves.running_seconds([line("step", step, seconds) for step, seconds in enumerate(written)])
    assert found == [10, 20, 30, 30, 40, 40, 50]


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.9])
def test_smoothing_is_pandas_adjusted_moving_average(weight: float) -> None:
    values = np.random.default_rng(2).normal(5, 1, 40).tolist()
    expected = pd.Series(values).ewm(alpha=1 - weight, adjust=True).mean()
    assert curves.smoothed(values, weight) == pytest.approx(expected.tolist())


def test_smoothing_begins_at_the_first_value_and_leaves_gaps() -> None:
    found = curves.smoothed([None, 4.0, None, 8.0], 0.5)
    assert found[0] is None
    assert found[2] is None
    assert found[1] == pytest.approx(4)
    assert found[3] == pytest.approx((0.5 * 4 + 8) / 1.5)


@pytest.mark.parametrize("weight", [1.0, -0.1])
def test_a_weight_that_cannot_smooth_is_refused(weight: float) -> None:
    with pytest.raises(UsageError, match=f"expected a weight from 0 to below 1, found {weight:g}"):
        curves.smoothed([1.0], weight)
