"""Ratios behind three decisions of the training step, each with both sides measured in one run.

    python -m benchmarks.cpu_step [--json]

1. bfloat16 convolutions widened to float32 against PyTorch's own, on a processor without bfloat16 instructions.
2. A training step with freed memory kept in the process against glibc's default.
3. Frames per second of decoding full-size PNGs against reading the same frames from the cache.

The limit of a step is its arithmetic: the program prints the multiply-adds of forward and backward pass and the
float32 matrix product's rate on the same machine, and how far from it the step is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from cityseg.data import cache, layout
from cityseg.data.synthetic import synthesize
from cityseg.engine.allocator import keep_freed_memory
from cityseg.engine.precision import WidenedConvolutions, has_native_bfloat16
from cityseg.models import UNet

_SIZE, _BATCH = (64, 128), 16


def rate(work: Callable[[], object], frames: int, repeats: int = 4) -> float:
    """Return frames per second of the fastest of several repeats after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return frames / min(times)


def step_of(model: torch.nn.Module, dtype: torch.dtype) -> Callable[[], None]:
    """Return forward and backward pass of a batch of random photos."""
    photos = torch.rand(_BATCH, 3, *_SIZE).to(dtype)
    labels = torch.randint(0, 19, (_BATCH, *_SIZE))

    def step() -> None:
        F.cross_entropy(model(photos).float(), labels).backward()

    return step


def precision_ratio() -> dict[str, float]:
    """Measure bfloat16 steps with and without widened convolutions."""
    model = UNet(8, 2).bfloat16()
    native = rate(step_of(model, torch.bfloat16), _BATCH, repeats=1)
    with WidenedConvolutions():
        widened = rate(step_of(model, torch.bfloat16), _BATCH)
    return {"widened_frames_per_second": widened, "native_frames_per_second": native, "ratio": widened / native}


def limit() -> dict[str, float]:
    """Measure how near a float32 step comes to the machine's matrix product."""
    model = UNet(16, 3)
    step = step_of(model, torch.float32)
    with FlopCounterMode(display=False) as counter:
        step()
    per_frame = counter.get_total_flops() / _BATCH
    matrix = torch.randn(1536, 1536)
    product = rate(lambda: matrix @ matrix, 2 * 1536**3)
    reached = rate(step, _BATCH) * per_frame
    return {
        "gflop_per_frame": per_frame / 1e9,
        "step_gflops": reached / 1e9,
        "matmul_gflops": product / 1e9,
        "ratio": reached / product,
    }


def memory_child(keep: bool) -> None:
    """Print frames per second of a float32 step, with or without freed memory kept."""
    if keep:
        keep_freed_memory()
    print(rate(step_of(UNet(16, 3), torch.float32), _BATCH))


def memory_ratio() -> dict[str, float]:
    """Measure the step in two fresh processes, because the setting cannot be taken back."""

    def child(keep: bool) -> float:
        answer = subprocess.run(
            [sys.executable, "-m", "benchmarks.cpu_step", "--memory", str(int(keep))],
            capture_output=True,
            text=True,
            check=True,
        )
        return float(answer.stdout)

    default, kept = child(False), child(True)
    return {"kept_frames_per_second": kept, "default_frames_per_second": default, "ratio": kept / default}


def cache_ratio() -> dict[str, float]:
    """Measure decoding 2048x1024 frames against reading them from the cache at 128x256."""
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        synthesize(root / "set", frames=12, size=(256, 512))
        for path in (root / "set").rglob("*.png"):
            with Image.open(path) as image:
                image.resize((2048, 1024), Image.Resampling.NEAREST).save(path, compress_level=1)
        dataset = layout.open_folder(root / "set")
        frames = len(dataset.frames("train"))
        begun = time.perf_counter()
        cached = cache.prepare(dataset, "train", (128, 256), root=root / "cache")
        decoded = frames / (time.perf_counter() - begun)
        read = rate(lambda: np.array(cached.photos).sum() + np.array(cached.labels).sum(), frames)
    return {"cached_frames_per_second": read, "decoded_frames_per_second": decoded, "ratio": read / decoded}


def main() -> None:
    """Run all measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory is not None:
        memory_child(arguments.memory == "1")
        return
    results = {"limit": limit(), "memory": memory_ratio(), "cache": cache_ratio()}
    if not has_native_bfloat16(torch.device("cpu")):
        results["bfloat16"] = precision_ratio()
    if arguments.json:
        print(json.dumps(results))
        return
    for name, figures in results.items():
        print(f"{name}: " + ", ".join(f"{key} {value:,.2f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
