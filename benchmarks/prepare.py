"""Preparing full-size frames against only decoding them, both on all cores in one run.

    python -m benchmarks.prepare [DATA] [--json] [--rounds N]

DATA is a folder in the official layout; without one, streets are drawn and enlarged to 2048x1024.

*prepare* is all that ``cityseg data prepare`` does to a frame: read photo and label, check and decode both, look for
unknown ids, turn ids into train ids, sum both up, reduce both to 128x256 or 256x512, and write them. *decode* is only
``imagecodecs.png_decode`` of the same photo and label, whose bytes lie in memory: the fastest of the well-kept
libraries, all of which are listed. The two sides take turns, and each counts its best round. ``processor_ratio``
compares the seconds of processor time instead, which a busy machine disturbs less than the wall clock.

The limit of preparing is decoding: about 31 ms of one 2.6 GHz core for a real 2.3 MB photo and 5 ms for its label when
libpng does it by itself, 23 and 4 ms when libdeflate inflates for it (``cityseg/data/png_decode.py``). The rest of
prepare takes about 5 ms: reducing 3, train ids 1, reading, writing and checksums 1. The program prints
what this machine needs for each decoder.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import torch
from PIL import Image
from torchvision.io import decode_png as torchvision_decode

from cityseg.classes import OFFICIAL
from cityseg.data.layouts import detect
from cityseg.data.layouts.detect import Frame
from cityseg.data.png_decode import decode_png
from cityseg.data.prepared.build_cache import fill
from cityseg.data.synthetic.full_size import synthesize_full_size

_SIZES = ((128, 256), (256, 512))
_REPEATS = 4


def seconds(work: Callable[[], object]) -> np.ndarray:
    """Return (wall, processor) seconds of one call."""
    begun = np.array([time.perf_counter(), time.process_time()])
    work()
    return np.array([time.perf_counter(), time.process_time()]) - begun


def ratios(frames: Sequence[Frame], rounds: int) -> dict[str, dict[str, float]]:
    """Measure frames per second of both sides, taking turns."""
    many = [frames[index % len(frames)] for index in range(_REPEATS * len(frames))]
    photos, labels = [frame.photo.read() for frame in frames], [frame.label.read() for frame in frames]
    workers = os.cpu_count() or 1

    def decode(index: int) -> None:
        imagecodecs.png_decode(photos[index % len(frames)])
        imagecodecs.png_decode(labels[index % len(frames)])

    def decode_all() -> None:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(decode, range(len(many))))

    def prepare_all(size: tuple[int, int]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), many, OFFICIAL, size)

    best: dict[Any, np.ndarray] = {}
    for _ in range(rounds):
        for side in (*_SIZES, "decode"):
            taken = seconds(decode_all if side == "decode" else lambda size=side: prepare_all(size))
            best[side] = np.minimum(best.get(side, taken), taken)
    decoded = best["decode"]
    return {
        f"{size[0]}x{size[1]}": {
            "prepared_frames_per_second": len(many) / best[size][0],
            "decoded_frames_per_second": len(many) / decoded[0],
            "ratio": decoded[0] / best[size][0],
            "processor_ratio": decoded[1] / best[size][1],
        }
        for size in _SIZES
    }


def limit(frames: Sequence[Frame]) -> dict[str, dict[str, float]]:
    """Measure milliseconds of processor time that each decoder takes for a frame's photo and label, in one thread."""
    photos, labels = [frame.photo.read() for frame in frames], [frame.label.read() for frame in frames]
    decoders: dict[str, Callable[[bytes, Any], object]] = {
        "cityseg": decode_png,
        "imagecodecs": lambda data, _: imagecodecs.png_decode(data),
        "torchvision": lambda data, _: torchvision_decode(torch.frombuffer(bytearray(data), dtype=torch.uint8)),
        "pillow": lambda data, _: np.asarray(Image.open(BytesIO(data))),
    }
    figures: dict[str, dict[str, float]] = {
        "bytes": {"photo": float(np.mean([*map(len, photos)])), "label": float(np.mean([*map(len, labels)]))}
    }
    for name, decoder in decoders.items():
        figures[name] = {}
        for kind, files, channels in (("photo", photos, 3), ("label", labels, 1)):
            times = []
            for _ in range(3):
                begun = time.thread_time()
                for data in files:
                    decoder(data, channels)
                times.append(time.thread_time() - begun)
            figures[name][kind] = min(times) / len(files) * 1000
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.data is None:
            synthesize_full_size(Path(scratch) / "streets")
        dataset = detect.open_folder(arguments.data or Path(scratch) / "streets")
        frames = [frame for split in dataset.splits.values() for frame in split][:8]
        results = {"milliseconds": limit(frames), "ratios": ratios(frames, arguments.rounds)}
    if arguments.json:
        print(json.dumps(results))
        return
    for name, figures in results["milliseconds"].items():
        print(f"{name}: " + ", ".join(f"{key} {value:,.1f}" for key, value in figures.items()))
    for size, figures in results["ratios"].items():
        print(f"{size}: " + ", ".join(f"{key} {value:,.2f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
