"""Measure how fast a config trains on this machine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from cityseg import config as configuration
from cityseg.api.data.connect import connect
from cityseg.config import ExperimentConfig
from cityseg.data.dataset import Dataset
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.data.synthetic.full_size import synthesize_full_size
from cityseg.engine.bench import limits
from cityseg.engine.bench import throughput as measuring
from cityseg.engine.bench.stopwatch import Ratio
from cityseg.engine.bench.throughput import Memory
from cityseg.engine.runtime.device import best_device, device_name, instructions
from cityseg.errors import UsageError
from cityseg.progress import OnProgress

DEFAULT_FRAMES = 128
"""Default number of frames of an epoch, unless a batch is larger."""
ROUNDS = 5
"""Default number of measured rounds."""
TARGETS = {"epoch": 0.95, "evaluation": 0.9}
"""Lowest acceptable ratios."""


@dataclass(frozen=True)
class BenchResult:
    """Result of ``cityseg bench``; ``engine.bench`` explains the ratios."""

    config: ExperimentConfig  # the config, with an epoch per round and one to warm up
    machine: dict[str, Any]  # device, cores, instructions and versions
    data: str  # name of the dataset
    native_size: tuple[int, int]  # (height, width) of its first frame
    frames: int  # frames in an epoch
    rounds: int  # number of measured rounds
    ratios: dict[str, Ratio]  # ``epoch``, ``evaluation`` and ``cache``
    gflop_per_frame: float  # GFLOP of a frame's forward and backward pass
    step_gflops: float  # GFLOP/s of a step with its data in memory
    matmul_gflops: float  # GFLOP/s of a large matrix product on the same device
    decode_milliseconds: float  # time of one core to decode a frame's photo and label
    memory: Memory  # memory of a training

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = {"epoch": ("epoch", "step"), "evaluation": ("evaluation", "forward"), "cache": ("cached", "decoded")}
        return {
            **{key: value for key, value in vars(self).items() if key not in ("config", "ratios", "memory")},
            "config": self.config.model_dump(mode="json"),
            "ratios": {
                name: {
                    f"{names[name][0]}_frames_per_second": ratio.frames_per_second,
                    f"{names[name][1]}_frames_per_second": ratio.against,
                    "ratio": ratio.ratio,
                    "processor_ratio": ratio.processor_ratio,
                    "wanted": TARGETS.get(name),
                }
                for name, ratio in self.ratios.items()
            },
            "memory": {**asdict(self.memory), "growth": self.memory.growth},
        }


def bench(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    frames: int | None = None,
    rounds: int = ROUNDS,
    on_data: OnProgress | None = None,
    on_round: Callable[[int, int], None] | None = None,
) -> BenchResult:
    """Benchmark a config on this machine, without leaving files behind.

    Args:
        config: the config; its epochs, half-size epochs, initial weights and teacher are ignored.
        spec: the dataset, whose train frames are repeated as needed; None renders synthetic scenes of 2048x1024.
        frames: frames in an epoch, at least a batch.
        rounds: number of measurements of each side.
        on_data: called with (frames done, total frames) while frames are decoded.
        on_round: called with (rounds done, total rounds).

    Raises:
        UsageError: too few frames or rounds, or no such dataset.
        DataError: a dataset without usable train frames.
    """
    frames = max(DEFAULT_FRAMES, config.batch_size) if frames is None else frames
    if frames < config.batch_size:
        raise UsageError(
            f"expected at least a batch of {config.batch_size} frames, found {frames}; raise frames or lower batch_size"
        )
    if rounds < 1:
        raise UsageError(f"expected at least 1 round, found {rounds}; each side has to be measured")
    config = configuration.build(
        {
            **config.model_dump(),
            **{"epochs": rounds + 1, "half_size_epochs": 0, "patience": 0, "tracking": "none"},
            **{"initial": "", "teacher": "", "label_doubt": 0.0},
        }
    )
    device = best_device()
    turns = iter(range(1, 2 * config.epochs + 1))

    def turn() -> None:
        done = next(turns)
        if on_round:
            on_round(done, 2 * config.epochs)

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        dataset = _some(_connect(spec, folder), frames)
        files = dataset.frames("train")
        cached = cache.prepare(dataset, "train", config.image_size, root=folder / "cache", on_progress=on_data)
        # Repeating copies the frames out of the files, which are deleted with the folder.
        split = measuring.repeated(cached, frames)
        ratios, memory = measuring.steps(config, split, device, folder, turn)
        ratios["cache"] = measuring.decoding(config, cached, files, dataset.table, device, folder, turn)
        decode_milliseconds = limits.decode_milliseconds(files[:8], dataset.table)
    per_frame = limits.gflop_per_frame(config)
    return BenchResult(
        config=config,
        machine={
            "device": device_name(device),
            "cores": os.cpu_count(),
            "instructions": instructions(device),
            "torch": torch.__version__,
        },
        data=dataset.name,
        native_size=cached.meta.native_size,
        frames=frames,
        rounds=rounds,
        ratios=ratios,
        gflop_per_frame=per_frame,
        step_gflops=ratios["epoch"].against * per_frame,
        matmul_gflops=limits.matmul_gflops(config, device, rounds),
        decode_milliseconds=decode_milliseconds,
        memory=memory,
    )


def _connect(spec: str | None, folder: Path) -> Dataset:
    if spec is not None:
        return connect(spec)
    synthesize_full_size(folder / "streets")
    return detect.open_folder(folder / "streets", "synthetic", "synthetic scenes")


def _some(dataset: Dataset, frames: int) -> Dataset:
    """Keep only the first frames of the train split, so that only measured frames are decoded."""
    return replace(dataset, splits={"train": dataset.frames("train")[:frames], "val": (), "test": ()}, problems=())
