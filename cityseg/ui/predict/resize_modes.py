"""Whether it matters for a photo how it is brought to the model's size: every way beside the others."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.prediction.agreement import agreement
from cityseg.api.types import Fit
from cityseg.errors import CitysegError
from cityseg.figures.class_shares import percent_text
from cityseg.ui.common.viewer import Layer, viewer
from cityseg.ui.predict import model_view
from cityseg.ui.predict.layers import PREDICTION, Sight
from cityseg.ui.predict.model_view import Look, Opened, Shown
from cityseg.ui.predict.result_view import GROUP

_WHOLE: tuple[Fit, ...] = ("stretch", "letterbox", "tiles")
"""The ways that look at the whole photo."""
_MATTERS = 0.02
"""Share of the pixels above which a difference is shown."""


def show(opened: Opened, photo: Shown, sight: Sight, flip: bool) -> None:
    """Say how far the ways agree for one model, and show them side by side where they do not."""
    name = sight.model.id
    try:
        with st.spinner(f"{name} is looking at the photo in {len(_WHOLE)} ways", show_time=True):
            looks = {fit: model_view.look(opened, sight.model, fit, flip=flip) for fit in _WHOLE}
    except CitysegError as error:
        st.error(f"The other ways cannot be shown. {error}", icon=":material/error:")
        return
    shares = {fit: _same(looks["stretch"], looks[fit]) for fit in _WHOLE[1:]}
    words = ", ".join(f"**{fit}** on {percent_text(share)}" for fit, share in shares.items())
    st.markdown(f"Other ways of fitting give {name} the same class as **stretch**: {words} of the pixels.")
    if min(shares.values()) > 1 - _MATTERS:
        st.caption("So for this photo it hardly matters how it is fitted.")
        return
    for fit, column in zip(_WHOLE, st.columns(len(_WHOLE), gap="small"), strict=True):
        with column:
            seen = looks[fit].seen
            st.markdown(f"**{fit}** :small[:gray[{100 * seen.confidence:.0f} % sure · {seen.milliseconds:,.0f} ms]]")
            viewer(
                photo.photo,
                [Layer(PREDICTION, seen.train_ids, seen.percent.astype(np.float32) / 100)],
                key=f"predict_fit_{fit}",
                alt=f"The street photo {opened.street.name} with what {name} sees in it, fitted by {fit}.",
                group=GROUP,
                legend=False,
                clicks=False,
            )
    st.caption(
        "Stretching changes the shape of things where the photo is not as wide as the model's frames; letterbox keeps "
        "it and makes everything smaller; tiles look twice as close and miss the whole. If they disagree, trust none "
        "of them blindly. If the photo's shape is that of the training frames, stretch is what the scores were "
        "measured with."
    )


def _same(first: Look, second: Look) -> float:
    return _agreed(first.key, second.key, first.seen.train_ids, second.seen.train_ids)


@st.cache_data(show_spinner=False, max_entries=64)
def _agreed(first: str, second: str, _first: np.ndarray, _second: np.ndarray) -> float:
    return agreement([_first, _second]).share
