"""Choice of the metric that ranks frames: a score of all classes or of one, or a confusion."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from cityseg.analysis.errors import ranking_metric
from cityseg.analysis.errors.ranking_metric import CLASS_METRICS, OVERALL, RankingMetric
from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError
from cityseg.ui.app import history, url_state
from cityseg.ui.common import frame_navigator
from cityseg.ui.common.measured_split import MeasuredSplit

BY = "inspect_by"
_METRIC, _SCOPE = "inspect_metric", "inspect_scope"
_ALL = "all classes"
_PIXELS = "pixels"
_ACCURACY = "pixel accuracy"
_OVERALL_OF = dict(zip(CLASS_METRICS, OVERALL, strict=False))
"""Name of a metric over all classes by its name for one class: "mean IoU" for "IoU"."""


def choose_metric(measured: MeasuredSplit) -> RankingMetric:
    """Let the user choose the ranking metric; every change selects the worst frame."""
    names = ranking_metric.metric_names(measured.total)
    if asked := history.read("by"):
        with suppress(UsageError):
            # Older links name a confusion "rider called person".
            history.record("by", ranking_metric.parse_metric(asked).name, is_initial=True)
    by = url_state.settle(BY, "by", names, names[0])
    url_state.keep("by", by)
    metric = ranking_metric.parse_metric(by)
    parsed = [ranking_metric.parse_metric(name) for name in names]
    confused = metric.confusion is not None
    st.session_state[_SCOPE] = _scope(metric)
    st.session_state[_METRIC] = _metric(metric)
    left, right = st.columns([1, 1])
    left.selectbox(
        "Worst by",
        [_PIXELS] if confused else [*CLASS_METRICS, _ACCURACY],
        key=_METRIC,
        disabled=confused,
        on_change=_changed,
        help="The score that orders frames, worst first. Over all classes it is the mean of the classes that occur in "
        "a frame; pixel accuracy has no per-class value.",
    )
    right.selectbox(
        "of",
        list(dict.fromkeys(map(_scope, parsed))),
        key=_SCOPE,
        on_change=_changed,
        help='All classes, one class, or one confusion: "rider predicted as person" orders frames by the rider pixels '
        "that were predicted as person. Type to search.",
    )
    return metric


def _scope(metric: RankingMetric) -> str:
    if metric.confusion:
        return metric.name
    return _ALL if metric.train_id is None else CLASS_NAMES[metric.train_id]


def _metric(metric: RankingMetric) -> str:
    if metric.confusion:
        return _PIXELS
    return next((name for name, field in CLASS_METRICS.items() if field == metric.metric), _ACCURACY)


def _changed() -> None:
    """Combine both widgets into one metric; a callback, so it runs before the page."""
    metric, scope = st.session_state[_METRIC], st.session_state[_SCOPE]
    before = ranking_metric.parse_metric(st.session_state[BY])
    if scope not in (_ALL, *CLASS_NAMES):
        rank_by(scope)
        return
    if metric == _ACCURACY and (scope == _ALL or _metric(before) != _ACCURACY):
        rank_by(_ACCURACY)
        return
    # Pixel accuracy has no per-class value, so choosing a class switches to IoU.
    metric = metric if metric in CLASS_METRICS else "IoU"
    rank_by(
        _OVERALL_OF[metric] if scope == _ALL else ranking_metric.class_metric_name(metric, CLASS_NAMES.index(scope))
    )


def rank_by(name: str) -> None:
    """Order the frames by another metric in the next run, starting at its worst frame."""
    url_state.request(BY, name)
    frame_navigator.restart("inspect")
