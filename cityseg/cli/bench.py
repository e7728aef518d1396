"""``cityseg bench``: how fast a config trains on this machine, compared with the limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from cityseg import api, config
from cityseg.api.training.bench import ROUNDS, TARGETS, BenchResult
from cityseg.cli.common import Bars, counted, print_result, table
from cityseg.cli.options import Json
from cityseg.config import presets

_SIDES = {
    "epoch": ("a whole epoch", "its steps, with data in memory"),
    "evaluation": ("an evaluation pass", "forward passes alone"),
    "cache": ("training from the cache", "decoding in every epoch"),
}


def bench(
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(presets.PRESETS)}.")] = "better-1",
    data: Annotated[
        str | None,
        typer.Option(help="Dataset whose train frames are used.", show_default="synthetic scenes of 2048x1024"),
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, any number of times.")] = None,
    frames: Annotated[
        int | None, typer.Option(help="Frames of an epoch.", show_default="128, or a batch if that is larger")
    ] = None,
    rounds: Annotated[int, typer.Option(help="Measurements of each side; the best one counts.")] = ROUNDS,
    as_json: Json = False,
) -> None:
    """Benchmark training against its limits, in alternating rounds: steps, evaluation, cache, memory."""
    chosen = config.override(presets.preset(preset), settings or [])
    with Bars() as bars:
        result = api.bench(chosen, data, frames=frames, rounds=rounds, on_data=bars.data, on_round=bars.round)
    print_result(as_json, result.as_dict(), lines(result))


def lines(result: BenchResult) -> Iterable[str]:
    """Return the output: config, machine and data, and each ratio with its two sides."""
    config, machine = result.config, result.machine
    yield (
        f"{config.preset} at {config.image_size[0]}x{config.image_size[1]} in {config.precision}, batches of "
        f"{config.batch_size}, on {machine['device']} ({machine['instructions']}, {machine['cores']} cores, "
        f"torch {machine['torch']})"
    )
    yield (
        f"{result.frames} frames of {result.native_size[0]}x{result.native_size[1]} from {result.data}, "
        f"best of {counted(result.rounds, 'round')}"
    )
    yield ""
    rows = [
        (
            _SIDES[name][0],
            f"{ratio.frames_per_second:.1f}",
            _SIDES[name][1],
            f"{ratio.against:.1f}",
            f"{ratio.ratio:.2f}" + (f" (target {TARGETS[name]})" if name in TARGETS else ""),
            f"{ratio.processor_ratio:.2f}",
        )
        for name, ratio in result.ratios.items()
    ]
    yield from table(("", "frames/s", "against", "frames/s", "ratio", "by processor time"), rows)
    yield ""
    yield (
        f"limit: {result.gflop_per_frame:.2f} GFLOP per frame; the step reaches {result.step_gflops:.1f} GFLOP/s, "
        f"a matrix product {result.matmul_gflops:.1f}; decoding takes {result.decode_milliseconds:.0f} ms of a core "
        "per frame"
    )
    growth = result.memory.growth
    yield f"memory: {result.memory.peak / 2**20:,.0f} MiB at most" + (
        "" if growth is None else f", {growth / 2**20:+,.1f} MiB from the second epoch to the last"
    )
