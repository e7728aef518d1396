"""Cost of the configured training: parameters, MACs, memory, time, steps and warnings."""

from __future__ import annotations

import time

import streamlit as st

from cityseg import api
from cityseg.api import CostEstimate, DataInfo
from cityseg.config import ExperimentConfig, affecting
from cityseg.markdown import escape
from cityseg.ui.app import cache, glossary
from cityseg.ui.app.background import duration
from cityseg.ui.train import queue

_METRIC_WIDTH = 150
"""Pixels; two metrics in a row on desktop and phone."""
_MEMORY_PARTS = {
    "optimizer": "optimiser state",
    "activations": "activations of one batch",
    "process": "Python and PyTorch",
}


def show(config: ExperimentConfig, info: DataInfo) -> str:
    """Show the cost of the training on the connected data; return its time and memory as a line of Markdown."""
    counted = cache.cost(config, sum(info.frames.values()))
    estimate = api.estimate(config, info.spec, info=info, counted=counted)
    seconds, source = _time(config, estimate)
    macs = "Multiply-accumulate operations to predict one frame. Training takes about three times as many per frame."
    memory = max(counted.memory.total, estimate.pace.peak_bytes if estimate.pace else 0)
    metrics = [
        ("Parameters", compact(counted.parameters), f"Trainable parameters: {counted.parameters:,}."),
        ("MACs", compact(counted.multiply_adds), macs),
        ("Memory", f"{memory / 2**30:.1f} GB", _memory_parts(estimate)),
        ("Time", duration(seconds) if seconds else glossary.ABSENT, source),
    ]
    with st.container(horizontal=True, gap="small"):
        for label, value, meaning in metrics:
            st.metric(label, value, help=meaning, width=_METRIC_WIDTH)
    st.markdown(f":small[{_steps(config, estimate, info)}]")
    if estimate.warnings:
        lines = "\n".join(f"- {escape(sentence)}" for sentence in estimate.warnings)
        st.warning(lines if len(estimate.warnings) > 1 else escape(estimate.warnings[0]), icon=":material/report:")
    for sentence in estimate.notes:
        st.caption(f":material/info: {escape(sentence)}")
    wanted = f"about **{duration(seconds)}**" if seconds else "time unknown until measured"
    return f"**{escape(config.preset)}**: {wanted}, **{memory / 2**30:.1f} GB** of memory"


def compact(number: int) -> str:
    """Format a count with three significant digits: 950, 122 k, 7.78 M, 1.88 G."""
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= 0.9995 * size:
            scaled = number / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f}{letter}"
    return str(number)


def step_time(seconds: float) -> str:
    """Format the time of a step: 24 ms, 1.35 s."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def _memory_parts(estimate: CostEstimate) -> str:
    parts = ", ".join(
        f"{_MEMORY_PARTS.get(name, name)} {size / 2**20:,.0f} MB"
        for name, size in vars(estimate.cost.memory).items()
        if size >= 2**19
    )
    measured = f" Measured peak: {estimate.pace.peak_bytes / 2**20:,.0f} MB." if estimate.pace else ""
    return f"Estimated peak: {parts}.{measured}"


def _time(config: ExperimentConfig, estimate: CostEstimate) -> tuple[float | None, str]:
    """Return the seconds to finish, or None, and their source: a measurement or a similar run."""
    pace = estimate.pace
    if pace is not None and estimate.seconds is not None and estimate.measured is not None:
        when = time.strftime("%H:%M", time.localtime(estimate.measured))
        scoring = f"{estimate.frames['val'] * pace.evaluation_seconds:.1f} s to score val after each epoch"
        return estimate.seconds, (
            f"Measured on this machine at {when}: {step_time(pace.step_seconds)} per step, and {scoring}. Without "
            "reading the frames; other programs slow it down."
        )
    for result in cache.results():
        alike = all(getattr(result.config, field) == getattr(config, field) for field in affecting("throughput"))
        rate = (result.progress or {}).get("frames_per_second")
        if result.source == "run" and alike and rate:
            origin = (
                f"From the {rate:.0f} frames per second of {escape(result.id)}, a run of the same network and size."
            )
            return estimate.frames["train"] * config.epochs / rate, f"{origin} **Measure time** below is more exact."
    return None, "Unknown: no similar run on this machine. Use **Measure time** below."


def _steps(config: ExperimentConfig, estimate: CostEstimate, info: DataInfo) -> str:
    epochs = glossary.counted(config.epochs, "epoch")
    words = [
        f"**{estimate.cost.parameters:,}** parameters",
        f"**{estimate.steps:,}** steps in {epochs} over {estimate.frames['train']:,} frames of **{escape(info.name)}**",
    ]
    if estimate.seconds is None:
        words.append("time from a similar run" if _time(config, estimate)[0] else "time unknown until measured")
    running = sum(result.state == "running" for result in cache.results())
    if running and queue.starts_at_once(cache.queue()):
        words.append(f":orange[{glossary.counted(running, 'training')} already running: they slow each other down]")
    return " · ".join(words)
