"""Frames per second of models through ONNX Runtime, against PyTorch: one frame at a time, on two threads.

    python -m benchmarks.onnx_speed [--model NAME ...] [--rounds N] [--threads N] [--json]

A frame begins as a float tensor at the model's own size and ends as the most probable class of every pixel, on both
sides. The two take turns, and each counts its best round of ten frames.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cityseg import api, checkpoint
from cityseg.engine.stopwatch import Stopwatch
from cityseg.export import load_onnx, write_onnx
from cityseg.metrics import most_probable

_FRAMES = 10


def main() -> None:
    """Print a line per model."""
    parser = argparse.ArgumentParser(description="ONNX Runtime against PyTorch, one frame at a time.")
    parser.add_argument("--model", action="append", help="MODEL, any number of times; all shipped ones by default")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    names = words.model or [result.id for result in api.list_results() if result.source == "shipped"]
    measured = [measure(name, words.rounds) for name in names]
    if words.json:
        print(json.dumps(measured, indent=1))
        return
    for one in measured:
        print("{model:14} {size:8} ONNX {onnx:6.1f} frames/s   PyTorch {torch:6.1f}   ratio {ratio:.2f}".format(**one))


def measure(name: str, rounds: int) -> dict[str, Any]:
    """Return both speeds of one model, in frames per second, and their ratio."""
    model, card = checkpoint.load(api.find_result(name).run.checkpoint)
    x = torch.randn(1, 3, *card.image_size, generator=torch.Generator().manual_seed(0))
    watch = Stopwatch(torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(model, card, path)
        exported = load_onnx(path).model
        for _ in range(rounds + 1):
            watch.time("onnx", partial(_frames, exported, x))
            watch.time("torch", partial(_frames, model, x))
    compared = watch.ratio("onnx", _FRAMES, "torch", _FRAMES)
    return {
        "model": name,
        "size": "{}x{}".format(*card.image_size),
        "onnx": round(compared.frames_per_second, 1),
        "torch": round(compared.against, 1),
        "ratio": round(compared.ratio, 2),
    }


@torch.no_grad()
def _frames(model: nn.Module, x: torch.Tensor) -> None:
    for _ in range(_FRAMES):
        most_probable(model(x))


if __name__ == "__main__":
    main()
