from __future__ import annotations

import numpy as np

from cityseg.figures.dataset import feature_map as module
from cityseg.figures.dataset.feature_map import Groups, Quantity, feature_map

POSITIONS = np.array([[0, 0], [1, 1], [-1, 0.5], [0.5, -1]], np.float32)
NAMES = ("a", "<b>b</b>", "c", "d")
SPLITS = ("train", "val", "train", "test")
CITIES = ("ulm", "ulm", "", "bonn")
ALL = np.ones(4, bool)


def points(figure):
    """Frame, position, opacity and symbol of every point with a hover text."""
    return {
        data[0]: ((x, y), opacity, symbol, data[1:])
        for trace in figure.data
        if trace.customdata is not None
        for data, x, y, opacity, symbol in zip(
            trace.customdata, trace.x, trace.y, trace.marker.opacity, trace.marker.symbol, strict=True
        )
    }


def test_every_frame_is_a_point_of_its_group():
    figure = feature_map(POSITIONS, NAMES, SPLITS, CITIES, ALL, Groups(CITIES))
    assert [trace.name for trace in figure.data] == ["", "bonn", "ulm"]
    assert len({trace.marker.color for trace in figure.data}) == 3
    found = points(figure)
    for index, position in enumerate(POSITIONS.tolist()):
        assert found[index][0] == tuple(position)
    assert [found[index][2] for index in range(4)] == ["circle", "diamond", "circle", "square"]
    assert tuple(found[1][3]) == ("&lt;b&gt;b&lt;/b&gt;", "ulm · val", "")
    assert found[2][3][1] == "train"


def test_filtered_frames_are_faint_and_unselected_ones_pale():
    shown, selected = np.array([True, True, True, False]), np.array([True, False, False, False])
    outline = np.array([[-0.1, -0.1], [0.1, -0.1], [0, 0.1]])
    figure = feature_map(
        POSITIONS, NAMES, SPLITS, CITIES, shown, Groups(CITIES), selected=selected, outlines=[outline], chosen=2
    )
    assert (figure.data[0].x.tolist(), figure.data[0].hoverinfo) == ([0.5], "skip")
    found = points(figure)
    assert set(found) == {0, 1, 2}
    assert found[0][1] > found[1][1] == found[2][1]
    drawn, ring = figure.data[-2:]
    assert list(zip(drawn.x, drawn.y, strict=True)) == [*map(tuple, outline), tuple(outline[0])]
    assert (ring.x.tolist(), ring.y.tolist()) == ([-1], [0.5])


def test_a_quantity_has_a_scale_and_frames_without_it_are_grey():
    values = np.array([0.7, np.nan, 0.2, 0.4])
    figure = feature_map(POSITIONS, NAMES, SPLITS, CITIES, ALL, Quantity(values, "macro F1", decimals=3))
    grey, scored = figure.data
    assert [data[0] for data in grey.customdata] == [1]
    assert grey.customdata[0][3] == ""
    # The largest is drawn last.
    assert [(data[0], data[3]) for data in scored.customdata] == [
        (2, "<br>macro F1 0.200"),
        (3, "<br>macro F1 0.400"),
        (0, "<br>macro F1 0.700"),
    ]
    assert scored.marker.color.tolist() == [0.2, 0.4, 0.7]
    assert scored.marker.cmin == 0.2


def test_no_frame_has_the_quantity():
    figure = feature_map(POSITIONS, NAMES, SPLITS, CITIES, ALL, Quantity(np.full(4, np.nan), "macro F1"))
    assert len(points(figure)) == 4


def test_large_sets_are_drawn_by_the_graphics_card(monkeypatch):
    assert {trace.type for trace in feature_map(POSITIONS, NAMES, SPLITS, CITIES, ALL, Groups(CITIES)).data} == {
        "scatter"
    }
    monkeypatch.setattr(module, "SVG_POINTS", 3)
    assert {trace.type for trace in feature_map(POSITIONS, NAMES, SPLITS, CITIES, ALL, Groups(CITIES)).data} == {
        "scattergl"
    }
