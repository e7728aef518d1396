"""Accuracy of all measured models vs. their size and speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
import streamlit as st

from cityseg.analysis.comparison import bootstrap
from cityseg.api import Result
from cityseg.errors import CitysegError
from cityseg.figures.pareto import Cost, ModelPoint, cost, pareto_chart
from cityseg.ui.app import glossary
from cityseg.ui.common.charts import plain_chart
from cityseg.ui.common.url_choice import choose_option

_BY = "front_by"
_TITLES: dict[Cost, str] = {"size": "Size", "speed": "Speed", "onnx": "Speed by ONNX"}
_FASTER = (
    "further right is faster; the dotted line joins those that no faster model matches (the Pareto front). Speed "
    "depends mostly on the model's input size"
)
_HOW_TO_READ: dict[Cost, str] = {
    "size": "further left is smaller; the dotted line joins those that no smaller model matches (the Pareto front)",
    "speed": _FASTER,
    "onnx": f"{_FASTER}. ONNX Runtime runs a model without PyTorch, here on the CPU; it is timed when a model is "
    "published, so other runs are missing",
}


def show(results: Sequence[Result]) -> None:
    """Show the chart, or how to get a first model."""
    title = st.empty()
    title.header("Accuracy vs. size and speed", anchor=False)
    points = _points(results)
    if not points:
        with st.container(border=True):
            st.markdown(
                "**No model has been measured yet.** A model appears here once its training has finished. The smallest "
                "preset takes a few minutes on any computer."
            )
            st.page_link("pages/train.py", label="Train the first model", icon=":material/model_training:")
        return
    by = _choose_cost(points)
    how_to_read = (
        f"One mark per model: further up is better, {_HOW_TO_READ[by]}. The thin bar is the 95\u00a0% interval of the "
        "score over other frames of the same kind. Only marks of one shape are comparable."
    )
    title.header("Accuracy vs. size and speed", anchor=False, help=how_to_read)
    scores = "; ".join(f"{point.name} {point.score:.3f}" for point in points)
    alt = f"{_TITLES[by]} against macro F1 on the test split: {scores}"
    plain_chart(pareto_chart(points, by), f"front_{by}", alt)


def conditions(result: Result) -> str:
    """Describe the data and size of a result's test score."""
    scores = result.scores["test"]
    text = f"{result.measured_on} · {scores['frames']:,} test frames"
    size = scores.get("size")
    return f"{text}, at the network's size, {glossary.size(size)} pixels" if size else text


def _choose_cost(points: Sequence[ModelPoint]) -> Cost:
    names = tuple(name for name in get_args(Cost) if any(cost(point, name) for point in points))
    titles = {name: _TITLES[name] for name in names}
    return choose_option(st.segmented_control, "Cost", titles, _BY, "front", label_visibility="collapsed")


def _points(results: Sequence[Result]) -> list[ModelPoint]:
    """Return the measured models; each distinct basis of measurement gets one distinct description."""
    descriptions: dict[tuple[Any, ...], str] = {}
    points: list[ModelPoint] = []
    for result in results:
        score = result.score("test", "f1")
        if score is None or result.parameters is None or any(point.name == result.id for point in points):
            # A published run is listed twice, with the same weights and scores.
            continue
        scores = result.scores["test"]
        key = (scores.get("fingerprint"), tuple(scores.get("size") or ()), scores.get("label_policy"))
        if key not in descriptions:
            text = conditions(result)
            twins = sum(value.startswith(text) for value in descriptions.values())
            descriptions[key] = f"{text} (other labels {twins + 1})" if twins else text
        points.append(
            ModelPoint(
                result.id,
                result.parameters,
                score,
                descriptions[key],
                _interval(result),
                result.speed.get("frames_per_second"),
                str(result.speed.get("device", "")),
                result.speed.get("onnx_frames_per_second"),
            )
        )
    return points


def _interval(result: Result) -> tuple[float, float] | None:
    if not result.run.has_confusions("test"):
        return None
    path = result.run.counts / "confusion-test.npz"
    interval = _interval_of(str(path), path.stat().st_mtime_ns, result)
    if isinstance(interval, str):
        st.text(f"{result.id} has no interval: {interval}")
        return None
    return interval


@st.cache_data(show_spinner=False, max_entries=200)
def _interval_of(path: str, changed: int, _result: Result) -> tuple[float, float] | str | None:
    """Return the interval, None with too few frames, or the reason why the matrices cannot be read."""
    try:
        matrices = _result.run.confusions("test").matrices
    except CitysegError as error:
        return str(error)
    macro = bootstrap.scores(matrices)["macro f1"]
    return None if np.isnan(macro.low) else (macro.low, macro.high)
