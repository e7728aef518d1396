"""What the chosen training takes, before it is started: four figures, a line on the steps, and what is wrong."""

from __future__ import annotations

import time

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo, Estimate
from cityseg.config import ExperimentConfig, affecting
from cityseg.ui.app import cache
from cityseg.ui.app.background import duration
from cityseg.ui.train import queue

_FIGURE_WIDTH = 150
"""Two in a row, on a desk and on a phone, in pixels."""


def show(config: ExperimentConfig, info: DataInfo) -> None:
    """Show what the training takes on the connected data."""
    counted = cache.cost(config, sum(info.frames.values()))
    estimate = api.estimate(config, info.spec, info=info, counted=counted)
    seconds, source = _time(config, estimate)
    with st.container(horizontal=True, gap="small"):
        st.metric(
            "Parameters",
            compact(counted.parameters),
            help=f"Trainable parameters: {counted.parameters:,}.",
            width=_FIGURE_WIDTH,
        )
        st.metric(
            "MACs",
            compact(counted.multiply_adds),
            help="Multiply-accumulate operations to predict one frame, counted in convolutions and matrix products. "
            "A training step takes about three times as many per frame of its batch.",
            width=_FIGURE_WIDTH,
        )
        st.metric("Memory", _gigabytes(_memory(estimate)), help=_memory_words(estimate), width=_FIGURE_WIDTH)
        st.metric("Time", duration(seconds) if seconds else "–", help=source, width=_FIGURE_WIDTH)
    st.markdown(f":small[{_steps(config, estimate, info)}]")
    _warn(estimate)


def compact(number: int) -> str:
    """Write a count in three figures: 950, 122 k, 7.78 M, 1.88 G."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * size:
            scaled = number / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{letter}"
    return str(number)


def step_time(seconds: float) -> str:
    """Write the time of a step: 24 ms, 1.35 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def _memory(estimate: Estimate) -> int:
    """Return the larger of what was estimated and what was seen."""
    return max(estimate.cost.memory.total, estimate.pace.peak_bytes if estimate.pace else 0)


def _memory_words(estimate: Estimate) -> str:
    names = {
        "weights": "weights",
        "gradients": "their gradients",
        "optimizer": "the optimiser",
        "activations": "activations of one batch",
        "frames": "all frames",
        "process": "Python and PyTorch",
    }
    parts = ", ".join(
        f"{names[name]} {size / 2**20:,.0f} MB" for name, size in vars(estimate.cost.memory).items() if size >= 2**19
    )
    seen = f" The timed steps took {estimate.pace.peak_bytes / 2**20:,.0f} MB at most." if estimate.pace else ""
    return f"Estimated at the fullest moment: {parts}.{seen}"


def _time(config: ExperimentConfig, estimate: Estimate) -> tuple[float | None, str]:
    """Return the seconds to finish, and where they come from: measured, by a run like it, or not known."""
    pace = estimate.pace
    if pace is not None and estimate.seconds is not None and estimate.measured is not None:
        when = time.strftime("%H:%M", time.localtime(estimate.measured))
        return estimate.seconds, (
            f"Measured on this machine at {when}: {step_time(pace.step_seconds)} per step, and "
            f"{estimate.frames['val'] * pace.evaluation_seconds:.1f} s to score val after each epoch. Reading the "
            "frames is not part of it. What else runs here makes it longer."
        )
    for result in cache.results():
        alike = all(getattr(result.config, field) == getattr(config, field) for field in affecting("throughput"))
        rate = (result.progress or {}).get("frames_per_second")
        if result.source == "run" and alike and rate:
            return estimate.frames["train"] * config.epochs / rate, (
                f"From the {rate:.0f} frames per second of {result.id}, a run of the same network and size. "
                "**Measure time**, below, does it for these very settings."
            )
    return None, "Not known: nothing like it has been trained here. **Measure time**, below, does a few real steps."


def _steps(config: ExperimentConfig, estimate: Estimate, info: DataInfo) -> str:
    epochs = f"{config.epochs:,} epoch{'' if config.epochs == 1 else 's'}"
    words = [
        f"**{estimate.cost.parameters:,}** parameters",
        f"**{estimate.steps:,}** steps in {epochs} over {estimate.frames['train']:,} frames of **{info.name}**",
    ]
    if estimate.seconds is None:
        words.append("time is a guess until measured" if _time(config, estimate)[0] else "time not known yet")
    going = sum(result.state == "running" for result in cache.results())
    if going and queue.starts_at_once(cache.queue()):
        verb = "training is" if going == 1 else "trainings are"
        words.append(f":orange[{going} {verb} running here already: all of them get slower]")
    return " · ".join(words)


def _warn(estimate: Estimate) -> None:
    if estimate.warnings:
        lines = "\n".join(f"- {sentence}" for sentence in estimate.warnings)
        st.warning(lines if len(estimate.warnings) > 1 else estimate.warnings[0], icon=":material/report:")
    for sentence in estimate.notes:
        st.caption(f":material/info: {sentence}")


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f} GB"
