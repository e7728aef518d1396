"""How fast a recipe trains, and how fast it could: both sides of each ratio in one run, of the real parts.

- ``epoch``: all steps of an epoch, as ``Trainer`` and ignite make them, against the same number of updates (forward,
  loss, backward, optimiser) with the network's input already in place. The rest is what data, engine and log cost.
- ``evaluation``: the evaluation pass of ``cityseg evaluate`` against forward passes alone, input in place.
- ``cache``: training from the cache against training that decodes the same files in every epoch, as the first study
  did: Pillow decodes and resizes photo and label, here on all cores.

The sides take turns, and each counts its best round after one to warm up. ``processor_ratio`` compares the seconds of
processor time instead, which other work on the machine disturbs less than the wall clock; on a GPU it says little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cityseg.classes import LabelTable
from cityseg.config import ExperimentConfig
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.dataset import Frame
from cityseg.data.frame_io import resize_label
from cityseg.data.label_decode import image_values
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.prepared.parallel import on_all_cores
from cityseg.engine.bench.stopwatch import Ratio, Stopwatch
from cityseg.engine.evaluate import EVALUATION_BATCH, evaluate
from cityseg.engine.record import Record
from cityseg.engine.runtime.device import forget_peak, memory_now, peak_memory
from cityseg.engine.runtime.precision import arithmetic
from cityseg.engine.step import make_update, network_input
from cityseg.engine.train import Trainer
from cityseg.jobs.signals import StopRequest
from cityseg.runs import create_run

if TYPE_CHECKING:
    from ignite.engine import Engine

_DECODED = 32
"""Frames, at least, in an epoch that decodes them all."""


@dataclass(frozen=True)
class Memory:
    """What a training holds."""

    peak: int  # most bytes so far, read once the first epoch is closed: on a GPU of tensors, else of the process
    after_epochs: tuple[int | None, ...]  # bytes held after the steps of each epoch; None where they cannot be asked

    @property
    def growth(self) -> int | None:
        """Bytes held after the last epoch beyond those after the second, when all is warm."""
        second, last = self.after_epochs[min(1, len(self.after_epochs) - 1)], self.after_epochs[-1]
        return None if second is None or last is None else last - second


class _AtOnce(StopRequest):
    """Ends at once: there is nothing to go on with later."""

    def hear(self, name: str) -> None:
        raise KeyboardInterrupt


class _TimedTrainer(Trainer):
    """A training that times the steps of each epoch; ``between`` is called once an epoch is closed."""

    side: str
    watch: Stopwatch
    between: Callable[[], None] = staticmethod(lambda: None)

    def _build_engine(self) -> Engine:
        from ignite.engine import Events

        self._stop = _AtOnce()
        engine = super()._build_engine()
        self.held: list[int | None] = []
        self.peak = 0

        @engine.on(Events.EPOCH_STARTED)
        def begin() -> None:
            self._begun = self.watch.now()

        @engine.on(Events.ITERATION_COMPLETED)
        def end(engine: Engine) -> None:
            if engine.state.iteration % self.epoch_length == 0:
                self.watch.note(self.side, self.watch.now() - self._begun)
                self.held.append(memory_now(self.device))

        @engine.on(Events.EPOCH_COMPLETED)
        def others() -> None:
            self.peak = self.peak or peak_memory(self.device)
            self.between()

        return engine


class DecodedSplit(DeviceSplit):
    """A split that decodes its frames' files whenever they are asked for, as the first study did in every epoch."""

    def __init__(self, split: CachedSplit, device: torch.device, frames: Sequence[Frame], table: LabelTable) -> None:
        super().__init__(split, device)
        self._frames, self._table = frames, table

    def at(self, indices: Tensor, half_size: bool = False) -> tuple[Tensor, Tensor]:
        """Return (photos, labels) of the frames at (B,) ``indices``, at the split's size."""
        assert not half_size
        photos, labels = zip(*on_all_cores(self._decode, indices.tolist()), strict=True)
        return (torch.from_numpy(np.stack(photos)).to(self.device), torch.from_numpy(np.stack(labels)).to(self.device))

    def _decode(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        frame = self._frames[index % len(self._frames)]
        size = self.labels.shape[2], self.labels.shape[1]
        with Image.open(BytesIO(frame.photo.read())) as photo:
            pixels = np.asarray(photo.convert("RGB").resize(size, Image.Resampling.BILINEAR))
        content = frame.label.read()
        with Image.open(BytesIO(content)) as label:
            values = image_values(label, content, self._table, str(frame.label))
        return pixels, resize_label(self._table.to_train_ids(values, str(frame.label)), size[::-1])


def repeated(split: CachedSplit, frames: int) -> CachedSplit:
    """Return a split of so many frames: the given ones, over and over."""
    rows = np.arange(frames) % len(split)
    names = tuple(f"{split.meta.frames[row]}-{number}" for number, row in enumerate(rows))
    meta = replace(split.meta, frames=names, cities=tuple(split.meta.cities[row] for row in rows))
    return CachedSplit(split.photos[rows], split.labels[rows], meta, split.folder)


def steps(
    config: ExperimentConfig, split: CachedSplit, device: torch.device, folder: Path, on_round: Callable[[], None]
) -> tuple[dict[str, Ratio], Memory]:
    """Measure ``epoch`` and ``evaluation`` in ``config.epochs`` rounds, of which the first warms up.

    Trains on and evaluates the split of at least one batch; ``folder`` gets temporary run folders.
    """
    watch = Stopwatch(device)
    trainer = _trainer(config, split, device, folder, watch, "epoch")
    setup = trainer.setup
    photos, labels = setup.split.at(torch.arange(config.batch_size, device=device))
    x = network_input(config, photos)
    update = make_update(config, setup.trained, setup.loss, setup.optimizer, device, setup.average)
    scored, val = setup.scored_model, trainer.on_device["val"]
    normalization = Normalization.named(config.normalization)
    # Shipped figures are measured in float32, which weights in bfloat16 cannot give.
    precision = config.precision if config.precision == "pure-bfloat16" else "float32"
    seen = normalization.apply(val.photos[:EVALUATION_BATCH]).to(x.dtype)
    passes = -(-len(val) // EVALUATION_BATCH)

    def update_all() -> None:
        for _ in range(trainer.epoch_length):
            update(x, labels)

    def forward_all() -> None:
        with torch.no_grad(), arithmetic(precision, device):
            for _ in range(passes):
                scored(seen)

    def take_turns() -> None:
        watch.time("step", update_all)
        watch.time("evaluation", lambda: evaluate(scored, val, normalization, precision=precision))
        was_training = scored.training
        scored.eval()
        watch.time("forward", forward_all)
        scored.train(was_training)
        on_round()

    trainer.between = take_turns
    forget_peak(device)
    trainer.fit()
    return {
        "epoch": watch.ratio("epoch", len(split), "step", trainer.epoch_length * len(x)),
        "evaluation": watch.ratio("evaluation", len(val), "forward", passes * len(seen)),
    }, Memory(trainer.peak, tuple(trainer.held))


def decoding(
    config: ExperimentConfig,
    split: CachedSplit,
    frames: Sequence[Frame],
    table: LabelTable,
    device: torch.device,
    folder: Path,
    on_round: Callable[[], None],
) -> Ratio:
    """Measure ``cache`` in ``config.epochs`` rounds, of which the first warms up; arguments as ``steps``.

    ``frames`` are the files of ``split``, in the same order, and ``table`` maps their label values.
    """
    watch = Stopwatch(device)
    count = max(1, -(-_DECODED // config.batch_size)) * config.batch_size
    split = repeated(split, count)
    one_epoch = config.model_copy(update={"epochs": 1})
    for _ in range(config.epochs):
        for side in ("cached", "decoded"):
            trainer = _trainer(one_epoch, split, device, folder, watch, side)
            if side == "decoded":
                trainer.setup.split = DecodedSplit(split, device, frames, table)
            trainer.fit()
        on_round()
    return watch.ratio("cached", count, "decoded", count)


def _trainer(
    config: ExperimentConfig, split: CachedSplit, device: torch.device, folder: Path, watch: Stopwatch, side: str
) -> _TimedTrainer:
    run = create_run(config, side, folder)
    trainer = _TimedTrainer(Record(run, config, {"train": split, "val": split}, trained_on="", device=device))
    trainer.watch, trainer.side = watch, side
    return trainer
