"""The part of the split whose frames the inspect page walks through: one slice, or all."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.errors import slices
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.analysis.errors.slices import Kind, Slice
from cityseg.api import DataInfo
from cityseg.errors import CitysegError
from cityseg.ui.app import cache, session, url_state
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.inspect.subject import FIRST

_PARAMETER, _BETWEEN = "part", ": "


def choose_part(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None) -> Slice | None:
    """Say which slice was chosen, and offer all frames again; None where all are walked through.

    Args:
        subject: what is inspected.
        measure: what its frames are ordered by.
        info: the connected data, if it holds the frames.
    """
    part = _chosen(subject, measure, info)
    if part is None or part.places is None or _leads_elsewhere(subject, part.places):
        session.remember(_PARAMETER, None)
        return None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f":material/filter_alt: **{part.name}**: {len(part.places):,} of {len(subject.names):,} frames",
            width="content",
        )
        st.button("All frames", key="inspect_all_frames", icon=":material/close:", on_click=forget)
    return part


def _chosen(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None) -> Slice | None:
    name = session.text(_PARAMETER)
    kind = next((kind for kind in slices.FRAME_KINDS if name.startswith(f"{kind}{_BETWEEN}")), None)
    if kind is None or info is None:
        return None
    try:
        found = cut(subject, measure, info, kind)
    except CitysegError:
        # The tab of the slices says so.
        return None
    return next((part for part in found if is_chosen(kind, part.label)), None)


def _leads_elsewhere(subject: MeasuredSplit, places: np.ndarray) -> bool:
    """Whether something was clicked that lies in a frame outside the part: then that frame is meant."""
    wished = url_state.wished("inspect_frame")
    return wished in subject.names and wished not in {subject.names[place] for place in places}


def cut(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo, kind: Kind) -> list[Slice]:
    """Cut the split by what its frames hold; raises what ``slices.cut`` does."""
    counted = cache.counted(info.spec)[subject.split]
    return slices.cut(kind, subject.matrices, subject.names, counted, measure.train_id)


def is_chosen(kind: Kind, label: str) -> bool:
    """Whether this slice's frames are walked through."""
    return session.text(_PARAMETER) == f"{kind}{_BETWEEN}{label}"


def choose(kind: Kind, label: str) -> None:
    """Walk through a slice's frames in the next run, from the worst on (for callbacks)."""
    session.remember(_PARAMETER, f"{kind}{_BETWEEN}{label}")
    url_state.wish("inspect_frame", FIRST)


def forget() -> None:
    """Walk through all frames in the next run (for callbacks)."""
    session.remember(_PARAMETER, None)
