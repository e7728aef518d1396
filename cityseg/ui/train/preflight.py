"""Preflight checks on the Train page: three short jobs with their progress and results."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from cityseg import api
from cityseg import config as configuration
from cityseg.api import PreflightCheck
from cityseg.api.types import CHECK_KINDS, HIGHEST, LOWEST, OVERFIT_F1, OVERFIT_STEPS, CheckKind
from cityseg.config import ExperimentConfig
from cityseg.figures import preflight as figures
from cityseg.markdown import escape
from cityseg.ui.app.background import progress_bar
from cityseg.ui.common import config_state
from cityseg.ui.common.callbacks import attempt, show_error
from cityseg.ui.common.charts import chart_title, plain_chart
from cityseg.ui.train.cost import step_time

_ERROR = "trial_refused"
_BUTTONS: dict[CheckKind, tuple[str, str, str]] = {
    "estimate": ("Measure time", ":material/timer:", "Times a few real steps and part of the evaluation: 30 seconds."),
    "overfit": (
        "8-frame check",
        ":material/fact_check:",
        "Trains on 8 frames until the network overfits them. If it cannot, the learning rate is off, or it has a bug.",
    ),
    "lr-find": (
        "Find learning rate",
        ":material/trending_down:",
        "Trains for 60 steps with a rising learning rate and suggests the one where the loss falls fastest.",
    ),
}
_PHASES = {
    "": "Starting",
    "preparing": "Reading every frame once",
    "measuring": "Timing real steps",
    "learning": "Overfitting 8 frames",
    "searching": "Trying learning rates",
}


def offer(config: ExperimentConfig, spec: str) -> None:
    """Show the preflight checks of a config: buttons, progress and results."""
    with st.expander("Preflight checks", icon=":material/science:"):
        _checks(config, spec)


def _checks(config: ExperimentConfig, spec: str) -> None:
    running = next(iter(api.running_checks()), None)
    st.caption("Short checks of the settings above, in processes of their own; they do not affect runs.")
    with st.container(horizontal=True, gap="small"):
        for kind, (label, icon, meaning) in _BUTTONS.items():
            st.button(
                label,
                icon=icon,
                help=meaning,
                key=f"trial_{kind}",
                disabled=running is not None,
                on_click=_start,
                args=(kind, spec),
            )
    show_error(_ERROR, "The check was not started. ")
    found = {kind: api.find_check(kind, config, spec) for kind in CHECK_KINDS}
    # Fixed containers: a chart that moves when the bar above it disappears would be rendered again.
    with st.container():
        if running is not None:
            unit = "frames" if running.phase == "preparing" else "steps"
            progress_bar(
                _PHASES.get(running.phase, running.phase), running.done, running.total, running.seconds_left, unit
            )
            st.button("Stop", icon=":material/stop:", key="trial_stop", on_click=api.stop_check, args=(running,))
            own = found[running.kind]
            if own is None or own.state != "running":
                st.caption("It checks the settings it was started with; they have changed since.")
    for check in found.values():
        with st.container():
            if check is not None:
                _outcome(check)


def _start(kind: CheckKind, spec: str) -> None:
    """Start a check of the form as it is now, including the latest input."""
    attempt(_ERROR, lambda: api.start_check(kind, config_state.current(), spec))


def _outcome(check: PreflightCheck) -> None:
    label = _BUTTONS[check.kind][0]
    if check.state == "failed":
        reason = check.error or ""
        st.error(f"**{label} failed.** {escape(reason)}", icon=":material/error:")
    elif check.state == "stopped":
        st.caption(f"{label}: stopped.")
    elif check.result is not None:
        {"estimate": _estimate, "overfit": _overfit, "lr-find": _rate}[check.kind](check, check.result)


def _estimate(check: PreflightCheck, pace: dict[str, Any]) -> None:
    if check.state != "finished":
        return
    on = "the prepared frames" if pace["source"] == "frames" else "noise, as the data is not prepared at this size"
    rate, when = pace["batch_size"] / pace["step_seconds"], time.strftime("%H:%M", time.localtime(check.when))
    st.markdown(
        f":material/timer: **{step_time(pace['step_seconds'])}** per step of {pace['batch_size']} frames, "
        f"**{rate:.3g}** frames per second (the median of {pace['steps']} steps on {on}); "
        f"**{pace['peak_bytes'] / 2**30:.1f} GB** of memory at the peak. Measured at {when}."
    )


def _overfit(check: PreflightCheck, result: dict[str, Any]) -> None:
    place = st.empty()
    if check.state == "finished":
        show = {"learnt": place.success, "learning": place.info}.get(result["outcome"], place.warning)
        show(escape(result["verdict"]), icon=":material/fact_check:")
    chart_title("8 frames", "Macro F1 should approach 1 and the loss 0, since every step trains on the same 8 frames.")
    plain_chart(
        figures.overfit_curve(result["points"], result.get("steps", OVERFIT_STEPS), OVERFIT_F1),
        "trial_overfit_curve",
        "Macro F1 and loss on 8 frames over the steps that overfit them",
    )


def _rate(check: PreflightCheck, result: dict[str, Any]) -> None:
    suggestion = result.get("suggestion")
    place = st.empty()
    if check.state == "finished":
        show = place.warning if suggestion is None else place.success
        show(escape(result["verdict"]), icon=":material/trending_down:")
    chart_title(
        "Loss over the learning rate",
        "The suggestion is at the steepest descent; further right the loss becomes unstable. A schedule that only "
        "peaks there tolerates more than a constant learning rate.",
    )
    plain_chart(
        figures.rate_curve(result["points"], result["smoothed"], suggestion, (LOWEST, HIGHEST)),
        "trial_rate_curve",
        "Loss over a rising learning rate, on a logarithmic axis, with the suggestion marked",
    )
    if suggestion is not None:
        st.button(
            "Use this learning rate",
            icon=":material/check:",
            key="trial_use_rate",
            on_click=_use,
            args=(suggestion,),
            disabled=config_state.values()["learning_rate"] == _rounded(suggestion),
        )


def _use(rate: float) -> None:
    """Put the learning rate into the form and keep its other settings."""

    def fill() -> None:
        values = config_state.current().model_dump()
        config_state.fill(configuration.build({**values, "learning_rate": _rounded(rate)}))

    attempt(_ERROR, fill)


def _rounded(rate: float) -> float:
    """Round to two significant digits, the accuracy of the suggestion."""
    return float(f"{rate:.2g}")
