"""Names in charts: Plotly reads a subset of HTML in labels, and ``%{...}`` in hover texts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cityseg.analysis.comparison.comparability import ClassTable
from cityseg.figures import calibration, pareto, runs
from cityseg.figures.dataset import splits

NAME = '<a href="https://example.org">%{y} & co</a>'
SHOWN = '&lt;a href="https://example.org"&gt;%&#123;y} &amp; co&lt;/a&gt;'
COLORS = {NAME: "#123456"}


def _table() -> ClassTable:
    scores = np.full((19, 1), 0.5)
    return ClassTable(names=(NAME,), metric="f1", scores=scores, macro=np.array([0.5]), support=scores)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: runs.grouped_bars(_table(), COLORS, range(19)),
        lambda: runs.run_curves({NAME: ([1, 2], [0.1, 0.2])}, COLORS, x_title="epoch", y_title="macro F1"),
        lambda: calibration.risk_curves({NAME: np.ones((19, 100, 3), int)}, COLORS, None),
        lambda: pareto.pareto_chart([pareto.ModelPoint(NAME, 1000, 0.5, NAME)]),
        lambda: splits.city_frames({"train": {NAME: 3}}),
        lambda: splits.city_classes({NAME: np.ones(19)}, np.ones(19), range(19)),
    ],
)
def test_a_name_is_shown_as_it_is(draw):
    figure = json.loads(draw().to_json())
    for trace in figure["data"]:
        for hidden in ("customdata", "legendgroup"):
            trace.pop(hidden, None)
    text = json.dumps(figure, ensure_ascii=False)
    assert json.dumps(SHOWN)[1:-1] in text
    assert "<a href" not in text
