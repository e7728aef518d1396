"""The output of a training run: history, probe pictures and matrices in its folder and to a tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from cityseg import checkpoint
from cityseg.checkpoint import ModelCard
from cityseg.classes import PALETTE
from cityseg.config import ExperimentConfig
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.data.dataset import Split
from cityseg.data.prepared.cache import CachedSplit
from cityseg.engine.evaluate import Evaluation
from cityseg.engine.runtime.device import device_name, peak_memory
from cityseg.engine.scoring import with_provenance, write_counts
from cityseg.engine.step import learning_rate
from cityseg.files import write_atomically
from cityseg.models import arguments_of, count_parameters
from cityseg.runs import Run
from cityseg.tracking import EpochRecord, ProbeFrame, Tracker

PROBES = 4
"""Val frames whose predictions are kept after every epoch."""


@dataclass
class TrainingProgress:
    """Progress of a run."""

    step: int  # optimiser steps done
    steps: int  # optimiser steps in all
    epoch: int  # current epoch, from 1
    epochs: int  # epochs in all
    loss: float  # mean training loss since the last report
    frames_per_second: float  # training throughput since the last report
    seconds_left: float  # estimate from the run so far


class Record:
    """Writes the output of a run; only the first process writes.

    Args:
        splits: cached splits of training and scoring.
        trained_on: name of the data, for the model card.
        tracker: optional experiment tracker.
        on_progress: called at every ``step``.
    """

    def __init__(
        self,
        run: Run,
        config: ExperimentConfig,
        splits: Mapping[Split, CachedSplit],
        *,
        trained_on: str,
        device: torch.device,
        tracker: Tracker | None = None,
        on_progress: Callable[[TrainingProgress], None] | None = None,
    ) -> None:
        self.run, self.config, self.splits = run, config, splits
        self.trained_on, self.device, self.on_progress = trained_on, device, on_progress
        self.tracker = tracker or Tracker()
        self.epoch_length = -(-len(splits["train"]) // config.batch_size)
        self.steps = self.epoch_length * config.epochs
        self.frames = splits["val"].meta.frames
        self.probes = tuple(np.linspace(0, len(self.frames) - 1, min(PROBES, len(self.frames))).astype(int).tolist())

    def step(self, done: int, loss: float, frames_per_second: float, seconds: float) -> None:
        """Record progress after ``done`` optimiser steps and ``seconds``; TrainingError if the folder is gone."""
        self.run.expect_folder()
        progress = TrainingProgress(
            step=done,
            steps=self.steps,
            epoch=(done - 1) // self.epoch_length + 1,
            epochs=self.config.epochs,
            loss=loss,
            frames_per_second=frames_per_second,
            seconds_left=seconds / done * (self.steps - done),
        )
        line = {
            "step": done,
            "epoch": progress.epoch,
            "loss": loss,
            "learning_rate": learning_rate(self.config, done - 1, self.steps),
            "frames_per_second": round(frames_per_second, 2),
            "seconds": round(seconds, 2),
            "memory_bytes": peak_memory(self.device),
        }
        self.run.append_history(kind="step", **line)
        self.run.write_status(progress=vars(progress))
        self.tracker.log({"train/loss": loss, "train/learning_rate": line["learning_rate"]}, step=done)
        if self.on_progress:
            self.on_progress(progress)

    def epoch(
        self,
        epoch: int,
        result: Evaluation,
        summary: dict[str, Any],
        model: nn.Module,
        *,
        is_best: bool,
        seconds: float,
    ) -> ModelCard:
        """Record an epoch's probe predictions, matrices and scores, and the weights if they are the best so far.

        Takes the evaluation of ``model`` on val, with the predictions of ``probes`` kept, its ``summary``, and the
        training time so far. Raises TrainingError if the folder is gone.
        """
        self.run.expect_folder()
        self._write_probes(epoch, result.kept)
        card = self.card(model, epoch, summary, seconds)
        if is_best:
            checkpoint.save(self.run.folder / "best", model, card)
        best = result.confusions if is_best else self.run.confusions("val").matrices
        self.run.write_confusions("val", self.frames, best=best, last=result.confusions)
        if is_best:
            self.run.write_status(best={"epoch": epoch, "macro_f1": summary["macro"]["f1"] or 0.0})
        line = {"val_loss": result.loss, "seconds": round(seconds, 2), "val": summary}
        self.run.append_history(kind="epoch", epoch=epoch, step=epoch * self.epoch_length, **line)
        return card

    def track_epoch(self, epoch: int, result: Evaluation, summary: dict[str, Any], val: DeviceSplit) -> None:
        """Send an epoch's scores, its confusion matrix and the pictures of ``probes`` to the tracker."""
        pictures = (
            ProbeFrame(self.frames[index], val.photos[index].cpu().numpy(), val.labels[index].cpu().numpy(), prediction)
            for index, prediction in zip(self.probes, result.kept, strict=True)
        )
        confusion = result.confusions.sum(0)
        done = epoch * self.epoch_length
        self.tracker.log_epoch(EpochRecord(epoch, done, result.loss, summary, confusion, tuple(pictures)))

    def scored(self, split: Split, result: Evaluation) -> None:
        """Write the final counts of the best weights on a split, beside the last epoch's."""
        last = {"last": self.run.confusions("val", "last").matrices} if split == "val" else {}
        write_counts(self.run, split, self.splits[split], result, **last)

    def card(self, model: nn.Module, epoch: int, summary: dict[str, Any], seconds: float) -> ModelCard:
        """Return the model card after ``epoch`` epochs and ``seconds`` of training, with scores on val."""
        config = self.config
        return ModelCard(
            architecture=config.architecture,
            arguments=arguments_of(config),
            image_size=config.image_size,
            normalization=Normalization.named(config.normalization),
            parameters=count_parameters(model),
            trained_on=self.trained_on,
            training={
                "epoch": epoch,
                "steps": epoch * self.epoch_length,
                "seconds": round(seconds, 1),
                "device": device_name(self.device),
                "recipe": config.model_dump(mode="json"),
            },
            scores={"val": with_provenance(summary, self.splits["val"])},
        )

    def _write_probes(self, epoch: int, predictions: np.ndarray) -> None:
        for index, train_ids in zip(self.probes, predictions, strict=True):
            folder = self.run.folder / "probes" / self.frames[index]
            folder.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(train_ids, mode="P")
            image.putpalette(PALETTE.tobytes())
            write_atomically(folder / f"epoch-{epoch:04d}.png", lambda path, image=image: image.save(path, "PNG"))  # type: ignore[misc]
