"""``cityseg bench``: how fast a recipe trains here, and how fast it could."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from cityseg import api, config
from cityseg.api.training.bench import ROUNDS, WANTED, BenchResult
from cityseg.cli.common import Bars, Json, counted, print_result, table
from cityseg.config import presets

_SIDES = {
    "epoch": ("a whole epoch", "its steps, data in place"),
    "evaluation": ("an evaluation pass", "forward passes alone"),
    "cache": ("training from the cache", "decoding in every epoch"),
}


def bench(
    preset: Annotated[str, typer.Option("--preset", help=f"One of {', '.join(presets.PRESETS)}.")] = "better-1",
    data: Annotated[
        str | None,
        typer.Option("--data", help="Dataset whose train frames are used. [default: streets drawn at 2048x1024]"),
    ] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, any number of times.")] = None,
    frames: Annotated[
        int | None, typer.Option("--frames", help="Frames of an epoch. [default: 128, or a batch if that is larger]")
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", help="How often each side is measured; the best counts.")] = ROUNDS,
    as_json: Json = False,
) -> None:
    """Measure training against its limits, both sides in turns: steps, evaluation, cache, memory."""
    bars = Bars()
    try:
        result = api.bench(
            config.override(presets.preset(preset), settings or []),
            data,
            frames=frames,
            rounds=rounds,
            on_data=bars.data,
            on_round=bars.round,
        )
    finally:
        bars.close()
    print_result(as_json, result.as_dict(), lines(result))


def lines(result: BenchResult) -> Iterable[str]:
    """Say what was measured where, and give each ratio with its two sides."""
    recipe, machine = result.config, result.machine
    yield (
        f"{recipe.preset} at {recipe.image_size[0]}x{recipe.image_size[1]} in {recipe.precision}, batches of "
        f"{recipe.batch_size}, on {machine['device']} ({machine['instructions']}, {machine['cores']} cores, "
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
            f"{ratio.ratio:.2f}" + (f" (wanted {WANTED[name]})" if name in WANTED else ""),
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
