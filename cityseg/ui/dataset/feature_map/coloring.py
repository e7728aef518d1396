"""What the points of the map are coloured by."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.analysis.errors.frame_errors import FrameMetric, frame_values
from cityseg.api import Result
from cityseg.api.types import Split
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures import theme
from cityseg.figures.dataset.feature_map import Groups, Quantity
from cityseg.markdown import escape
from cityseg.ui.app import cache, session
from cityseg.ui.common.measured_split import stored_confusions
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.dataset.charts import common

CITY, SPLIT, BRIGHTNESS, SHARE, SCORE = "city", "split", "brightness", "share of a class", "score"
_METRICS: dict[str, FrameMetric] = {"macro F1": "f1", "mean IoU": "iou"}
_SCORED: tuple[Split, ...] = ("val", "test")


def choose(spec: str, table: FrameTable, place: Any) -> Groups | Quantity:
    """Show the inputs in a container; return the colours of all frames of the table."""
    scored = _scored_results(spec)
    has_cities = any(table.cities)
    options = [*([CITY] if has_cities else []), SPLIT, BRIGHTNESS, SHARE, *([SCORE] if scored else [])]
    by = choose_option(place.selectbox, "Colour by", options, "data_map_color", "color", omit_default=True)
    if by == CITY:
        return Groups([str(city) for city in table.cities])
    if by == BRIGHTNESS:
        return Quantity(table.brightness, "brightness", " %")
    if by == SHARE:
        name = choose_option(place.selectbox, "Class", CLASS_NAMES, common.CLASS_KEY, "class", "car")
        train_id = CLASS_NAMES.index(name)
        color = "rgb({}, {}, {})".format(*theme.visible_color(train_id, session.palette(), dark=session.is_dark()))
        return Quantity(100 * table.share[:, train_id], name, " %", decimals=1, high=color)
    if by == SCORE:
        result_id = choose_option(place.selectbox, "Result", list(scored), "data_map_result", "scored")
        metric = choose_option(
            place.selectbox, "Metric", list(_METRICS), "data_map_metric", "metric", omit_default=True
        )
        return Quantity(_scores(scored[result_id], _METRICS[metric], spec, table), metric, decimals=3)
    present = [split for split in theme.SPLIT_COLORS if split in table.splits]
    return Groups([str(split) for split in table.splits], {split: theme.SPLIT_COLORS[split] for split in present})


def _scored_results(spec: str) -> dict[str, Result]:
    """Return the results that were measured on splits of the connected data, best first."""
    known = {split: cached.meta.fingerprint for split, cached in cache.prepared(spec).items()}
    found = {
        result.id: result
        for result in cache.results()
        if any(_measured(result, split) == known.get(split, "") for split in _SCORED)
    }
    return dict(sorted(found.items(), key=lambda item: -(item[1].macro_f1 or 0)))


def _measured(result: Result, split: Split) -> str | None:
    fingerprint: str | None = result.scores.get(split, {}).get("fingerprint")
    return fingerprint


def _scores(result: Result, metric: FrameMetric, spec: str, table: FrameTable) -> np.ndarray:
    """Return (N,) scores of the frames, NaN for those that were not scored, such as all of train."""
    values = np.full(len(table.names), np.nan)
    for split, cached in cache.prepared(spec).items():
        if split not in _SCORED or _measured(result, split) != cached.meta.fingerprint:
            continue
        try:
            stored = stored_confusions(result, split)
        except CitysegError as error:
            st.warning(f"The scores on {split} cannot be read. {escape(error)}", icon=":material/error:")
            continue
        by_name = dict(zip(stored.frames, frame_values(stored.matrices, metric).tolist(), strict=True))
        for index in np.flatnonzero(table.splits == split):
            values[index] = by_name.get(table.names[index], np.nan)
    return values
