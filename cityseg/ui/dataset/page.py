"""The Dataset page: frames and statistics of the connected data, and the panel to connect other data."""

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
TABS = (
    "Browse",
    "Splits",
    "Classes",
    "Spatial heatmaps",
    "Co-occurrence",
    "Sizes",
    "Brightness and contrast",
    "Augmentation",
)
_FORMER_TABS = {"Where": "Spatial heatmaps", "Together": "Co-occurrence", "Light": "Brightness and contrast"}
"""Names of tabs in older links."""
COUNTED_IN_PLACE = 400
"""Datasets of up to this many frames are decoded when the page opens; larger ones take minutes and need a click."""
_SPLIT_WORDS: dict[Split, str] = {
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
        st.error(f"The connected data cannot be opened. {error}", icon=":material/link_off:")
        connect.panel(None)
        return
    session.share_data()
    figures = st.empty()
    _figures(figures, info, None)
    try:
        counted = _counted(info)
    except CitysegError as error:
        st.error(f"Some frames are unusable. {error}", icon=":material/broken_image:")
        preparation.offer_skipping(spec)
        counted = None
    if counted is None:
        connect.panel(info, prepare=False)
        return
    problems.left_out(spec)
    _figures(figures, info, counted)
    if linked := _FORMER_TABS.get(st.query_params.get("tab", "")):
        st.session_state["tab"] = linked
    for name, tab in zip(TABS, st.tabs(TABS, key="tab", bind="query-params"), strict=True):
        if tab.open:
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
        case "Spatial heatmaps":
            charts.spatial_tab(info, counted)
        case "Co-occurrence":
            charts.cooccurrence_tab(counted)
        case "Sizes":
            charts.sizes_tab(counted)
        case "Brightness and contrast":
            charts.brightness_tab(counted)
        case "Augmentation":
            augmentation.augmentation_tab(info, counted)


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
    frame = cache.frame(info.spec, split, cache.frame_names(info.spec, split)[0])
    with place.container():
        st.caption(f"First frame: {frame.name}.")
        viewer(
            frames.unsquashed(frame.photo, info),
            [Layer("truth", frame.train_ids)],
            key="meanwhile",
            alt=f"Frame {frame.name} with its ground truth.",
            clicks=False,
        )


def overall_share(counted: Statistics) -> np.ndarray:
    """Return the (19,) share of each class over all splits."""
    pixels = np.sum([statistics.pixels.sum(0) for statistics in counted.values()], axis=0)
    result: np.ndarray = pixels / max(1, pixels.sum())
    return result


def _figures(place: Any, info: DataInfo, counted: Statistics | None) -> None:
    grid = place.grid(columns=4, min_column_width=150)
    plain: dict[str, Any] = {"delta_color": "off", "delta_arrow": "off", "border": True}
    purposes = "; ".join(f"{info.frames[split]:,} {split} frames {_SPLIT_WORDS[split]}" for split in SPLITS)
    grid.metric(
        "Frames",
        f"{sum(info.frames.values()):,}",
        " · ".join(f"{split} {info.frames[split]:,}" for split in SPLITS),
        help=f"{purposes}. The official Cityscapes test labels are not public, so the official validation frames are "
        "halved into val and test.",
        **plain,
    )
    cities = {split: set(info.cities[split]) - {""} for split in SPLITS}
    in_all = set().union(*cities.values())
    grid.metric(
        "Cities",
        f"{len(in_all):,}" if in_all else "–",
        " · ".join(f"{split} {len(cities[split]):,}" for split in SPLITS) if in_all else "not recorded",
        help="Frames of one city are similar. The fewer cities train and test share, the harder and fairer the test.",
        **plain,
    )
    if counted is None:
        grid.metric("Classes present", "…", f"of {NUM_CLASSES}", **plain)
        grid.metric("Imbalance", "…", "not computed yet", **plain)
        return
    share = overall_share(counted)
    missing = [name for name, value in zip(CLASS_NAMES, share, strict=True) if not value > 0]
    grid.metric(
        "Classes present",
        f"{NUM_CLASSES - len(missing)} of {NUM_CLASSES}",
        f"missing: {', '.join(missing)}" if missing else "none missing",
        help="Classes with at least one labelled pixel, of the 19 evaluated Cityscapes classes.",
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
        help=f"There are {times:,.0f} pixels of {CLASS_NAMES[largest]} per pixel of {CLASS_NAMES[smallest]}. The "
        "larger the ratio, the less the overall accuracy depends on the rare class.",
        **plain,
    )
