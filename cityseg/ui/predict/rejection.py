"""The threshold below which a model says "unknown" on the predict page, and what that costs and gains on val."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cityseg.api import Result
from cityseg.api.types import Fit, risk_coverage
from cityseg.figures import theme
from cityseg.figures.class_shares import percent_text
from cityseg.figures.rejection import refusal
from cityseg.ui.app import session, url_state
from cityseg.ui.predict.layers import Sight

_LEAST, _PARAMETER = "predict_unknown", "unknown"
_OPTIONS = [str(percent) for percent in range(0, 100, 5)] + ["99"]


def threshold(sights: Sequence[Sight], fit: Fit, *, flip: bool) -> int:
    """Let the user choose the least confidence in per cent, 0 for none, and say how much of the photo that leaves.

    Args:
        sights: what the models see.
        fit, flip: how they looked; what is known of val holds for ``stretch`` without the mirror image.
    """
    url_state.settle(_LEAST, _PARAMETER, _OPTIONS, _OPTIONS[0])
    answer = st.select_slider(
        "“Unknown” below a confidence of",
        _OPTIONS,
        format_func=lambda percent: f"{percent} %",
        key=_LEAST,
        persist_state="session",
        help="Confidence is the probability that the model gives to the class it chooses. Pixels below the threshold "
        "turn grey: better no answer than a wrong one.",
    )
    url_state.keep(_LEAST, _PARAMETER, answer)
    session.remember(_PARAMETER, None if answer == _OPTIONS[0] else answer)
    least = int(answer)
    if least:
        told = "  \n".join(_words(sight, least, named=len(sights) > 1) for sight in sights)
        counted = any(_counts(sight.model) is not None for sight in sights)
        st.caption(told + (_other_way(fit, flip) if counted else ""))
    else:
        st.caption("At 0 % every pixel gets a class, however unsure the model is.")
    return least


def _words(sight: Sight, least: int, *, named: bool) -> str:
    seen, model = sight.look.seen, sight.model
    name = f"**{model.id}**: " if named else ""
    words = f"{name}**{percent_text(seen.unknown(least))}** of this photo is unknown."
    counts = _counts(model)
    if counts is None:
        return f"{words} How often it is wrong above the threshold has not been counted for this model."
    _, coverage, risk = risk_coverage(counts)
    if not coverage[least] > 0:
        return f"{words} On val it is never that sure."
    return (
        f"{words} Of the pixels kept, about **{percent_text(risk[least])}** are wrong on val, "
        f"instead of {percent_text(risk[0])} of all."
    )


def curve(sights: Sequence[Sight], least: int, fit: Fit, *, flip: bool) -> None:
    """Show the risk at every coverage on val, with the threshold marked."""
    found = {sight.model.id: _counts(sight.model) for sight in sights}
    counted = {name: counts for name, counts in found.items() if counts is not None}
    for name in found.keys() - counted.keys():
        st.info(
            f"The confidence of {name} has not been counted on val yet. `cityseg evaluate {name} --split val` counts "
            "it.",
            icon=":material/speed:",
        )
    if not counted:
        return
    st.plotly_chart(
        refusal(counted, {name: theme.run_color(name) for name in counted}, least),
        key="predict_risk",
        config={"displayModeBar": False},
        alt=f"Wrong pixels on val by the share of pixels kept: {', '.join(counted)}",
    )
    st.caption(
        "How to read it: from right to left, a model refuses more and more of the val pixels it is least sure of; the "
        "lower the line, the fewer mistakes are left. The round mark is the threshold chosen above. It was counted on "
        "streets like those it learned from; on a photo unlike them it is wrong more often than this."
        + _other_way(fit, flip)
    )


def _other_way(fit: Fit, flip: bool) -> str:
    """Say, after a space, that val was looked at in another way; nothing where it was not."""
    here = [*([fit] if fit != "stretch" else []), *(["the mirror image"] if flip else [])]
    if not here:
        return ""
    return (
        f" Val was counted with stretch and without the mirror image, so with {' and '.join(here)} these figures are "
        "only a guide."
    )


def _counts(model: Result) -> np.ndarray | None:
    detail = model.run.detail("val")
    return None if detail is None else detail.calibration
