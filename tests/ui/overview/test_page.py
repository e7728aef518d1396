"""The overview page, driven as a visitor would."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from cityseg import api
from cityseg.config.presets import PRESETS
from cityseg.data.prepared.statistics import compute
from cityseg.figures import theme
from cityseg.figures.pareto import ModelPoint, pareto_chart, short_count
from cityseg.figures.theme import BETTER, WORSE, difference_color, run_color
from cityseg.runs import Run
from cityseg.ui.common.frames import pixel_accuracy
from cityseg.ui.overview.preview import diverse_bright_frame
from tests.ui.pages import help_texts

APP = Path(__file__).parents[3] / "app.py"


@pytest.fixture(autouse=True)
def alone(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shipped models and empty caches."""
    monkeypatch.setattr("cityseg.api.results.folders.shipped_root", lambda: workplace / "checkpoints")
    st.cache_data.clear()
    st.cache_resource.clear()


def opened() -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=90).run()
    assert not app.exception, app.exception[0].message
    return app


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def pictures(app: AppTest) -> list[bytes]:
    return [part.proto.bytes for part in app.get("bidi_component") if "viewer" in part.proto.component_name]


def words(app: AppTest) -> str:
    return " ".join(element.value for kind in (app.markdown, app.caption) for element in kind)


def test_overview_without_a_model_shows_the_data_and_how_to_train() -> None:
    app = opened()
    assert figures(app) == {"Data": "10", "Runs": "0", "Best macro F1": "–", "Speed": "–"}
    assert "No model has been measured yet" in words(app)
    assert "No training is running" in words(app)
    assert len(pictures(app)) == 1
    assert b'"ground truth"' in pictures(app)[0]


def test_preview_and_caption_show_the_best_model(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITYSEG_RUNS", str(trained.folder.parent))
    result = api.find_result("tiny")
    app = opened()
    shown = figures(app)
    assert shown["Best macro F1"] == f"{result.score('test', 'f1'):.3f}"
    assert shown["Runs"] == "1"
    assert shown["Speed"].endswith(" ms")
    assert "streets at 64x128" in words(app)
    assert b'"tiny"' in pictures(app)[0]
    table = app.dataframe[0].value
    assert table["Run"].tolist() == ["tiny"]
    assert table["State"].tolist() == ["finished"]


def test_invalid_data_is_reported_with_a_link_to_connect_other_data(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYSEG_DATA", str(workplace / "nowhere"))
    app = opened()
    assert "found no such folder" in app.error[0].value
    assert figures(app)["Speed"] == "–", "nothing will be measured"
    assert any("No data is connected" in error.value for error in app.sidebar.error)
    assert figures(app)["Data"] == "–"
    assert not pictures(app)


def test_onnx_speed_is_offered_if_a_model_has_it(trained: Run, workplace: Path) -> None:
    shutil.copytree(trained.folder, workplace / "runs" / "tiny")
    assert opened().segmented_control(key="front_by").options == ["Size", "Speed"]
    path = workplace / "runs" / "tiny" / "best" / "model.json"
    description = json.loads(path.read_text())
    description["speed"]["onnx_frames_per_second"] = 1234.0
    path.write_text(json.dumps(description))
    st.cache_data.clear()
    st.cache_resource.clear()
    app = opened()
    assert app.segmented_control(key="front_by").options == ["Size", "Speed", "Speed by ONNX"]
    app.segmented_control(key="front_by").set_value("onnx").run()
    assert not app.exception
    assert "ONNX Runtime runs a model without PyTorch" in help_texts(app)
    chart = json.loads(next(part.proto.spec for part in app.get("plotly_chart") if "ONNX" in part.proto.spec))
    assert [trace["text"] for trace in chart["data"] if trace.get("text")] == [["tiny"]]


def test_comparable_models_share_a_symbol_and_a_pareto_front() -> None:
    alike = [ModelPoint("a", 1000, 0.2, "one"), ModelPoint("b", 9000, 0.1, "one"), ModelPoint("c", 90_000, 0.4, "one")]
    figure = pareto_chart([*alike, ModelPoint("d", 90_000, 0.9, "other")])
    marks = {text: trace.marker.symbol for trace in figure.data for text in trace.text or ()}
    assert marks["a"] == marks["b"] == marks["c"] != marks["d"]
    front = next(trace for trace in figure.data if trace.mode == "lines")
    assert list(front.y) == [0.2, 0.4], "b is larger and worse than a"


def test_pareto_front_by_speed() -> None:
    points = [
        ModelPoint("small", 1000, 0.2, "one", (0.15, 0.26), 200.0, "CPU", 300.0),
        ModelPoint("slow", 2000, 0.1, "one", None, 20.0, "CPU"),
        ModelPoint("large", 90_000, 0.4, "one", (0.35, 0.44), 8.0, "CPU"),
        ModelPoint("untimed", 90_000, 0.5, "one"),
    ]
    figure = pareto_chart(points, "speed")
    marks = next(trace for trace in figure.data if trace.text)
    assert list(marks.text) == ["small", "slow", "large"]
    assert list(marks.x) == [200, 20, 8]
    assert marks.customdata[0][0].endswith("1 k parameters<br>200 frames/s on CPU, 300 by ONNX Runtime")
    assert marks.customdata[1][0].endswith("2 k parameters<br>20 frames/s on CPU")
    assert list(marks.error_y.array) == pytest.approx([0.06, 0, 0.04])
    assert list(marks.error_y.arrayminus) == pytest.approx([0.05, 0, 0.05])
    assert list(next(trace for trace in figure.data if trace.mode == "lines").x) == [200, 8]
    assert figure.layout.xaxis.title.text == "Speed in frames per second, one at a time (log scale)"


def test_pareto_front_by_onnx_ignores_the_devices_of_other_speeds() -> None:
    points = [
        ModelPoint("small", 1000, 0.2, "one", None, 200.0, "CPU", 300.0),
        ModelPoint("large", 9000, 0.4, "one", None, 900.0, "a GPU", 40.0),
        ModelPoint("not published", 9000, 0.5, "one", None, 8.0, "CPU"),
    ]
    figure = pareto_chart(points, "onnx")
    assert [list(trace.x) for trace in figure.data if trace.mode == "lines"] == [[300, 40]]
    assert [list(trace.text) for trace in figure.data if trace.text] == [["small", "large"]]
    assert figure.layout.xaxis.title.text == "Frames per second by ONNX Runtime (log scale)"


def test_every_device_has_its_own_pareto_front() -> None:
    figure = pareto_chart(
        [
            ModelPoint("small", 1000, 0.2, "one", None, 200.0, "CPU"),
            ModelPoint("large", 9000, 0.4, "one", None, 8.0, "CPU"),
            ModelPoint("elsewhere", 9000, 0.5, "one", None, 900.0, "a GPU"),
        ],
        "speed",
    )
    assert [list(trace.x) for trace in figure.data if trace.mode == "lines"] == [[900], [200, 8]]


def test_colours_are_fixed_and_blue_means_better() -> None:
    assert run_color("my-run") == run_color("my-run")
    assert len({run_color(name) for name in PRESETS}) == len(PRESETS)
    assert (difference_color(0.1), difference_color(-0.1)) == (BETTER, WORSE)


@pytest.mark.parametrize(("number", "text"), [(842, "842"), (121_691, "122 k"), (7_781_923, "7.8 M")])
def test_counts_are_short(number: float, text: str) -> None:
    assert short_count(number) == text


def test_a_frame_without_labels_has_no_pixel_accuracy() -> None:
    void = np.full((4, 4), 255, np.uint8)
    assert pixel_accuracy(void, np.zeros_like(void)) is None
    assert pixel_accuracy(np.zeros_like(void), np.zeros_like(void)) == 1.0


@pytest.mark.parametrize(
    ("most", "light", "first"), [([5, 9, 8, 7], [90, 10, 60, 80], 2), ([9, 9, 2, 9], [10, 5, 99, 9], 0)]
)
def test_default_frame_is_diverse_and_bright(cached_split, tmp_path, most, light, first):
    split = cached_split(frames=4, void=0)
    for frame, classes in enumerate(most):
        split.labels[frame] = np.arange(16 * 32).reshape(16, 32) // 21 % classes
        split.photos[frame] = light[frame]
    assert diverse_bright_frame(compute(replace(split, folder=tmp_path))) == split.meta.frames[first]


def boxes(figure: Any, width: float) -> list[tuple[float, float, float, float]]:
    """Return the boxes of the names and of the marks in a plot of 340 pixels in height, letters being 6 pixels wide."""
    (left, right), (low, high) = figure.layout.xaxis.range, figure.layout.yaxis.range
    found = []
    for name in figure.layout.annotations:
        x, y = width * (name.x - left) / (right - left), 340 * (name.y - low) / (high - low)
        half = 3 * len(name.text)
        found += [
            (x + name.ax - half, y - name.ay - 6, x + name.ax + half, y - name.ay + 6),
            (x - 4, y - 4, x + 4, y + 4),
        ]
    return found


def overlaps(boxes: list[tuple[float, float, float, float]]) -> list[tuple[int, int]]:
    return [
        (i, j)
        for (i, one), (j, other) in itertools.combinations(enumerate(boxes), 2)
        if i // 2 != j // 2
        and i % 2 * j % 2 == 0
        and min(one[2], other[2]) > max(one[0], other[0])
        and min(one[3], other[3]) > max(one[1], other[1])
    ]


@pytest.mark.parametrize("width", [270, 860])
def test_names_cover_no_other_name_or_mark(width: float) -> None:
    """The scores of the shipped models, five of which have nearly the same size and score."""
    shipped = {
        **{"experiment-1": (121_691, 0.111), "experiment-2": (1_944_355, 0.226), "experiment-3": (7_781_923, 0.268)},
        **{"better-1": (121_691, 0.316), "better-2": (1_944_355, 0.385), "better-3": (7_781_923, 0.449)},
        **{"best-1": (115_211, 0.499), "best-2": (597_000, 0.554), "best-3": (889_315, 0.597)},
        **{"best-4": (1_146_867, 0.614), "best-5": (1_146_867, 0.638), "best-6": (1_146_867, 0.650)},
        **{"best-live": (1_146_867, 0.644), "best-7": (6_400_000, 0.669), "better-1-20261201-140242": (121_691, 0.317)},
    }
    points = [
        ModelPoint(name, size, score, "alike", (score - 0.02, score + 0.02)) for name, (size, score) in shipped.items()
    ]
    found = boxes(pareto_chart(points), width)
    assert overlaps(found) == []
    assert all(box[0] >= 0 and box[2] <= width for box in found), "within the plot"
    assert len(pareto_chart(points).layout.annotations) == len(points)


def test_a_name_apart_from_its_mark_is_joined_to_it() -> None:
    points = [ModelPoint(f"best-{number}", 1_146_867, 0.61 + 0.001 * number, "alike") for number in range(6)]
    names = pareto_chart([*points, ModelPoint("far", 10_000_000, 0.2, "alike")]).layout.annotations
    assert {name.arrowcolor for name in names} == {theme.NEUTRAL, "rgba(0, 0, 0, 0)"}
    assert next(name for name in names if name.text == "far").ax == 0, "above its mark"
