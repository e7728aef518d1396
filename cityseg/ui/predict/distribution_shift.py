"""How far a photo is from what a model knows, on the predict page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.analysis.prediction.distribution_shift import Familiarity
from cityseg.figures import theme
from cityseg.figures.distribution_shift import familiar
from cityseg.ui.predict.layers import Sight

UNSURE_BELOW = 0.65
"""Mean confidence under which the page warns."""


def warn(sights: Sequence[Sight]) -> None:
    """Say beside the pictures where they should not be relied on: the photo is unlike val, or a model unsure."""
    found = [words for sight in sights if (words := _doubts(sight))]
    # Models with the same doubts need not repeat each other.
    if found:
        st.warning("\n\n".join(dict.fromkeys(found)), icon=":material/help:")


def _doubts(sight: Sight) -> str:
    words = []
    found, confidence = sight.look.familiarity, sight.look.seen.confidence
    if found is not None and not found.is_familiar:
        words.append(found.sentence)
    if confidence < UNSURE_BELOW:
        words.append(
            f"**{sight.model.id} is unsure here**: it holds its own answer for {100 * confidence:.0f} % likely on "
            "average."
        )
        if found is None:
            words.append(
                "Either it has not learned much yet, or this photo differs from what it learned from: another camera "
                "or viewpoint, night, rain, another country. Do not rely on this picture."
            )
    return " ".join(words)


def show(sights: Sequence[Sight]) -> None:
    """Show where the photo lies among the val frames, for each model."""
    for sight in sights:
        name, found = sight.model.id, sight.look.familiarity
        if found is None:
            st.info(
                f"What val looks like to {name} has not been counted yet. `cityseg evaluate {name} --split val` counts "
                "it.",
                icon=":material/speed:",
            )
        else:
            _card(name, found)
    if any(sight.look.familiarity for sight in sights):
        st.caption(
            "How to read it: the band holds the middle nine of ten val frames, streets like those the model learned "
            "from; the diamond is this photo, orange where it lies outside. A photo inside every band can still be "
            "unlike them in ways that are not measured here."
        )


def _card(name: str, found: Familiarity) -> None:
    left, right = st.columns([7, 5], gap="medium", vertical_alignment="center")
    with left:
        st.plotly_chart(
            familiar(found, theme.run_color(name)),
            key=f"predict_familiar_{name}",
            config={"displayModeBar": False},
            alt=f"This photo among the val frames of {name}. {found.sentence}",
        )
    with right:
        st.markdown(f"**{name}**: {found.sentence}")
        st.markdown(
            "\n".join(f"- **{trait.name}** {trait.value:.0f} %: {_rank(trait.percentile)}" for trait in found.traits)
        )


def _rank(percentile: float) -> str:
    if percentile <= 0:
        return "lower than on any val frame"
    if percentile >= 100:
        return "higher than on any val frame"
    return f"higher than on {percentile:.0f} % of the val frames"
