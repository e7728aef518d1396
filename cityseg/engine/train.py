"""The training loop of a run.

ignite drives the epochs; the step is a plain function. ``record`` writes what viewers read, and ``last/`` holds
everything needed to resume.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from cityseg import checkpoint, distributed
from cityseg.checkpoint import ModelCard
from cityseg.data.batches import DeviceSplit, Normalization
from cityseg.engine import resume
from cityseg.engine.evaluate import evaluate
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.pretrained import PretrainedInputs
from cityseg.engine.record import Record
from cityseg.engine.runtime.allocator import keep_freed_memory
from cityseg.engine.runtime.clock import Clock
from cityseg.engine.scoring import score_splits
from cityseg.engine.step import TrainingSetup, learning_rate
from cityseg.errors import CheckpointError, Stopped, TrainingError
from cityseg.jobs.signals import StopRequest, stop_signals
from cityseg.metrics import summarize

if TYPE_CHECKING:
    from ignite.engine import Engine

LOG_INTERVAL = 10
"""Steps between two reads of the loss; each read waits for the device once."""


class Trainer:
    """Trains one run and writes its folder.

    Every process of a run has a trainer. All take the same steps and decisions; the first process writes.

    Args:
        record: of the run, with its config and its cached train, val and test splits; test may be missing.
        stop: a stop request that may have been received already.
    """

    def __init__(self, record: Record, stop: StopRequest | None = None) -> None:
        self.record, self.run, self.config, self.device = record, record.run, record.config, record.device
        self.on_device = {name: DeviceSplit(split, self.device) for name, split in record.splits.items()}
        with distributed.folders_from_first(self.run.pretrained, checkpoint.FILES) as folders:
            pretrained = PretrainedInputs.load(self.config, folders)
        self.setup = TrainingSetup(self.config, self.on_device["train"], pretrained)
        self.epoch_length, self.steps = record.epoch_length, record.steps
        self.best_score, self.best_epoch = -1.0, 0
        self.seconds = 0.0
        self._pending: list[Tensor] = []
        self._stop = stop or StopRequest()
        self._writes = distributed.is_first()

    def fit(self) -> None:
        """Train to the end, a stop or a failure; the run's status tells which.

        Raises:
            Stopped: after SIGTERM or SIGINT; the step was finished and ``last/`` written.
            TrainingError: the loss is not finite.
        """
        keep_freed_memory()
        trainer = self._build_engine()
        state = self._resume()
        trainer.load_state_dict(
            {"epoch_length": self.epoch_length, "max_epochs": self.config.epochs, "iteration": state}
        )
        with stop_signals(self._stop.hear):
            # ignite would start over if every step is done already.
            if state < self.steps and not self._has_stalled(state // self.epoch_length):
                trainer.run([None] * self.epoch_length, max_epochs=self.config.epochs, epoch_length=self.epoch_length)
        if name := self._stop.agreed():
            raise Stopped(f"{self.run.id}: stopped by {name} after step {trainer.state.iteration}; resume it any time")

    def finish(self) -> dict[str, Any]:
        """Score the best weights on val and test, write matrices and card; return the scores."""
        best = self.run.folder / "best"
        with distributed.folders_from_first({"best": best}, checkpoint.FILES) as folders:
            model, card = checkpoint.load(folders["best"])
        keep = self.record.scored if self._writes else lambda split, result: None
        card = score_splits(model.to(self.device), card, self.record.splits, self.on_device, keep)
        if self._writes:
            speed = measure_speed(model, card.image_size, card.normalization, self.device)
            checkpoint.write_card(best, replace(card, speed=speed))
            self.record.tracker.log_model(best, card.scores)
        return card.scores

    def _build_engine(self) -> Engine:
        from ignite.engine import Engine, Events

        clock = Clock()

        def train_step(engine: Engine, _: None) -> Tensor:
            done = engine.state.iteration - 1
            start = done % self.epoch_length * self.config.batch_size
            clock.frames += min(self.config.batch_size, len(self.setup.split) - start)
            return self.setup.step(done, learning_rate(self.config, done, self.steps))

        trainer = Engine(train_step)

        @trainer.on(Events.ITERATION_COMPLETED)
        def log(engine: Engine) -> None:
            self._pending.append(cast("Tensor", engine.state.output))
            done = engine.state.iteration
            if done % LOG_INTERVAL == 0 or done % self.epoch_length == 0:
                loss = float(torch.stack(self._pending).mean())
                self._pending.clear()
                self._log_step(done, loss, clock)
            # A stop at an epoch's last step waits for the end of the epoch, or its scores would be missing.
            if self._stop.agreed() and done % self.epoch_length:
                self.seconds += clock.lap()[0]
                self._save_last(done)
                engine.terminate()

        @trainer.on(Events.EPOCH_COMPLETED)
        def close_epoch(engine: Engine) -> None:
            self._close_epoch(engine.state.iteration)
            clock.restart()
            if self._stop.agreed() or self._has_stalled(engine.state.epoch):
                engine.terminate()

        return trainer

    def _has_stalled(self, epoch: int) -> bool:
        """Whether ``patience`` epochs have passed without a better score; ``epoch`` is the last finished one."""
        return bool(self.config.patience) and epoch - self.best_epoch >= self.config.patience

    def _log_step(self, done: int, loss: float, clock: Clock) -> None:
        self._expect_finite(loss, "loss", done)
        seconds, frames_per_second = clock.lap()
        self.seconds += seconds
        if self._writes:
            self.record.step(done, loss, frames_per_second, self.seconds)

    def _expect_finite(self, loss: float, name: str, done: int) -> None:
        if not np.isfinite(loss):
            raise TrainingError(
                f"{self.run.id}: the {name} became {loss} by step {done}; lower learning_rate (now "
                f"{self.config.learning_rate:g}) or use precision=float32. The last good weights are in best/"
            )

    def _close_epoch(self, done: int) -> None:
        begun = time.monotonic()
        result = evaluate(
            self.setup.scored_model,
            self.on_device["val"],
            Normalization.named(self.config.normalization),
            precision=self.config.precision,
            loss=self.setup.loss,
            truth=self.record.splits["val"].truth,
            keep=self.record.probes,
        )
        if result.loss is not None:
            self._expect_finite(result.loss, "val loss", done)
        summary = summarize(result.confusions)
        epoch = done // self.epoch_length
        score = summary["macro"]["f1"] or 0.0
        is_best = score > self.best_score
        if is_best:
            self.best_score, self.best_epoch = score, epoch
        self.seconds += time.monotonic() - begun
        if not self._writes:
            return
        # History first: resuming drops lines that are ahead of last/ but cannot restore missing ones.
        card = self.record.epoch(epoch, result, summary, self.setup.scored_model, is_best=is_best, seconds=self.seconds)
        self._save_last(done, card)
        self.record.track_epoch(epoch, result, summary, self.on_device["val"])

    def _save_last(self, done: int, card: ModelCard | None = None) -> None:
        if not self._writes:
            return
        setup = self.setup
        card = card or self.record.card(setup.model, done // self.epoch_length, {}, self.seconds)
        state = {
            "iteration": done,
            "optimizer": setup.optimizer.state_dict(),
            "average": {"steps": setup.average.steps, **setup.average.model.state_dict()} if setup.average else None,
            "heads": setup.heads.state_dict() if setup.heads else None,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "seconds": self.seconds,
            "pending": self._pending,
        }
        resume.save(self.run, setup.model, card, state)

    def _resume(self) -> int:
        """Load the state of ``_save_last``, if any; return the number of optimiser steps done."""
        kept = distributed.broadcast_from_first(lambda: resume.load(self.run, torch.device("cpu")))
        if self._writes:
            self.run.truncate_history(kept[1]["iteration"] if kept else 0)
        if kept is None:
            return 0
        try:
            return self._restore(*kept)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CheckpointError(
                f"{self.run.folder / 'last'}: expected the state of a training with the settings of config.json, found "
                f"another ({' '.join(str(error).split())[:200]}); restore config.json or start a new run"
            ) from error

    def _restore(self, weights: dict[str, Tensor], state: dict[str, Any]) -> int:
        setup = self.setup
        setup.model.load_state_dict(weights)
        if setup.heads:
            setup.heads.load_state_dict(state["heads"])
        setup.optimizer.load_state_dict(state["optimizer"])
        if setup.average:
            setup.average.steps = state["average"].pop("steps")
            setup.average.model.load_state_dict(state["average"])
        self.best_score, self.best_epoch = state["best_score"], state["best_epoch"]
        self.seconds = state["seconds"]
        self._pending = [loss.to(self.device) for loss in state["pending"]]
        done: int = state["iteration"]
        return done
