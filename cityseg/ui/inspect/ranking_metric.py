"""What "worst" means on the inspect page: a score of all classes, of one, or a confusion. One name in the address."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from cityseg.analysis.errors import ranking_metric
from cityseg.analysis.errors.ranking_metric import CLASS_METRICS, OVERALL, RankingMetric
from cityseg.classes import CLASS_NAMES
from cityseg.errors import UsageError
from cityseg.ui.app import session, url_state
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.inspect.subject import FIRST

BY = "inspect_by"
_METRIC, _SCOPE = "inspect_metric", "inspect_scope"
_ALL = "all classes"
_PIXELS = "pixels"
_ACCURACY = "pixel accuracy"
_OVERALL_OF = dict(zip(CLASS_METRICS, OVERALL, strict=False))
"""Name of a metric over all classes, by its name for one: "mean IoU" for "IoU"."""


def choose_measure(subject: MeasuredSplit) -> RankingMetric:
    """Ask what frames are ordered by; every change begins at the worst frame."""
    names = ranking_metric.metric_names(subject.total)
    asked = session.text("by")
    with suppress(UsageError):
        # Older links name a confusion "rider called person".
        session.remember("by", ranking_metric.parse_metric(asked).name if asked else None)
    by = url_state.settle(BY, "by", names, names[0])
    url_state.keep(BY, "by", by)
    measure = ranking_metric.parse_metric(by)
    scopes = [_ALL, *_classes(names), *(name for name in names if ranking_metric.parse_metric(name).metric is None)]
    st.session_state[_SCOPE] = _scope(measure)
    st.session_state[_METRIC] = _metric(measure)
    confused = measure.metric is None
    metrics = [_PIXELS] if confused else [*CLASS_METRICS, _ACCURACY]
    left, right = st.columns([1, 1])
    left.selectbox(
        "Worst by",
        metrics,
        key=_METRIC,
        disabled=confused,
        on_change=_changed,
        help="The score by which frames are ordered, worst first. Over all classes it is the mean of the classes that "
        "occur in a frame; pixel accuracy knows no classes.",
    )
    right.selectbox(
        "of",
        scopes,
        key=_SCOPE,
        on_change=_changed,
        help='All classes, one class, or one confusion: "rider called person" orders frames by the pixels of riders '
        "that were called person. Type to search.",
    )
    return measure


def _classes(names: list[str]) -> list[str]:
    measures = [ranking_metric.parse_metric(name) for name in names]
    found = dict.fromkeys(each.train_id for each in measures if each.metric is not None and each.train_id is not None)
    return [CLASS_NAMES[train_id] for train_id in found]


def _scope(measure: RankingMetric) -> str:
    if measure.metric is None:
        return measure.name
    return _ALL if measure.train_id is None else CLASS_NAMES[measure.train_id]


def _metric(measure: RankingMetric) -> str:
    if measure.metric is None:
        return _PIXELS
    if measure.metric == "pixel_accuracy":
        return _ACCURACY
    return next(name for name, metric in CLASS_METRICS.items() if metric == measure.metric)


def _changed() -> None:
    """Put the two answers together; runs before the page does."""
    metric, scope = st.session_state[_METRIC], st.session_state[_SCOPE]
    before = ranking_metric.parse_metric(st.session_state[BY])
    if scope not in (_ALL, *CLASS_NAMES):
        wanted = scope
    elif metric == _ACCURACY and _metric(before) == _ACCURACY and scope != _ALL:
        # Pixel accuracy has no classes, so whoever asks for one wants another score.
        wanted = ranking_metric.class_metric_name("IoU", CLASS_NAMES.index(scope))
    elif metric == _ACCURACY:
        wanted = _ACCURACY
    else:
        metric = metric if metric in CLASS_METRICS else "IoU"
        wanted = (
            _OVERALL_OF[metric] if scope == _ALL else ranking_metric.class_metric_name(metric, CLASS_NAMES.index(scope))
        )
    ask_for(wanted)


def ask_for(by: str) -> None:
    """Order the frames by something else in the next run, from its worst frame on; for clicks anywhere."""
    url_state.wish(BY, by)
    url_state.wish("inspect_frame", FIRST)
