"""Variants of the CPU training step, each compared with a reference.

    python -m benchmarks.cpu_step [--preset better-3] [--rounds N] [--compile] [--json]

- ``float32``, ``bfloat16`` (convolutions in float32 on CPUs without bfloat16 instructions), both also with
  ``channels_last``, and with ``--compile`` float32 through torch.compile: the preset's update at its image size and
  batch size, in alternating rounds within one process, against plain float32.
- ``native bfloat16``: a step of a tiny U-Net in PyTorch's own bfloat16 against float32 convolutions.
- ``freed memory``: a step with freed memory kept in the process against glibc's default, each in a fresh process.
- ``idle threads``: a step with ``GOMP_SPINCOUNT`` 0, or the short spin that ``cityseg`` sets, against OpenMP's default,
  each in a fresh process. The result depends on the machine's other load.

Frames per second are those of the best round; ``processor_ratio`` compares CPU time, which other load disturbs less.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated

import numpy as np
import torch
import typer

from benchmarks.common import CPU, alternate, figures_of, print_figures
from cityseg.cli.options import Json
from cityseg.config import ExperimentConfig, presets
from cityseg.engine.bench.stopwatch import Ratio, Stopwatch
from cityseg.engine.runtime.allocator import keep_freed_memory
from cityseg.engine.runtime.precision import WidenedConvolutions, has_native_bfloat16
from cityseg.engine.step import build_optimizer, make_update
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import UNet, arguments_of, build_model

_ENVIRONMENTS: dict[str, dict[str, dict[str, str]]] = {
    "freed memory": {"kept": {}, "default": {"CITYSEG_BENCH_MEMORY": "default"}},
    "idle threads": {
        "sleep at once": {"GOMP_SPINCOUNT": "0"},
        "short wait": {},
        "default": {"GOMP_SPINCOUNT": "300000"},
    },
}


def update_of(config: ExperimentConfig) -> Callable[[], object]:
    """Return the training update of a config on random data in memory."""
    torch.manual_seed(0)
    model = build_model(config.architecture, arguments_of(config))
    memory = torch.channels_last if config.channels_last else torch.contiguous_format
    model.to(memory_format=memory)
    if config.compile:
        model.compile()
    update = make_update(config, model, SegmentationLoss(None, 1.0), build_optimizer(config, model), CPU)
    x = torch.randn(config.batch_size, 3, *config.image_size).to(memory_format=memory)
    labels = torch.randint(0, 19, (config.batch_size, *config.image_size), dtype=torch.uint8)
    return lambda: update(x, labels)


def variants(config: ExperimentConfig, rounds: int, compiled: bool) -> dict[str, Ratio]:
    """Measure dtypes and memory formats in alternating rounds."""
    keep_freed_memory()
    changes = {
        f"{precision}{' channels_last' if last else ''}": {"precision": precision, "channels_last": last}
        for precision in ("float32", "bfloat16")
        for last in (False, True)
    }
    if compiled:
        changes["float32 compiled"] = {"precision": "float32", "compile": True}
    updates = {name: update_of(config.model_copy(update=change)) for name, change in changes.items()}
    watch = alternate(updates, rounds)
    return {name: watch.ratio(name, config.batch_size, "float32", config.batch_size) for name in updates}


def native_bfloat16() -> Ratio:
    """Measure PyTorch's own bfloat16 convolutions against float32 ones on a tiny network."""
    model, photos = UNet(8, 2).bfloat16(), torch.rand(4, 3, 64, 128).bfloat16()
    watch = Stopwatch(CPU)
    for _ in range(2):
        watch.time("native", lambda: model(photos).float().sum().backward())
        with WidenedConvolutions():
            watch.time("widened", lambda: model(photos).float().sum().backward())
    return watch.ratio("native", 4, "widened", 4)


def print_seconds(rounds: int) -> None:
    """Print (wall, CPU) seconds of better-1's fastest update, for the parent process."""
    if os.environ.get("CITYSEG_BENCH_MEMORY") != "default":
        keep_freed_memory()
    watch = alternate({"update": update_of(presets.preset("better-1"))}, rounds)
    print(json.dumps(watch.best("update").tolist()))


def in_fresh_processes(name: str, rounds: int) -> dict[str, Ratio]:
    """Measure environments that are fixed at process start against the one named ``default``."""
    watch, environments = Stopwatch(CPU), _ENVIRONMENTS[name]
    command = [sys.executable, "-m", "benchmarks.cpu_step", "--rounds", str(rounds), "--child"]
    for _ in range(3):
        for kind, values in environments.items():
            output = subprocess.run(command, env={**os.environ, **values}, capture_output=True, check=True, timeout=600)
            watch.note(kind, np.array(json.loads(output.stdout)))
    return {f"{name}: {kind}": watch.ratio(kind, 16, "default", 16) for kind in environments if kind != "default"}


def main(
    preset: str = "better-3",
    rounds: int = 3,
    compiled: Annotated[bool, typer.Option("--compile")] = False,
    child: Annotated[bool, typer.Option("--child", hidden=True)] = False,
    as_json: Json = False,
) -> None:
    """Measure variants of the CPU training step and print their ratios."""
    if child:
        print_seconds(rounds)
        return
    results = variants(presets.preset(preset), rounds, compiled)
    if not has_native_bfloat16(CPU):
        results["native bfloat16"] = native_bfloat16()
    for name in _ENVIRONMENTS:
        results |= in_fresh_processes(name, rounds)
    print_figures({name: figures_of(ratio) for name, ratio in results.items()}, as_json)


if __name__ == "__main__":
    typer.run(main)
