from __future__ import annotations

import numpy as np
import pytest

from cityseg.figures.preflight import overfit_curve, rate_curve

POINTS = [{"step": step, "loss": 3.0 / step, "macro_f1": step / 10} for step in range(1, 8)]
RATES = [{"learning_rate": rate, "loss": 2.0 - index / 10} for index, rate in enumerate(np.geomspace(1e-5, 1, 11))]


def test_overfit_curve_shows_score_and_loss_by_step():
    figure = overfit_curve(POINTS, 300, 0.9)
    score, loss = figure.data
    assert list(score.y) == pytest.approx([step / 10 for step in range(1, 8)])
    assert list(loss.x) == list(range(1, 8))
    assert figure.layout.xaxis2.title.text == "optimiser step"
    assert [figure.layout[axis].title.text for axis in ("yaxis", "yaxis2")] == ["macro F1", "loss"]
    assert tuple(figure.layout.xaxis2.range) == (0, 300)
    assert figure.layout.annotations[0].text == "overfitted from 0.9"
    assert overfit_curve([], 300, 0.9).data[0].y == ()


def test_rate_curve_marks_the_suggestion_on_a_log_axis():
    smoothed = [point["loss"] for point in RATES]
    figure = rate_curve(RATES, smoothed, RATES[4]["learning_rate"], (1e-5, 1.0))
    batches, curve, mark = figure.data
    assert len(batches.x) == len(curve.x) == 11
    assert (mark.x[0], mark.y[0]) == (RATES[4]["learning_rate"], smoothed[4])
    assert mark.text[0] == "<b>0.001</b>"
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis.ticktext) == ["1e-5", "0.0001", "0.001", "0.01", "0.1", "1"]
    assert "learning rate" in figure.layout.xaxis.title.text
    assert len(rate_curve(RATES, smoothed, None, (1e-5, 1.0)).data) == 2
