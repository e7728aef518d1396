"""The speeds that shipped models are compared by, all measured in one go.

    python -m benchmarks.front [--model NAME ...] [--rounds N] [--write]

A card tells the speed of the day its model was published, and a processor gives more on some days than on others. Here
all models take turns, by PyTorch and by ONNX Runtime, and each counts its best round, whose speed is that of
its median frame (``engine.speed``). ``--write`` puts the figures in ``model.json`` and README of every model and
changes nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from cityseg import api, checkpoint
from cityseg.api import Result, find_robustness
from cityseg.api.models.model_card import model_card
from cityseg.engine.inference_speed import measure_speed
from cityseg.inference.onnx import through_onnx


def main() -> None:
    """Print a line per model, fastest in ONNX Runtime first."""
    parser = argparse.ArgumentParser(description="Speeds of shipped models, measured in one go.")
    parser.add_argument("--model", action="append", help="MODEL, any number of times; all shipped ones by default")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="put the figures in the models' cards")
    words = parser.parse_args()
    results = [each for each in api.list_results() if each.source == "shipped"]
    results = [each for each in results if not words.model or each.id in words.model]
    sides = [_sides(result) for result in results]
    rounds = [[(by_torch(), by_onnx()) for by_torch, by_onnx in sides] for _ in range(words.rounds)]
    best = [(max(a for a, _ in seen), max(b for _, b in seen)) for seen in zip(*rounds, strict=True)]
    for result, (by_torch, by_onnx) in sorted(zip(results, best, strict=True), key=lambda pair: -pair[1][1]):
        print(f"{result.id:14} ONNX {by_onnx:7.1f} frames/s   PyTorch {by_torch:7.1f}")
        if words.write:
            _write(result, by_torch, by_onnx)


def _sides(result: Result) -> tuple[Callable[[], float], Callable[[], float]]:
    """Return what measures a model once by PyTorch and once by ONNX Runtime, on the processor, in frames per second."""
    network, card = checkpoint.load(result.run.checkpoint)

    def once(model: torch.nn.Module) -> float:
        speed = measure_speed(model, card.image_size, card.normalization, torch.device("cpu"))
        return float(speed["frames_per_second"])

    return partial(once, network), partial(once, through_onnx(network, card).model)


def _write(result: Result, by_torch: float, by_onnx: float) -> None:
    folder = result.run.checkpoint
    card = checkpoint.read_card(folder)
    card = replace(card, speed={**card.speed, "frames_per_second": by_torch, "onnx_frames_per_second": by_onnx})
    robustness = find_robustness(str(folder), "val", card.scores["val"]["fingerprint"])
    checkpoint.write_card(folder, card)
    (folder / "README.md").write_text(model_card(result.run, result, card, robustness), encoding="utf-8")


if __name__ == "__main__":
    main()
