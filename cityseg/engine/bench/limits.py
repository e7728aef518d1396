"""What bounds the pace of training: a step's arithmetic, the machine's rate of arithmetic, and decoding."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch.utils.flop_counter import FlopCounterMode

from cityseg.classes import LabelTable
from cityseg.config import ExperimentConfig
from cityseg.data.dataset import Frame
from cityseg.data.frame_io import read_label, read_photo
from cityseg.engine.bench.stopwatch import Stopwatch
from cityseg.engine.runtime.precision import has_native_bfloat16
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.models import arguments_of, build_model

_MATMUL_SIDE = {"cpu": 1536, "cuda": 4096}


def gflop_per_frame(config: ExperimentConfig) -> float:
    """Return how many billions of operations a frame's forward and backward pass has; a multiply-add counts as two."""
    height, width = config.image_size
    with torch.device("meta"):
        model = build_model(config.architecture, arguments_of(config))
        photos, labels = torch.empty(2, 3, height, width), torch.empty(2, height, width, dtype=torch.uint8)
        loss = SegmentationLoss()
    with FlopCounterMode(display=False) as counter:
        loss(model(photos), labels).backward()
    result: float = counter.get_total_flops() / 2 / 1e9
    return result


def matmul_gflops(config: ExperimentConfig, device: torch.device, rounds: int) -> float:
    """Return the rate of a square matrix product in the dtype of the config's matrix products."""
    rounded = config.precision != "float32" and has_native_bfloat16(device)
    side = _MATMUL_SIDE.get(device.type, 1536)
    matrix = torch.randn(side, side, device=device, dtype=torch.bfloat16 if rounded else torch.float32)
    watch = Stopwatch(device)
    for _ in range(rounds + 1):
        watch.time("product", lambda: matrix @ matrix)
    return watch.ratio("product", 1, "product", 1).frames_per_second * 2 * side**3 / 1e9


def decode_milliseconds(frames: Sequence[Frame], table: LabelTable) -> float:
    """Return the milliseconds of one core that the studio's own decoder takes for a frame's photo and label."""
    taken = []
    for frame in frames:
        begun = time.thread_time()
        photo = read_photo(frame.photo)
        read_label(frame.label, (photo.shape[0], photo.shape[1]), table)
        taken.append(time.thread_time() - begun)
    return min(taken) * 1000
