"""The Classes tab."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cityseg.api import DataInfo
from cityseg.api.data.prepare import STATISTICS_SIZE
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.classes import class_frequencies, class_shares, percent, rarest_first
from cityseg.ui.app import session
from cityseg.ui.dataset.charts import common


def show(info: DataInfo, counted: common.Statistics) -> None:
    """Show the pixel share and the number of frames of each class per split."""
    shares = {split: statistics.share for split, statistics in counted.items()}
    frequencies = {split: statistics.frequency for split, statistics in counted.items()}
    frames = {split: len(statistics.frames) for split, statistics in counted.items()}
    order = rarest_first(shares)
    left, right = st.columns(2, gap="medium")
    with left:
        common.title(
            "Pixel share",
            "Rarest class first. Each grid line is ten times the previous one; marks of a class that lie apart mean "
            "that the splits differ. Click a class to see its frames.",
        )
        figure = class_shares(shares, order, session.palette())
        alt = "Pixel share of every class per split, rarest first, on a log scale"
        common.chart(figure, "class_shares", alt, _to_frames)
    with right:
        common.title(
            "Number of frames",
            "Some classes are small but in every frame (poles), others are large but in few frames (trains). Click a "
            "bar to see its frames.",
        )
        figure = class_frequencies(frequencies, frames, order, session.palette())
        common.chart(figure, "class_frames", "Number of frames that contain each class, rarest first", _to_frames)
    height, width = STATISTICS_SIZE
    native = f"{info.native_size[1]} × {info.native_size[0]} px"
    common.title(
        "All figures",
        f"Share of the labelled pixels and number of frames, at {width} × {height} px (native size {native}); – is "
        "absent.",
    )
    table: dict[str, list[str | int]] = {"Class": [CLASS_NAMES[index] for index in order]}
    columns: dict[str, Any] = {}
    for split in counted:
        table[f"{split}: share"] = [percent(float(shares[split][index])) for index in order]
        columns[f"{split}: share"] = st.column_config.TextColumn(alignment="right")
        table[f"{split}: frames"] = [int(frequencies[split][index]) for index in order]
        columns[f"{split}: frames"] = st.column_config.NumberColumn(format="localized")
    alt = "Pixel share and number of frames of every class per split"
    st.dataframe(table, hide_index=True, height="content", column_config=columns, alt=alt)


def _to_frames(point: common.Point) -> None:
    if (name := point.get("y")) in CLASS_NAMES:
        common.show_frames(common.with_class(name))
