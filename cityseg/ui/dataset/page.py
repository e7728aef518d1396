"""The dataset page: what is in the data, frame by frame and class by class, and how to connect other data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from cityseg.api import DataInfo
from cityseg.api.types import SPLITS, Split, SplitStatistics
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.errors import CitysegError
from cityseg.figures.dataset.classes import imbalance
from cityseg.ui.app import cache, session, shell
from cityseg.ui.common import frames
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.dataset import augmentation, browse, charts, connect, preparation, problems

Statistics = Mapping[Split, SplitStatistics]
TABS = ("Browse", "Splits", "Classes", "Where", "Together", "Sizes", "Light", "Augmentation")
COUNTED_IN_PLACE = 400
"""Up to so many frames are decoded when the page is opened; more are a matter of minutes, which the user decides on."""
_SPLIT_WORDS: dict[Split, str] = {
    "train": "frames a model learns from",
    "val": "frames that choose a run's best epoch",
    "test": "frames for the final score",
}


def show() -> None:
    """Show the page."""
    shell.heading("Dataset", "What is in this data?")
    spec = session.data_spec()
    try:
        info = cache.draw(spec)
    except CitysegError as error:
        st.error(f"The connected data cannot be opened. {error}", icon=":material/link_off:")
        connect.panel(None)
        return
    session.share_data()
    figures = st.empty()
    _figures(figures, info, None)
    try:
        counted = _counted(info)
    except CitysegError as error:
        st.error(f"The frames cannot be used as they are. {error}", icon=":material/broken_image:")
        preparation.offer_skipping(spec)
        counted = None
    if counted is None:
        connect.panel(info, prepare=False)
        return
    problems.left_out(spec)
    _figures(figures, info, counted)
    tabs = st.tabs(TABS, key="tab", bind="query-params")
    for name, tab in zip(TABS, tabs, strict=True):
        if not tab.open:
            continue
        with tab:
            _tab(name, info, counted)
    connect.panel(info)


def _tab(name: str, info: DataInfo, counted: Statistics) -> None:
    match name:
        case "Browse":
            browse.browse(info, counted)
        case "Splits":
            charts.splits_tab(info, counted)
        case "Classes":
            charts.classes_tab(info, counted)
        case "Where":
            charts.where_tab(info, counted)
        case "Together":
            charts.together_tab(counted)
        case "Sizes":
            charts.sizes_tab(counted)
        case "Light":
            charts.light_tab(counted)
        case "Augmentation":
            augmentation.augmentation_tab(info, counted)


def _counted(info: DataInfo) -> Statistics | None:
    """Count the classes, with a frame to look at meanwhile; None while a large set is not prepared."""
    if cache.is_counted(info.spec):
        with st.skeleton(height=600):
            return cache.counted(info.spec)
    bar, meanwhile = st.container(), st.empty()
    if not cache.is_prepared(info.spec) and (
        sum(info.frames.values()) > COUNTED_IN_PLACE or preparation.is_running(info.spec)
    ):
        with bar:
            preparation.first_time(info)
        _first_frame(meanwhile, info)
        return None
    _first_frame(meanwhile, info)
    with bar:
        counted = cache.counted(info.spec)
    meanwhile.empty()
    return counted


def _first_frame(place: Any, info: DataInfo) -> None:
    split = next(split for split in SPLITS if info.frames[split])
    frame = cache.frame(info.spec, split, cache.frame_names(info.spec)[split][0])
    with place.container():
        st.caption(f"The first frame meanwhile: {frame.name}, {frame.city}.")
        viewer(
            frames.unsquashed(frame.photo, info),
            [Layer("truth", frame.train_ids)],
            key="meanwhile",
            alt=f"Frame {frame.name} with its true classes.",
            clicks=False,
        )


def overall_share(counted: Statistics) -> np.ndarray:
    """Return the (19,) share of each class over all splits together."""
    pixels = np.sum([statistics.pixels.sum(0) for statistics in counted.values()], axis=0)
    return pixels / max(1, pixels.sum())


def _figures(place: Any, info: DataInfo, counted: Statistics | None) -> None:
    grid = place.grid(columns=4, min_column_width=150)
    plain: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off", "border": True}
    explained = "; ".join(f"{info.frames[split]:,} {_SPLIT_WORDS[split]} ({split})" for split in SPLITS)
    grid.metric(
        "Frames",
        f"{sum(info.frames.values()):,}",
        " · ".join(f"{split} {info.frames[split]:,}" for split in SPLITS),
        help=f"{explained}. The official test labels are not public, so the official validation frames are "
        "halved into val and test.",
        **plain,
    )
    cities = {split: len(info.cities[split]) for split in SPLITS}
    grid.metric(
        "Cities",
        f"{len({city for names in info.cities.values() for city in names}):,}",
        " · ".join(f"{split} {cities[split]:,}" for split in SPLITS),
        help="A city's frames look alike. The fewer cities train and test share, the harder and fairer the test.",
        **plain,
    )
    if counted is None:
        grid.metric("Classes present", "…", f"of {NUM_CLASSES}", **plain)
        grid.metric("Imbalance", "…", "not counted yet", **plain)
        return
    share = overall_share(counted)
    missing = [name for name, value in zip(CLASS_NAMES, share, strict=True) if not value > 0]
    grid.metric(
        "Classes present",
        f"{NUM_CLASSES - len(missing)} of {NUM_CLASSES}",
        f"missing: {', '.join(missing)}" if missing else "none missing",
        help="Classes that at least one pixel of the data carries, of the 19 that Cityscapes scores.",
        **plain,
    )
    ratio = imbalance(share)
    if ratio is None:
        grid.metric("Imbalance", "–", "one class only", **plain)
        return
    times, largest, smallest = ratio
    grid.metric(
        "Imbalance",
        f"{times:,.0f} : 1",
        f"{CLASS_NAMES[largest]} to {CLASS_NAMES[smallest]}",
        help=f"For one pixel of {CLASS_NAMES[smallest]} there are {times:,.0f} of {CLASS_NAMES[largest]}. The larger "
        "the ratio, the easier it is for a model to do well overall without ever learning the rare class.",
        **plain,
    )
