"""The resize tab of the Predict page: how much the resize mode changes the prediction of a photo."""

from __future__ import annotations

import streamlit as st

from cityseg.analysis.prediction.agreement import agreement
from cityseg.api import Result
from cityseg.api.types import Fit
from cityseg.errors import CitysegError
from cityseg.figures.class_shares import percent_text
from cityseg.markdown import escape
from cityseg.ui.common.viewer import viewer
from cityseg.ui.predict.model_view import ModelView, Photo, model_view
from cityseg.ui.predict.result_view import GROUP
from cityseg.ui.predict.sources import ImageSource

_MODES: tuple[Fit, ...] = ("stretch", "letterbox", "tiles")
"""Modes that use the whole photo."""
_MIN_DIFFERENCE = 0.02
"""Share of the pixels above which the predictions are shown side by side."""


def show(source: ImageSource, photo: Photo, model: Result, *, flip: bool) -> None:
    """Report how far the modes agree for a model, and show the predictions side by side if they differ."""
    try:
        with st.spinner(f"{escape(model.id)} predicts the photo in {len(_MODES)} resize modes", show_time=True):
            views = {fit: model_view(source, model, fit, flip=flip) for fit in _MODES}
    except CitysegError as error:
        st.error(f"The other resize modes cannot be shown. {escape(error)}", icon=":material/error:")
        return
    shares = {fit: _agreement(views["stretch"], views[fit]) for fit in _MODES[1:]}
    listed = ", ".join(f"**{fit}** on {percent_text(share)}" for fit, share in shares.items())
    st.markdown(f"{escape(model.id)} predicts the same class as with **stretch**: {listed} of the pixels.")
    if min(shares.values()) > 1 - _MIN_DIFFERENCE:
        st.caption("The resize mode hardly matters for this photo.")
        return
    for fit, column in zip(_MODES, st.columns(len(_MODES), gap="small"), strict=True):
        with column:
            summary = views[fit].summary
            confidence = f"mean confidence {100 * summary.mean_confidence:.0f} %"
            st.markdown(f"**{fit}** :small[:gray[{confidence} · {summary.milliseconds:,.0f} ms]]")
            viewer(
                photo.image,
                [views[fit].prediction],
                key=f"predict_fit_{fit}",
                alt=f"The photo {source.name} with the prediction of {model.id}, resize mode {fit}.",
                group=GROUP,
                legend=False,
                clicks=False,
            )
    st.caption(
        "Stretch distorts objects unless the photo has the model's aspect ratio, as the frames of the scores have; "
        "letterbox shrinks everything; tiles lack the context of the whole photo. Distrust them where they disagree."
    )


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs={ModelView: lambda view: view.key})
def _agreement(first: ModelView, second: ModelView) -> float:
    return agreement([first.summary.train_ids, second.summary.train_ids]).share
