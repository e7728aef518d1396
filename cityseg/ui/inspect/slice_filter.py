"""Filter of the inspected frames by a slice of the split."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.errors import slices
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.analysis.errors.slices import Kind, Slice
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, history, reveal, url_state
from cityseg.ui.common import frame_navigator
from cityseg.ui.common.measured_split import MeasuredSplit

FRAMES = "inspect_frames"
"""Key of the container with the frames to choose from."""
_PARAMETER, _SEPARATOR = "part", ": "


def choose_part(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> Slice | None:
    """Show the chosen slice with a button that clears it; None if all frames are shown."""
    part = _chosen(measured, metric, info)
    if part is None or part.places is None or _is_left(measured, part.places):
        history.record(_PARAMETER, None)
        return None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":material/filter_alt: **{escape(part.name)}**: {len(part.places):,} of {len(measured.names):,} frames",
            width="content",
        )
        st.button("All frames", key="inspect_all_frames", icon=":material/close:", on_click=clear)
    return part


def _chosen(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> Slice | None:
    name = history.read(_PARAMETER)
    kind = next((kind for kind in slices.FRAME_KINDS if name.startswith(f"{kind}{_SEPARATOR}")), None)
    if kind is None or info is None:
        return None
    try:
        found = cut(measured, metric, info, kind)
    except CitysegError:
        # The tab of the slices shows the error.
        return None
    return next((part for part in found if is_chosen(kind, part.label)), None)


def _is_left(measured: MeasuredSplit, places: np.ndarray) -> bool:
    """Return whether a frame outside the slice was clicked elsewhere on the page."""
    pending = url_state.pending("inspect_frame")
    return pending in measured.names and pending not in {measured.names[place] for place in places}


def cut(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo, kind: Kind) -> list[Slice]:
    """Slice the split by a property of whole frames; raises what ``slices.cut`` does."""
    counted = cache.counted(info.spec)[measured.split]
    return slices.cut(kind, measured.matrices, measured.names, counted, metric.train_id)


def is_chosen(kind: Kind, label: str) -> bool:
    """Return whether this slice is chosen."""
    return history.read(_PARAMETER) == f"{kind}{_SEPARATOR}{label}"


def choose(kind: Kind, label: str) -> None:
    """Show the frames of a slice in the next run, starting at the worst (for callbacks)."""
    history.record(_PARAMETER, f"{kind}{_SEPARATOR}{label}")
    frame_navigator.restart("inspect")
    reveal.request(FRAMES)


def clear() -> None:
    """Show all frames in the next run (for callbacks)."""
    history.record(_PARAMETER, None)
