"""The out-of-distribution check of the Predict page, and its warnings."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.analysis.prediction.distribution_shift import DistributionShift
from cityseg.figures import theme
from cityseg.figures.distribution_shift import trait_ranges
from cityseg.markdown import code, escape
from cityseg.ui.common.charts import chart_title, plain_chart
from cityseg.ui.predict.model_view import ModelView

WARN_BELOW = 0.65
"""Mean confidence below which the page warns."""


def warn(views: Sequence[ModelView]) -> None:
    """Warn about photos unlike the val frames and about models with low confidence."""
    # Several models often give the same warning.
    models: dict[str, list[str]] = {}
    for view in views:
        if warning := _warning(view):
            models.setdefault(warning, []).append(view.model.id)
    warnings = [
        f"**{escape(', '.join(names))}**: {warning}" if len(views) > 1 else warning for warning, names in models.items()
    ]
    if warnings:
        st.warning("\n\n".join(warnings), icon=":material/help:")


def _warning(view: ModelView) -> str:
    shift, confidence = view.shift, view.summary.mean_confidence
    sentences = [escape(shift.sentence)] if shift is not None and not shift.in_distribution else []
    if confidence < WARN_BELOW:
        sentences.append(f"**{escape(view.model.id)} is unsure**: its mean confidence is {100 * confidence:.0f} %.")
        if shift is None:
            sentences.append("It needs more training, or this photo differs from its training data. Do not rely on it.")
    return " ".join(sentences)


def show(views: Sequence[ModelView]) -> None:
    """Show the traits of the photo among the val frames of each model."""
    if any(view.shift for view in views):
        chart_title(
            "This photo among the val frames",
            "Each band holds the middle 90 % of the val frames; the diamond is this photo, orange if outside. A photo "
            "inside every band can still differ in other ways.",
        )
    for view in views:
        if view.shift is None:
            missing_statistics(view.model.id)
        else:
            _show_traits(view.model.id, view.shift)


def missing_statistics(model: str) -> None:
    """Report that the val statistics of a model are missing, with the command that computes them."""
    st.info(
        f"The val statistics of {escape(model)} are not stored yet. "
        f"{code(f'cityseg evaluate {model} --split val')} computes them.",
        icon=":material/speed:",
    )


def _show_traits(model: str, shift: DistributionShift) -> None:
    left, right = st.columns([7, 5], gap="medium", vertical_alignment="center")
    with left:
        plain_chart(
            trait_ranges(shift, theme.run_color(model)),
            f"predict_familiar_{model}",
            f"This photo among the val frames of {model}. {shift.sentence}",
        )
    with right:
        st.markdown(f"**{escape(model)}**: {escape(shift.sentence)}")
        traits = (f"- **{trait.name}** {trait.value:.0f} %: {_rank(trait.percentile)}" for trait in shift.traits)
        st.markdown("\n".join(traits))


def _rank(percentile: float) -> str:
    if percentile <= 0:
        return "lower than on any val frame"
    if percentile >= 100:
        return "higher than on any val frame"
    return f"higher than on {percentile:.0f} % of the val frames"
