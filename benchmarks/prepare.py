"""Preparation of full-size frames against decoding alone, both on all cores.

    python -m benchmarks.prepare [DATA] [--rounds N] [--json]

DATA is a folder in the official layout; without one, synthetic scenes are enlarged to 2048x1024.

*prepare* is the work of ``cityseg data prepare`` per frame: read photo and label, check and decode both, reject unknown
ids, map label ids to train ids, compute checksums, reduce both to 128x256 or 256x512, and write them. *decode* is
``imagecodecs.png_decode``, the fastest of the maintained libraries, on the same photo and label in memory. Both
alternate, and each counts its best round; ``processor_ratio`` compares CPU time, which other load disturbs less.

The limit is decoding: on one 2.6 GHz core about 31 ms for a real 2.3 MB photo and 5 ms for its label with libpng alone,
23 and 4 ms with libdeflate (``cityseg/data/png_decode.py``). The rest of prepare takes about 5 ms: reduction 3, train
ids 1, reading, writing and checksums 1. The program prints this machine's figures for each decoder.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

import imagecodecs
import numpy as np
import torch
import typer
from PIL import Image
from torchvision.io import decode_png as torchvision_decode

from benchmarks.common import alternate, figures_of, print_figures
from cityseg.classes import OFFICIAL
from cityseg.cli.options import Json
from cityseg.data.dataset import Frame
from cityseg.data.layouts import detect
from cityseg.data.png_decode import decode_png
from cityseg.data.prepared.build_cache import fill
from cityseg.data.synthetic.full_size import synthesize_full_size

_SIZES = ((128, 256), (256, 512))
_REPEATS = 4


def ratios(frames: Sequence[Frame], rounds: int) -> dict[str, dict[str, float]]:
    """Measure frames per second of preparation and decoding in alternating rounds."""
    many = list(frames) * _REPEATS
    files = [(frame.photo.read(), frame.label.read()) for frame in frames] * _REPEATS

    def decode(pair: tuple[bytes, bytes]) -> None:
        for data in pair:
            imagecodecs.png_decode(data)

    def decode_all() -> None:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(decode, files))

    def prepare_all(size: tuple[int, int]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), many, OFFICIAL, size, None, skip_bad=False)

    work = {f"{size[0]}x{size[1]}": partial(prepare_all, size) for size in _SIZES}
    watch = alternate({**work, "decode": decode_all}, rounds)
    return {name: figures_of(watch.ratio(name, len(many), "decode", len(many))) for name in work}


def decoder_milliseconds(frames: Sequence[Frame]) -> dict[str, dict[str, float]]:
    """Measure each decoder's CPU time for a frame's photo and label on one thread, in milliseconds."""
    files = {
        "photo": ([frame.photo.read() for frame in frames], 3),
        "label": ([frame.label.read() for frame in frames], 1),
    }
    decoders: dict[str, Callable[[bytes, Any], object]] = {
        "cityseg": decode_png,
        "imagecodecs": lambda data, _: imagecodecs.png_decode(data),
        "torchvision": lambda data, _: torchvision_decode(torch.frombuffer(bytearray(data), dtype=torch.uint8)),
        "pillow": lambda data, _: np.asarray(Image.open(BytesIO(data))),
    }
    figures = {"bytes": {kind: float(np.mean([*map(len, datas)])) for kind, (datas, _) in files.items()}}
    for name, decoder in decoders.items():
        figures[name] = {}
        for kind, (datas, channels) in files.items():
            times = []
            for _ in range(3):
                start = time.thread_time()
                for data in datas:
                    decoder(data, channels)
                times.append(time.thread_time() - start)
            figures[name][f"{kind}_milliseconds"] = min(times) / len(datas) * 1000
    return figures


def main(data: Annotated[Path | None, typer.Argument()] = None, rounds: int = 5, as_json: Json = False) -> None:
    """Measure preparation and decoding of the dataset in DATA, or of synthetic full-size frames."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        if data is None:
            data = Path(scratch) / "scenes"
            synthesize_full_size(data)
        frames = [frame for split in detect.open_folder(data).splits.values() for frame in split][:8]
        print_figures(decoder_milliseconds(frames) | ratios(frames, rounds), as_json)


if __name__ == "__main__":
    typer.run(main)
