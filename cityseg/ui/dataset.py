"""The dataset page: what is in the data, frame by frame and class by class, and how to connect other data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from cityseg.api import DataInfo
from cityseg.api.data import STATISTICS_SIZE
from cityseg.data.layout import SPLITS, Split
from cityseg.data.statistics import SplitStatistics
from cityseg.errors import CitysegError
from cityseg.figures.dataset import class_frequencies, class_shares, imbalance, percent, rarest_first
from cityseg.labels import CLASS_NAMES, NUM_CLASSES
from cityseg.ui import browse, cached, connect, pictures, shell, state
from cityseg.ui.viewer import Layer, viewer

Statistics = Mapping[Split, SplitStatistics]
TABS = ("Browse", "Classes")
_CHART: dict[str, Any] = {"displayModeBar": False}
_SPLIT_WORDS: dict[Split, str] = {
    "train": "frames a model learns from",
    "val": "frames that choose a run's best epoch",
    "test": "frames for the final score",
}


def show() -> None:
    """Show the page."""
    shell.heading("Dataset", "What is in this data?")
    spec = state.data_spec()
    try:
        info = cached.draw(spec)
    except CitysegError as error:
        st.error(f"The connected data cannot be opened. {error}", icon=":material/link_off:")
        connect.panel(None)
        return
    state.share_data()
    figures = st.empty()
    _figures(figures, info, None)
    try:
        counted = _counted(info)
    except CitysegError as error:
        st.error(f"The frames cannot be read. {error}", icon=":material/broken_image:")
        connect.panel(info)
        return
    _figures(figures, info, counted)
    tabs = st.tabs(TABS, key="tab", bind="query-params")
    for name, tab in zip(TABS, tabs, strict=True):
        if not tab.open:
            continue
        with tab:
            if name == "Browse":
                browse.browse(info, counted)
            else:
                _classes(info, counted)
    connect.panel(info)


def _counted(info: DataInfo) -> Statistics:
    """Count the classes; the first time, a frame is there to look at meanwhile."""
    if cached.is_prepared(info.spec):
        return cached.counted(info.spec)
    bar, meanwhile = st.container(), st.empty()
    split = next(split for split in SPLITS if info.frames[split])
    frame = cached.frame(info.spec, split, cached.frame_names(info.spec)[split][0])
    with meanwhile.container():
        st.caption(f"The first frame meanwhile: {frame.name}, {frame.city}.")
        viewer(
            pictures.unsquashed(frame.photo, info),
            [Layer("truth", frame.train_ids)],
            key="meanwhile",
            alt=f"Frame {frame.name} with its true classes.",
            clicks=False,
        )
    with bar:
        counted = cached.counted(info.spec)
    meanwhile.empty()
    return counted


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
        grid.metric("Imbalance", "…", "being counted", **plain)
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


def _classes(info: DataInfo, counted: Statistics) -> None:
    shares = {split: statistics.share for split, statistics in counted.items()}
    frequencies = {split: statistics.frequency for split, statistics in counted.items()}
    frames = {split: len(statistics.frames) for split, statistics in counted.items()}
    order = rarest_first(shares)
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("How much of the picture", anchor=False)
        st.caption(
            "Rarest class on top. Every grid line is ten times the one before; marks of a class that lie apart mean "
            "that the splits differ there. Click a class to see its frames."
        )
        st.plotly_chart(
            class_shares(shares, order),
            key="class_shares",
            config=_CHART,
            on_select=lambda: _to_frames("class_shares"),
            selection_mode="points",
            alt="Share of every class per split, rarest first, on a log scale",
        )
    with right:
        st.subheader("In how many frames", anchor=False)
        st.caption(
            "A class can be small and yet be in every frame (poles), or large where it is but in few frames (trains). "
            "Click a bar to see its frames."
        )
        st.plotly_chart(
            class_frequencies(frequencies, frames, order),
            key="class_frames",
            config=_CHART,
            on_select=lambda: _to_frames("class_frames"),
            selection_mode="points",
            alt="Number of frames that hold each class, rarest first",
        )
    st.subheader("All figures", anchor=False)
    st.caption(f"Share of the labelled pixels and number of frames, counted at {_size_words(info)}; – is absent.")
    table: dict[str, list[str | int]] = {"Class": [CLASS_NAMES[index] for index in order]}
    for split in counted:
        table[f"{split}: share"] = [percent(float(shares[split][index])) for index in order]
        table[f"{split}: frames"] = [int(frequencies[split][index]) for index in order]
    st.dataframe(
        table,
        hide_index=True,
        height="content",
        column_config={name: _column(name) for name in table},
        alt="Share and number of frames of every class per split",
    )


def _column(name: str) -> Any:
    if name.endswith("share"):
        return st.column_config.TextColumn(alignment="right")
    return st.column_config.NumberColumn(format="localized") if name.endswith("frames") else name


def _size_words(info: DataInfo) -> str:
    height, width = STATISTICS_SIZE
    return f"{width} × {height} px (frames on disk: {info.native_size[1]} × {info.native_size[0]} px)"


def _to_frames(chart: str) -> None:
    """Lead from a clicked class to its frames, fullest first."""
    points = st.session_state[chart].selection.points
    name = points[0].get("y") if points else None
    if name in CLASS_NAMES:
        browse.open_class(name)
