"""How common each class is."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameFilter, most_of
from cityseg.api import DataInfo
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.classes import class_frequencies, class_shares, percent, rarest_first
from cityseg.ui.app import session
from cityseg.ui.dataset.charts.common import Point, Statistics, chart, show_frames, title


def classes_tab(info: DataInfo, counted: Statistics) -> None:
    """Show how much of the picture and of the frames each class takes, per split."""
    shares = {split: statistics.share for split, statistics in counted.items()}
    frequencies = {split: statistics.frequency for split, statistics in counted.items()}
    frames = {split: len(statistics.frames) for split, statistics in counted.items()}
    order = rarest_first(shares)
    palette = session.palette()
    left, right = st.columns(2, gap="medium")
    with left:
        title(
            "How much of the picture",
            "Rarest class on top. Every grid line is ten times the one before; marks of a class that lie apart mean "
            "that the splits differ there. Click a class to see its frames.",
        )
        chart(
            class_shares(shares, order, palette),
            "class_shares",
            "Share of every class per split, rarest first, on a log scale",
            _to_frames,
        )
    with right:
        title(
            "In how many frames",
            "A class can be small and yet be in every frame (poles), or large where it is but in few frames (trains). "
            "Click a bar to see its frames.",
        )
        chart(
            class_frequencies(frequencies, frames, order, palette),
            "class_frames",
            "Number of frames that hold each class, rarest first",
            _to_frames,
        )
    title("All figures", f"Share of the labelled pixels and number of frames, counted at {_size(info)}; – is absent.")
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


def _size(info: DataInfo) -> str:
    height, width = STATISTICS_SIZE
    return f"{width} × {height} px (frames on disk: {info.native_size[1]} × {info.native_size[0]} px)"


def _to_frames(point: Point) -> None:
    if (name := point.get("y")) in CLASS_NAMES:
        show_frames(FrameFilter(classes=(name,), order=most_of(name)))
