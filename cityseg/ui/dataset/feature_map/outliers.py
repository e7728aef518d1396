"""The list of outliers: frames that no other frame resembles."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import DataInfo
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.dataset.feature_map.model import LoadedMap

_COUNT = 18


def show(info: DataInfo, table: FrameTable, found: LoadedMap, shown: np.ndarray) -> str | None:
    """Show the frames with the largest distance to their 10th nearest neighbour; return the clicked one."""
    st.caption(
        f"The figure is the distance to the k-th nearest frame (k = {found.neighbours.frames.shape[1]}), 1 minus the "
        "cosine similarity. Look here for faulty photos, odd scenes and situations that the set hardly contains."
    )
    order = np.argsort(-found.isolation, kind="stable")
    cells = []
    for index in order[shown[order]][:_COUNT].tolist():
        name, split = table.names[index], table.splits.item(index)
        title = f"{found.isolation[index]:.3f} · {split}"
        cells.append(Thumbnail(name, title, name, frames.thumbnail(info.spec, split, name)))
    return gallery(cells, key="map_outliers", label="Outliers", aspect=frames.aspect(info), target="map_frame")
