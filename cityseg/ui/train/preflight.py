"""Trying a recipe before its launch: three short processes, watched from here, with what came of them."""

from __future__ import annotations

import time

import streamlit as st

from cityseg import api
from cityseg import config as configuration
from cityseg.api import PreflightCheck
from cityseg.api.training.preflight import HIGHEST, KINDS, LEARNT, LOWEST, OVERFIT_STEPS, CheckKind
from cityseg.config import ExperimentConfig
from cityseg.errors import CitysegError
from cityseg.figures import preflight as figures
from cityseg.ui.app.background import progress_bar
from cityseg.ui.common import config_state
from cityseg.ui.common.job_panel import poll
from cityseg.ui.train.cost import step_time

_POLL_SECONDS = 1.0
_REFUSED = "trial_refused"
_FILLED = "trial_filled_the_form"
_BUTTONS: dict[CheckKind, tuple[str, str, str]] = {
    "estimate": (
        "Measure time",
        ":material/timer:",
        "Does a few real steps with these very settings, and a piece of the evaluation: about half a minute.",
    ),
    "overfit": (
        "8-frame check",
        ":material/fact_check:",
        "Trains on 8 frames until it knows them by heart. A recipe that cannot do that has a learning rate that is far "
        "off, or something in it is broken.",
    ),
    "lr-find": (
        "Find learning rate",
        ":material/trending_down:",
        "Trains for 60 steps while the learning rate rises, and looks where the loss falls fastest.",
    ),
}
_PHASES = {
    "": "Starting a process of its own",
    "preparing": "Reading every frame once",
    "measuring": "Timing real steps",
    "learning": "Learning 8 frames by heart",
    "searching": "Trying learning rates",
}


def offer(config: ExperimentConfig, spec: str) -> None:
    """Show the three trials of a recipe: buttons, progress with a stop, and results."""
    with st.expander("Try it first", icon=":material/science:"):
        poll(_state, lambda: _checks(config, spec), running=bool(api.running_checks()), seconds=_POLL_SECONDS)


def _state() -> tuple[bool, int]:
    """What cost and form, outside the panel, depend on: whether a check runs, and how often one filled the form."""
    return bool(api.running_checks()), st.session_state.get(_FILLED, 0)


def _checks(config: ExperimentConfig, spec: str) -> None:
    going = next(iter(api.running_checks()), None)
    st.caption("Short checks of the settings above. Each is a process of its own and touches no run.")
    with st.container(horizontal=True, gap="small"):
        for kind, (label, icon, meaning) in _BUTTONS.items():
            st.button(
                label,
                icon=icon,
                help=meaning,
                key=f"trial_{kind}",
                disabled=going is not None,
                on_click=_start,
                args=(kind, spec),
            )
    if refused := st.session_state.get(_REFUSED):
        st.error(f"That did not work: {refused}", icon=":material/error:")
    found = {kind: api.find_check(kind, config, spec) for kind in KINDS}
    # Places that stay: a chart that moved up when the bar above it goes would be drawn anew.
    with st.container():
        if going is not None:
            own = found[going.kind]
            _progress(going, of_these_settings=own is not None and own.state == "running")
    for check in found.values():
        with st.container():
            if check is not None:
                _outcome(check)


def _start(kind: CheckKind, spec: str) -> None:
    """Start the process; a refusal is said beside the buttons. Reads the form as it is now."""
    st.session_state[_REFUSED] = None
    try:
        api.start_check(kind, config_state.current(), spec)
    except CitysegError as error:
        st.session_state[_REFUSED] = str(error)


def _progress(check: PreflightCheck, *, of_these_settings: bool) -> None:
    unit = "frames" if check.phase == "preparing" else "steps"
    progress_bar(_PHASES.get(check.phase, check.phase), check.done, check.total, check.seconds_left, unit)
    st.button("Stop", icon=":material/stop:", key="trial_stop", on_click=api.stop_check, args=(check,))
    if not of_these_settings:
        st.caption("It tries the settings as they were when it was started; they have changed since.")


def _outcome(check: PreflightCheck) -> None:
    label = _BUTTONS[check.kind][0]
    if check.state in ("failed", "stopped"):
        if check.state == "failed":
            reason = (check.error or "").replace("$", "\\$")
            st.error(f"**{label} failed.** {reason}", icon=":material/error:")
        else:
            st.caption(f"{label}: stopped before its end.")
        return
    if check.result is not None:
        {"estimate": _estimate, "overfit": _overfit, "lr-find": _rate}[check.kind](check)


def _estimate(check: PreflightCheck) -> None:
    pace = check.result
    if check.state != "finished" or pace is None:
        return
    on = "frames of the data" if pace["source"] == "frames" else "noise, as the data is not prepared at this size"
    rate = pace["batch_size"] / pace["step_seconds"]
    st.markdown(
        f":material/timer: **{step_time(pace['step_seconds'])}** per step of {pace['batch_size']} frames, "
        f"**{rate:.3g}** frames per second (the median of {pace['steps']} steps on {on}); "
        f"**{pace['peak_bytes'] / 2**30:.1f} GB** of memory at most. Measured {_when(check)}."
    )


def _overfit(check: PreflightCheck) -> None:
    assert check.result is not None
    points = check.result["points"]
    place = st.empty()
    if check.state == "finished":
        show = {"learnt": place.success, "learning": place.info}.get(check.result["outcome"], place.warning)
        show(check.result["verdict"], icon=":material/fact_check:")
    st.plotly_chart(
        figures.overfit_curve(points, check.result.get("steps", OVERFIT_STEPS), LEARNT),
        key="trial_overfit_curve",
        config={"displayModeBar": False},
        alt="Macro F1 and loss on 8 frames over the steps that learn them by heart",
    )
    st.caption("Macro F1 should climb to nearly 1 and the loss fall to nearly 0: the same 8 frames come in every step.")


def _rate(check: PreflightCheck) -> None:
    assert check.result is not None
    suggestion = check.result.get("suggestion")
    place = st.empty()
    if check.state == "finished":
        (place.warning if suggestion is None else place.success)(
            check.result["verdict"], icon=":material/trending_down:"
        )
    st.plotly_chart(
        figures.rate_curve(check.result["points"], check.result["smoothed"], suggestion, (LOWEST, HIGHEST)),
        key="trial_rate_curve",
        config={"displayModeBar": False},
        alt="Loss over a rising learning rate, on a logarithmic axis, with the suggestion marked",
    )
    st.caption(
        "Left: too low to learn anything in a step. The steepest fall is the suggestion; further right the loss jumps "
        "about or runs away. It is a starting point: a schedule that only peaks there stands more than a constant one."
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
    """Put the learning rate into the form, beside what else stands there now."""
    st.session_state[_REFUSED] = None
    try:
        values = config_state.current().model_dump()
        config_state.fill(configuration.build({**values, "learning_rate": _rounded(rate)}))
        st.session_state[_FILLED] = st.session_state.get(_FILLED, 0) + 1
    except CitysegError as error:
        st.session_state[_REFUSED] = str(error)


def _rounded(rate: float) -> float:
    """Keep two figures: more would be a show of accuracy."""
    return float(f"{rate:.2g}")


def _when(check: PreflightCheck) -> str:
    return f"at {time.strftime('%H:%M', time.localtime(check.when))}"
