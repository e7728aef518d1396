"""Preflight checks of a config: ``cityseg estimate``, ``overfit`` and ``lr-find``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from cityseg import api
from cityseg.api.training.preflight import check_document
from cityseg.api.types import OVERFIT_STEPS, OverfitCheck, RateSearch
from cityseg.cli.common import Bars, counted, print_result, table
from cityseg.cli.options import ConfigFile, Data, Json, Preset, Runs, Settings, build_config
from cityseg.config import ExperimentConfig


def estimate(
    preset: Preset = None,
    config_file: ConfigFile = None,
    data: Data = None,
    settings: Settings = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Estimate a training: parameters, MACs, memory, and time from a few real steps."""
    config = build_config(preset, config_file, settings)
    with Bars() as bars:
        result = api.measure_time(config, data, runs=runs, on_progress=bars.phase)
    print_result(as_json, result.as_dict(), _estimate_lines(result, config))


def overfit(
    preset: Preset = None,
    config_file: ConfigFile = None,
    data: Data = None,
    settings: Settings = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps at most.", show_default=str(OVERFIT_STEPS))] = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Check that a config can overfit 8 frames; the exit code is 1 if it cannot."""
    with Bars() as bars:
        config = build_config(preset, config_file, settings)
        check = api.overfit(config, data, steps=steps, runs=runs, on_progress=bars.phase)
    print_result(as_json, check_document(check), _overfit_lines(check))
    if check.outcome in ("stuck", "diverged"):
        raise typer.Exit(1)


def lr_find(
    preset: Preset = None,
    config_file: ConfigFile = None,
    data: Data = None,
    settings: Settings = None,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Find a learning rate: a short training whose learning rate rises until the loss diverges."""
    with Bars() as bars:
        search = api.find_rate(build_config(preset, config_file, settings), data, runs=runs, on_progress=bars.phase)
    print_result(as_json, check_document(search), _rate_lines(search))


def _estimate_lines(result: api.CostEstimate, config: ExperimentConfig) -> Iterable[str]:
    cost, pace = result.cost, result.pace
    parts = ", ".join(f"{name} {size / 2**20:,.0f}" for name, size in vars(cost.memory).items())
    rows = [
        ("parameters", f"{cost.parameters:,}"),
        ("MACs", f"{cost.multiply_adds / 1e9:.3g} billion for a frame's prediction"),
        ("memory", f"about {cost.memory.total / 2**20:,.0f} MB estimated ({parts})"),
        ("steps", f"{result.steps:,} in {counted(config.epochs, 'epoch')} over {result.frames['train']:,} frames"),
    ]
    if pace is not None and result.seconds is not None:
        on = "the prepared frames" if pace.source == "frames" else "noise of that size, as the data is not prepared"
        rows += [
            ("memory peak", f"{pace.peak_bytes / 2**20:,.0f} MB in the timed steps"),
            ("step", f"{pace.step_seconds * 1000:.0f} ms, the median of {counted(pace.steps, 'step')} on {on}"),
            ("evaluation", f"{result.frames['val'] * pace.evaluation_seconds:.1f} s after each epoch"),
            ("time to finish", f"about {result.seconds:,.0f} s"),
        ]
    else:
        rows.append(("time to finish", "not measured: not enough memory"))
    changed = ", ".join(f"{name} {mine} ({theirs})" for name, (mine, theirs) in result.differences.items())
    rows.append((f"differs from {config.preset}", changed or "no"))
    yield from table(rows[0], rows[1:])
    yield from (f"warning: {sentence}" for sentence in result.warnings)
    yield from (f"note: {sentence}" for sentence in result.notes)


def _overfit_lines(check: OverfitCheck) -> Iterable[str]:
    shown = [point for point in check.points if point.step % 20 == 0 or point.step in (1, len(check.points))]
    rows = [(f"{point.step}", f"{point.loss:.3f}", f"{point.macro_f1:.3f}") for point in shown]
    yield from table(("step", "loss", "macro F1"), rows)
    yield check.verdict


def _rate_lines(search: RateSearch) -> Iterable[str]:
    rows = [
        (f"{point.learning_rate:.2e}", f"{point.loss:.3f}", f"{smoothed:.3f}")
        for point, smoothed in zip(search.points, search.smoothed, strict=True)
    ]
    yield from table(("learning rate", "loss", "smoothed"), rows)
    yield search.verdict
