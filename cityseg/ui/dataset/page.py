"""The Dataset page: frames and statistics of the connected data, and the panel to connect other data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from cityseg.api import DataInfo
from cityseg.api.types import SPLITS, Split, joined
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.errors import CitysegError
from cityseg.figures.dataset.classes import imbalance
from cityseg.markdown import escape
from cityseg.ui.app import cache, session, shell
from cityseg.ui.common.charts import metric
from cityseg.ui.common.url_choice import open_tabs
from cityseg.ui.dataset import augmentation, browse, connect, frame, preparation, problems
from cityseg.ui.dataset.charts import brightness, classes, cooccurrence, sizes, spatial_prior, splits
from cityseg.ui.dataset.charts.common import Statistics
from cityseg.ui.dataset.feature_map import tab

TABS: dict[str, Callable[[DataInfo, Statistics], None]] = {
    "Browse": browse.show,
    "Splits": splits.show,
    "Classes": classes.show,
    "Spatial heatmaps": spatial_prior.show,
    "Co-occurrence": cooccurrence.show,
    "Sizes": sizes.show,
    "Brightness and contrast": brightness.show,
    "Map": tab.show,
    "Augmentation": augmentation.show,
}
_FORMER_TABS = {"Where": "Spatial heatmaps", "Together": "Co-occurrence", "Light": "Brightness and contrast"}
"""Names of tabs in older links."""
COUNTED_IN_PLACE = 400
"""Datasets of up to this many frames are decoded when the page opens; larger ones take minutes and need a click."""
_PURPOSES: dict[Split, str] = {
    "train": "for training",
    "val": "for selecting the best epoch",
    "test": "for the final score",
}


def show() -> None:
    """Show the page."""
    shell.heading("Dataset", "What is in this data?")
    spec = session.data_spec()
    try:
        info = cache.render_and_describe(spec)
    except CitysegError as error:
        st.error(f"The connected data cannot be opened. {escape(error)}", icon=":material/link_off:")
        connect.panel(None)
        return
    session.share_data()
    # The page itself offers the preparation of data that is not prepared yet.
    connect.panel(info, prepare=cache.is_prepared(spec))
    figures = st.empty()
    _figures(figures, info, None)
    try:
        counted = _counted(info)
    except CitysegError as error:
        st.error(f"Some frames are unusable. {escape(error)}", icon=":material/broken_image:")
        preparation.offer_skipping(spec)
        counted = None
    if counted is None:
        return
    problems.doubts(spec)
    problems.left_out(spec)
    _figures(figures, info, counted)
    for name in open_tabs(list(TABS), "tab", "tab", _FORMER_TABS):
        TABS[name](info, counted)


def _counted(info: DataInfo) -> Statistics | None:
    """Return the statistics, showing the first frame in the meantime; None while a large dataset is not prepared."""
    if cache.is_counted(info.spec):
        with st.skeleton(height=600):
            return cache.counted(info.spec)
    bar, meanwhile = st.container(), st.empty()
    if not cache.is_prepared(info.spec) and (
        sum(info.frames.values()) > COUNTED_IN_PLACE or preparation.is_running(info.spec)
    ):
        with bar:
            st.markdown(
                f"**{sum(info.frames.values()):,} frames must be read once** before they can be browsed and filtered. "
                "Full-size Cityscapes takes some minutes."
            )
            preparation.prepare(info.spec)
        _first_frame(meanwhile, info)
        return None
    _first_frame(meanwhile, info)
    with bar:
        counted = cache.counted(info.spec)
    meanwhile.empty()
    return counted


def _first_frame(place: Any, info: DataInfo) -> None:
    split = next(split for split in SPLITS if info.frames[split])
    first = cache.frame(info.spec, split, cache.frame_names(info.spec, split)[0])
    with place.container():
        st.caption(f"First frame: {escape(first.name)}.")
        frame.view(info, first, "meanwhile")


def _figures(place: Any, info: DataInfo, counted: Statistics | None) -> None:
    show_metric = partial(metric, place.grid(columns=4, min_column_width=150))
    purposes = "; ".join(f"{info.frames[split]:,} {split} frames {_PURPOSES[split]}" for split in SPLITS)
    show_metric(
        "Frames",
        f"{sum(info.frames.values()):,}",
        " · ".join(f"{split} {info.frames[split]:,}" for split in SPLITS),
        f"{purposes}. The official Cityscapes test labels are not public, so the official validation frames are "
        "halved into val and test.",
    )
    cities = {split: set(info.cities[split]) - {""} for split in SPLITS}
    in_all = set().union(*cities.values())
    show_metric(
        "Cities",
        f"{len(in_all):,}" if in_all else "–",
        " · ".join(f"{split} {len(cities[split]):,}" for split in SPLITS) if in_all else "not recorded",
        "Frames of one city are similar. The fewer cities train and test share, the harder and fairer the test.",
    )
    if counted is None:
        show_metric("Classes present", "…", f"of {NUM_CLASSES}")
        show_metric("Imbalance", "…", "not computed yet")
        return
    share = joined([*counted.values()]).share
    missing = [name for name, value in zip(CLASS_NAMES, share, strict=True) if not value > 0]
    show_metric(
        "Classes present",
        f"{NUM_CLASSES - len(missing)} of {NUM_CLASSES}",
        f"missing: {escape(', '.join(missing))}" if missing else "none missing",
        "Classes with at least one labelled pixel, of the 19 evaluated Cityscapes classes.",
    )
    ratio = imbalance(share)
    if ratio is None:
        show_metric("Imbalance", "–", "one class only")
        return
    times, largest, smallest = f"{ratio[0]:,.0f}", *(CLASS_NAMES[index] for index in ratio[1:])
    show_metric(
        "Imbalance",
        f"{times} : 1",
        f"{largest} to {smallest}",
        f"{times} pixels of {largest} per pixel of {smallest}. The larger the ratio, the less the overall accuracy "
        "depends on the rare class.",
    )
