from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.comparison.bootstrap import Estimate, Verdict
from cityseg.analysis.comparison.comparability import ClassTable, Differences
from cityseg.analysis.comparison.contributions import Contributions
from cityseg.analysis.comparison.published import TABLES
from cityseg.analysis.parallel_coordinates import axis
from cityseg.figures import theme
from cityseg.figures.comparison import forest, waterfall
from cityseg.figures.parallel_coordinates import parallel_axes
from cityseg.figures.score_matrix import score_heatmap

NAN = float("nan")


def estimate(difference: float, low: float, high: float, verdict: Verdict) -> Estimate:
    return Estimate(0.5, 0.5 + difference, difference, low, high, 40, verdict)


def test_forest_plot_has_a_symbol_per_verdict_and_an_interval_per_point() -> None:
    figure = forest(
        {"macro F1": estimate(0.1, 0.05, 0.2, "better")},
        {
            "road": estimate(-0.1, -0.3, -0.02, "worse"),
            "car": estimate(0.1, -0.1, 0.3, "can't tell"),
            "bus": estimate(0.2, NAN, NAN, "can't tell"),
            "train": estimate(NAN, NAN, NAN, "can't tell"),
        },
        "F1 of b − a",
    )
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["better"].error_x.array) == pytest.approx([0.1])
    assert list(by_name["worse"].error_x.arrayminus) == pytest.approx([0.2])
    assert by_name["better"].marker.color == theme.BETTER
    assert by_name["worse"].marker.color == theme.WORSE
    assert list(by_name["too few frames for an interval"].x) == [0.2]
    assert by_name["too few frames for an interval"].error_x.array is None
    assert len({trace.marker.symbol for trace in figure.data}) == 4, "colour is not the only mark"
    assert sum(len(trace.x) for trace in figure.data) == 4, "no point where there is no difference"
    assert len(figure.layout.yaxis.ticktext) == 5


def test_waterfall_steps_from_the_baseline_mean_to_the_candidate_mean() -> None:
    classes = np.zeros(19)
    classes[[0, 13, 4]] = 0.05, -0.02, 0.01
    figure = waterfall(
        Contributions("iou", 0.3, 0.34, classes, np.zeros((2, 19))),
        [0, 4, 13],
        ("a", "b"),
        ("red", "green"),
        13,
        "mean IoU",
    )
    steps = figure.data[-1]
    ends = np.array(steps.base) + np.array(steps.x)
    assert steps.base[0] == pytest.approx(0.3)
    assert list(steps.base[1:]) == pytest.approx(list(ends[:-1]))
    assert ends[-1] == pytest.approx(0.34)
    assert list(steps.marker.color) == [theme.BETTER, theme.BETTER, theme.WORSE]
    assert list(steps.text) == ["+0.050", "+0.010", "−0.020"]
    assert steps.customdata[2][0] == "car"
    assert figure.layout.xaxis.title.text == "mean IoU"


def test_published_columns_are_uncoloured_and_rows_follow_the_order() -> None:
    scores = np.linspace(0, 1, 38).reshape(19, 2)
    table = ClassTable(("a", "b"), "f1", scores, np.array([0.5, 0.6]), np.full((19, 2), 1 / 19))
    order = list(range(18, -1, -1))
    heat = score_heatmap(table, order=order, published=TABLES).data[0]
    assert heat.text[-2][0] == "0.000"
    assert heat.text[18][2] == "0.871", "road is last but the mean"
    assert np.isnan(np.array(heat.z, float)[:, 2:]).all()
    assert heat.text[-1][4] == "0.256"
    compared = Differences("a", scores - scores[:, [0]], np.array([0.0, 0.1]), {})
    heat = score_heatmap(table, compared, order=order, published=TABLES).data[0]
    assert list(heat.text[-1][:3]) == ["0.500", "+0.100", "0.181"]


def test_parallel_coordinates_dash_incomparable_results() -> None:
    axes = [axis("Depth", [2, 4], ["2", "4"]), axis("Macro F1", [0.3, None], ["0.300", "–"])]
    rules, first, second = parallel_axes(axes, ["a", "b"], ["red", "blue"], {"b"}).data
    assert rules.hoverinfo == "skip"
    assert first.x[0] == pytest.approx(0, abs=0.05)
    assert second.x[0] == pytest.approx(1, abs=0.05)
    assert second.x[1] is None
    assert (first.line.dash, second.line.dash) == ("solid", "dash")
