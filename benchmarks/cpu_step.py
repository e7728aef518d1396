"""Variants of the training step on this machine's processor, each against the step as it is.

    python -m benchmarks.cpu_step [--preset better-3] [--rounds N] [--compile] [--json]

- ``float32``, ``bfloat16`` (convolutions widened to float32 where the processor has no bfloat16 instructions), both
  also with ``channels_last``, and with ``--compile`` float32 through torch.compile: the recipe's own update at its
  image size and batch, in turns within one process. The ratio is against plain float32.
- ``native bfloat16``: one step of a tiny U-Net in PyTorch's own bfloat16 against the same with widened convolutions.
- ``freed memory``: a step with freed memory kept in the process against glibc's default, each in a fresh process.
- ``idle threads``: a step whose idle threads sleep at once, or after the short wait that ``cityseg`` asks for,
  against OpenMP's long wait, each in a fresh process. Other work on the machine decides this one.

Frames per second are of the best round, and ``processor_ratio`` compares processor seconds instead, which other work
disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable

import torch

from cityseg.config import ExperimentConfig, presets
from cityseg.engine.bench.stopwatch import Ratio, Stopwatch
from cityseg.engine.runtime.allocator import keep_freed_memory
from cityseg.engine.runtime.precision import WidenedConvolutions, has_native_bfloat16
from cityseg.engine.step import build_optimizer, make_update
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import UNet, arguments_of, build_model

CPU = torch.device("cpu")
_CHILDREN = {
    "freed memory": {"kept": {}, "default": {"CITYSEG_BENCH_MEMORY": "default"}},
    "idle threads": {
        "sleep at once": {"GOMP_SPINCOUNT": "0"},
        "short wait": {},
        "default": {"GOMP_SPINCOUNT": "300000"},
    },
}


def update_of(config: ExperimentConfig) -> Callable[[], object]:
    """Return the recipe's update on random data in place."""
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
    """Measure number types and memory orders in turns."""
    keep_freed_memory()
    kinds = {
        f"{precision}{' channels_last' if last else ''}": {"precision": precision, "channels_last": last}
        for precision in ("float32", "bfloat16")
        for last in (False, True)
    }
    if compiled:
        kinds["float32 compiled"] = {"precision": "float32", "compile": True}
    updates = {name: update_of(config.model_copy(update=changes)) for name, changes in kinds.items()}
    watch = Stopwatch(CPU)
    for _ in range(rounds + 1):
        for name, update in updates.items():
            watch.time(name, update)
    return {name: watch.ratio(name, config.batch_size, "float32", config.batch_size) for name in updates}


def native_bfloat16() -> Ratio:
    """Measure PyTorch's own bfloat16 convolutions against widened ones on a tiny network."""
    model, photos = UNet(8, 2).bfloat16(), torch.rand(4, 3, 64, 128).bfloat16()
    watch = Stopwatch(CPU)
    for _ in range(2):
        watch.time("native", lambda: model(photos).float().sum().backward())
        with WidenedConvolutions():
            watch.time("widened", lambda: model(photos).float().sum().backward())
    return watch.ratio("native", 4, "widened", 4)


def child(rounds: int) -> None:
    """Print (wall, processor) seconds of the best of better-1's updates."""
    if os.environ.get("CITYSEG_BENCH_MEMORY") != "default":
        keep_freed_memory()
    update, watch = update_of(presets.preset("better-1")), Stopwatch(CPU)
    for _ in range(rounds + 1):
        watch.time("update", update)
    print(json.dumps(watch.best("update").tolist()))


def in_fresh_processes(name: str, rounds: int) -> dict[str, Ratio]:
    """Measure settings that a process cannot change once it runs; the last of them is what the others are held to."""
    watch, settings = Stopwatch(CPU), _CHILDREN[name]
    for _ in range(3):
        for kind, values in settings.items():
            answer = subprocess.run(
                [sys.executable, "-m", "benchmarks.cpu_step", "--rounds", str(rounds), "--child"],
                env={**os.environ, **values},
                capture_output=True,
                text=True,
                check=True,
                timeout=600,
            )
            watch.note(kind, torch.tensor(json.loads(answer.stdout)).numpy())
    return {f"{name}: {kind}": watch.ratio(kind, 16, "default", 16) for kind in settings if kind != "default"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="better-3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.rounds)
        return
    results = variants(presets.preset(arguments.preset), arguments.rounds, arguments.compile)
    if not has_native_bfloat16(CPU):
        results["native bfloat16"] = native_bfloat16()
    for name in _CHILDREN:
        results |= in_fresh_processes(name, arguments.rounds)
    figures = {
        name: {
            "frames_per_second": ratio.frames_per_second,
            "against_frames_per_second": ratio.against,
            "ratio": ratio.ratio,
            "processor_ratio": ratio.processor_ratio,
        }
        for name, ratio in results.items()
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, values in figures.items():
        print(f"{name:30s}" + ", ".join(f"{key} {value:,.2f}" for key, value in values.items()))


if __name__ == "__main__":
    main()
