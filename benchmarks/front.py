"""Inference speed of the shipped models, all measured in one session.

    python -m benchmarks.front [--model NAME ...] [--rounds N] [--write]

A model card stores the speed on the day of its publication, and a machine is faster on some days than on others. Here
all models alternate, in PyTorch and in ONNX Runtime. Each counts its best round; a round's speed is that of its median
frame (``engine.inference_speed``). ``--write`` stores the figures in ``model.json`` and README of every model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Annotated

import torch
import typer

from benchmarks.common import CPU, shipped_models
from cityseg import checkpoint
from cityseg.api import Result, find_robustness
from cityseg.api.models.model_card import model_card
from cityseg.engine.inference_speed import measure_speed
from cityseg.inference.onnx import through_onnx


def main(model: Annotated[list[str] | None, typer.Option()] = None, rounds: int = 4, write: bool = False) -> None:
    """Print a line per shipped model, all or those named, fastest in ONNX Runtime first."""
    results = shipped_models(model)
    backends = [_backends(result) for result in results]
    measured = [[(by_torch(), by_onnx()) for by_torch, by_onnx in backends] for _ in range(rounds)]
    best = [tuple(map(max, zip(*speeds, strict=True))) for speeds in zip(*measured, strict=True)]
    for result, (by_torch, by_onnx) in sorted(zip(results, best, strict=True), key=lambda pair: -pair[1][1]):
        print(f"{result.id:14} ONNX {by_onnx:7.1f} frames/s   PyTorch {by_torch:7.1f}")
        if write:
            _write(result, by_torch, by_onnx)


def _backends(result: Result) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return functions that measure a model once in PyTorch and in ONNX Runtime, on the CPU, in frames per second."""
    network, card = checkpoint.load(result.run.checkpoint)

    def measure(model: torch.nn.Module) -> float:
        return float(measure_speed(model, card.image_size, card.normalization, CPU)["frames_per_second"])

    return partial(measure, network), partial(measure, through_onnx(network, card).model)


def _write(result: Result, by_torch: float, by_onnx: float) -> None:
    folder = result.run.checkpoint
    card = checkpoint.read_card(folder)
    card = replace(card, speed={**card.speed, "frames_per_second": by_torch, "onnx_frames_per_second": by_onnx})
    robustness = find_robustness(str(folder), "val", card.scores["val"]["fingerprint"])
    checkpoint.write_card(folder, card)
    (folder / "README.md").write_text(model_card(result.run, result, card, robustness), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
