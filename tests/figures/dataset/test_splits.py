from __future__ import annotations

import numpy as np
import pytest

from cityseg.analysis.dataset.splits import Ratios
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.splits import city_classes, city_frames, split_ratios, times


def ratios(**classes):
    """Ratios of the named classes as (ratio, low, high); all others are absent."""
    values = np.full((3, 19), np.nan)
    for name, triple in classes.items():
        values[:, CLASS_NAMES.index(name)] = triple
    return Ratios(*values)


def test_only_significant_ratios_are_filled():
    found = ratios(road=(1.1, 0.9, 1.3), car=(2.0, 1.5, 2.7), bus=(0.3, 0.1, 0.6))
    figure = split_ratios({"test": found}, "train", range(19))
    marks = next(trace for trace in figure.data if trace.customdata is not None)
    symbols = {data[1]: symbol for data, symbol in zip(marks.customdata, marks.marker.symbol, strict=True)}
    assert symbols == {"road": "square-open", "car": "square", "bus": "square"}
    assert list(marks.x) == [1.1, 2.0, 0.3]
    assert list(marks.y) == [0, 13, 15]
    assert list(marks.customdata[1]) == ["test", "car", "×2", "×1.5", "×2.7"]


def test_ratios_beyond_the_axis_are_clipped():
    found = ratios(train=(100.0, 40.0, 250.0), bus=(2.0, np.nan, np.nan))
    figure = split_ratios({"val": found}, "train", [16, 15])
    marks = next(trace for trace in figure.data if trace.customdata is not None)
    assert list(marks.x) == [16, 2]
    assert list(marks.customdata[0]) == ["val", "train", "×100", "×40", "×250"]
    assert list(marks.customdata[1])[3:] == ["–", "–"]
    line = next(trace for trace in figure.data if trace.mode == "lines")
    assert [value for value in line.x if value is not None] == [16, 16, 2, 2]


def test_marks_of_two_splits_do_not_overlap():
    both = {split: ratios(road=(1.0, 0.9, 1.1)) for split in ("val", "test")}
    heights = [trace.y[0] for trace in split_ratios(both, "train", [0]).data if trace.customdata is not None]
    assert heights == pytest.approx([-0.18, 0.18])


@pytest.mark.parametrize(("ratio", "text"), [(0.0951, "×0.095"), (1, "×1"), (12.34, "×12"), (float("nan"), "–")])
def test_multiples_are_short(ratio, text):
    assert times(ratio) == text


def test_cities_are_stacked_by_split_largest_first():
    figure = city_frames({"train": {"ulm": 5, "bonn": 90}, "test": {"ulm": 100}})
    assert list(figure.layout.yaxis.categoryarray) == ["ulm", "bonn"]
    assert [(bar.name, dict(zip(bar.y, bar.x, strict=True))) for bar in figure.data] == [
        ("train", {"ulm": 5, "bonn": 90}),
        ("test", {"ulm": 100}),
    ]
    assert list(figure.data[1].customdata[0]) == ["test", "ulm"]


def test_city_shares_are_relative_and_absent_classes_are_empty():
    usual, city = np.zeros(19), np.zeros(19)
    usual[[0, 13, 16]] = 0.8, 0.1, 0.1
    city[[0, 13]] = 0.6, 0.4
    (cells,) = city_classes({"ulm": city}, usual, [13, 0, 16, 5]).data
    assert cells.z[0][:2].tolist() == [2, pytest.approx(np.log2(0.75))]
    assert np.isnan(cells.z[0][2:]).all()
    assert list(cells.customdata[0]) == ["×4 the overall share of", "×0.75 the overall share of", "no", "no"]
