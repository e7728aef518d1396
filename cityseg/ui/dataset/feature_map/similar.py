"""Frames like this one: the nearest frames by the features of the map's model."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.dataset import embedding
from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import url_state
from cityseg.ui.common import frames
from cityseg.ui.common.gallery import Thumbnail, gallery
from cityseg.ui.dataset.feature_map import model

_COUNT = 12


def show(info: DataInfo, table: FrameTable, name: str) -> str | None:
    """Show the frames that are most similar to one of the table, or the way to compute them; return the clicked one."""
    st.markdown("**Frames like this one**")
    try:
        chosen = model.current(info.spec)
        found = model.load(chosen, info.spec, table.names) if chosen else None
    except CitysegError as error:
        st.caption(f"Similar frames are not available. {escape(error)}")
        return None
    if found is None:
        st.caption("Similar frames are found with the map of the set, which is not computed yet.")
        icon, tab = ":material/scatter_plot:", ("tab", "Map")
        request = url_state.request
        if st.button("Open the Map tab", icon=icon, key="similar_map", type="tertiary", on_click=request, args=tab):
            # The tabs are outside the fragment of this button.
            st.rerun()
        return None
    own = table.names.index(name)
    similarity = embedding.similarities(found.stored.features, own)
    similarity[own] = -np.inf
    nearest = np.argsort(-similarity, kind="stable")[: min(_COUNT, len(similarity) - 1)]
    cells = []
    for index in nearest.tolist():
        other, split = table.names[index], table.splits.item(index)
        title = f"{similarity[index]:.3f} · {split}"
        cells.append(Thumbnail(other, title, other, frames.thumbnail(info.spec, split, other)))
    clicked = gallery(cells, key="similar", label=f"Frames like {name}", aspect=frames.aspect(info), cell=112)
    st.caption(
        f"Most similar first, with the cosine of the features that {escape(chosen or '')} computes, and the split. "
        "1 is the same direction."
    )
    return clicked
