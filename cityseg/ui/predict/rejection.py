"""The rejection threshold of the Predict page, and its risk and coverage on val."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg.api.types import risk_coverage
from cityseg.figures import theme
from cityseg.figures.calibration import risk_curves
from cityseg.figures.class_shares import percent_text
from cityseg.markdown import escape
from cityseg.ui.app import url_state
from cityseg.ui.common.charts import chart_title, plain_chart
from cityseg.ui.predict.distribution_shift import missing_statistics
from cityseg.ui.predict.model_view import ModelView

_KEY, _PARAMETER = "predict_unknown", "unknown"
_OPTIONS = [*(str(percent) for percent in range(0, 100, 5)), "99"]


def choose_threshold(views: Sequence[ModelView]) -> int:
    """Show the threshold and its effect on the photo; return it in per cent, 0 for none."""
    url_state.settle(_KEY, _PARAMETER, _OPTIONS, _OPTIONS[0])
    answer = st.select_slider(
        "Rejection threshold",
        _OPTIONS,
        format_func=lambda percent: f"{percent} %",
        key=_KEY,
        persist_state="session",
        help="Pixels whose predicted class has a lower probability become “unknown” and grey.",
    )
    url_state.keep(_PARAMETER, None if answer == _OPTIONS[0] else answer)
    threshold = int(answer)
    if not threshold:
        st.caption("At 0 % every pixel gets a class, however low its confidence.")
        return 0
    effects = "  \n".join(_effect(view, threshold, named=len(views) > 1) for view in views)
    stored = any(view.val_counts is not None for view in views)
    st.caption(effects + (_caveat(views[0]) if stored else ""))
    return threshold


def _effect(view: ModelView, threshold: int, *, named: bool) -> str:
    name = f"**{escape(view.model.id)}**: " if named else ""
    effect = f"{name}**{percent_text(view.summary.rejected_share(threshold))}** of this photo is unknown."
    if view.val_counts is None:
        return f"{effect} The error rate above the threshold is unknown: this model's val statistics are not stored."
    _, coverage, risk = risk_coverage(view.val_counts)
    if not coverage[threshold] > 0:
        return f"{effect} On val no pixel reaches this confidence."
    return (
        f"{effect} Of the pixels kept, about **{percent_text(risk[threshold])}** are wrong on val, "
        f"instead of {percent_text(risk[0])} of all."
    )


def show_curves(views: Sequence[ModelView], threshold: int) -> None:
    """Show the risk-coverage curves on val with the threshold marked."""
    counts = {}
    for view in views:
        if view.val_counts is None:
            missing_statistics(view.model.id)
        else:
            counts[view.model.id] = view.val_counts
    if not counts:
        return
    chart_title(
        "Wrong pixels by pixels kept, on val",
        "From right to left, more of the least confident val pixels are rejected; the lower the line, the fewer errors "
        "remain. Expect more errors on a photo unlike the val frames.",
    )
    plain_chart(
        risk_curves(counts, {model: theme.run_color(model) for model in counts}, threshold),
        "predict_risk",
        f"Share of wrong pixels on val by the share of pixels kept: {', '.join(counts)}",
    )
    if caveat := _caveat(views[0]):
        st.caption(caveat.strip())


def _caveat(view: ModelView) -> str:
    """Return a sentence, after a space, if the val statistics were measured with other settings; else nothing."""
    settings = [*([view.fit] if view.fit != "stretch" else []), *(["flip TTA"] if view.flip else [])]
    if not settings:
        return ""
    return (
        " The val statistics were measured with stretch and without flip TTA, so with "
        f"{' and '.join(settings)} these figures are only a guide."
    )
