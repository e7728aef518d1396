"""Probe frames: predictions of a run on a few fixed val frames after each epoch."""

from __future__ import annotations

import streamlit as st

from cityseg.api import Result
from cityseg.api.types import read_probe
from cityseg.classes import to_color
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, session
from cityseg.ui.common import frames
from cityseg.ui.common.viewer import Layer, viewer


def show(result: Result) -> None:
    """Show one probe frame of a run with a slider over its epochs, which follows the newest until it is moved."""
    run_id = result.id
    folders = {name: paths for name, paths in result.run.probes().items() if paths}
    if not folders:
        st.caption("Predictions on four val frames appear after the first epoch.")
        return
    left, right = st.columns(2)
    frame = left.selectbox("Frame", list(folders), key=f"probe_frame_{run_id}", help="Four evenly spaced val frames.")
    paths = {int(path.stem.rpartition("-")[2]): path for path in folders[frame]}
    with right:
        epoch = _epoch(run_id, sorted(paths))
    predicted = read_probe(paths[epoch])
    spec = session.data_spec()
    try:
        view = cache.frame(spec, "val", frame)
    except CitysegError:
        st.image(
            to_color(predicted, session.palette()), width="stretch", caption=f"{escape(frame)} after epoch {epoch}"
        )
        st.caption("The connected dataset does not contain this frame, so its photo cannot be shown.")
        return
    viewer(
        frames.unsquashed(view.photo, cache.data_info(spec)),
        [Layer("prediction", predicted), Layer("ground truth", view.train_ids)],
        key=f"probe_{run_id}",
        alt=f"{frame}, predicted by {run_id} after epoch {epoch}",
        compare=("prediction", "ground truth"),
        clicks=False,
        max_side=1024,
    )
    st.caption("Prediction on the left of the handle, ground truth on the right.")


def _epoch(run_id: str, epochs: list[int]) -> int:
    if len(epochs) == 1:
        st.markdown(f":small[After epoch]  \n**{epochs[0]}**")
        return epochs[0]
    key, newest = f"probe_epoch_{run_id}", f"probe_newest_{run_id}"
    if st.session_state.get(key) in (None, st.session_state.get(newest)) or st.session_state[key] not in epochs:
        st.session_state[key] = epochs[-1]
    st.session_state[newest] = epochs[-1]
    return st.select_slider("After epoch", epochs, key=key, help="Follows the newest epoch until it is moved.")
