"""The Map tab: every frame as a point, near duplicates and outliers."""

from __future__ import annotations

import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.dataset.charts import common
from cityseg.ui.dataset.feature_map import job, model, points


def show(info: DataInfo, counted: common.Statistics) -> None:
    """Show the map of the connected data as the chosen model sees it, or the panel that computes it."""
    common.title(
        "Map of the set",
        "Every frame is a point. Frames close to each other look alike to the encoder of a model; the axes have no "
        "meaning of their own. Draw around points to see their frames; while panning or zooming, click one to open it.",
    )
    chosen = model.choose(info.spec)
    if chosen is None:
        st.info("The map needs a model with weights. Train one first.", icon=":material/model_training:")
        return
    try:
        found = model.load(chosen, info.spec, FrameTable.of(counted).names)
        if found is not None:
            points.show(info, counted, found)
            return
        frames = sum(info.frames.values())
        st.markdown(
            f"The encoder of **{escape(chosen)}** has to see all {frames:,} frames once, without the decoder. The map "
            "is kept beside the prepared frames."
        )
        job.show(chosen, info.spec)
    except CitysegError as error:
        st.error(escape(error), icon=":material/error:")
