"""The training loop of a run.

ignite drives the epochs; the step is a plain function. ``record`` writes what viewers read, and ``last/`` holds
everything needed to resume.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from cityseg import checkpoint, distributed
from cityseg.checkpoint import ModelCard
from cityseg.config import ExperimentConfig
from cityseg.data.batches import DeviceSplit, Normalization, epoch_order
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared.cache import CachedSplit
from cityseg.data.transfer import send
from cityseg.engine import resume
from cityseg.engine.deep_supervision import DeeplySupervised, supervised
from cityseg.engine.evaluate import evaluate
from cityseg.engine.inference_speed import measure_speed
from cityseg.engine.pretrained import PretrainedInputs
from cityseg.engine.record import Record, TrainingProgress
from cityseg.engine.runtime.allocator import keep_freed_memory
from cityseg.engine.runtime.clock import Clock
from cityseg.engine.scoring import score_splits
from cityseg.engine.step import WeightAverage, build_network, build_optimizer, learning_rate, make_train_step
from cityseg.errors import Stopped, TrainingError
from cityseg.jobs.signals import StopRequest, stop_signals
from cityseg.losses.segmentation import SegmentationLoss
from cityseg.metrics import summarize
from cityseg.models.distributed_norm import synchronise_statistics
from cityseg.runs import Run
from cityseg.tracking import Tracker

if TYPE_CHECKING:
    from ignite.engine import Engine

LOG_INTERVAL = 10
"""Steps between two reads of the loss; each read waits for the device once."""


class Trainer:
    """Trains one run and writes its folder.

    Every process of a run has a trainer. All take the same steps and decisions; the first process writes.

    Args:
        run: the folder to fill.
        config: the run's config.
        splits: cached train, val and test splits at the configured size; test may be missing.
        trained_on: name of the data, for the model card.
        device: where to compute.
        tracker: optional experiment tracker.
        on_progress: called every ``LOG_INTERVAL`` steps.
        stop: a stop request that may have been received already.
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
        stop: StopRequest | None = None,
    ) -> None:
        self.run, self.config, self.splits, self.device = run, config, splits, device
        self.on_device = {name: DeviceSplit(split, device) for name, split in splits.items()}
        self.pretrained = distributed.broadcast_from_first(lambda: PretrainedInputs.load(config, run.pretrained))
        self.model = synchronise_statistics(build_network(config, device), device)
        self.trained = supervised(config, self.model)
        self.heads = self.trained.heads if isinstance(self.trained, DeeplySupervised) else None
        self.average = WeightAverage(self.model, config.ema_decay) if config.ema_decay else None
        if config.compile:
            for network in {self.model, self.trained}:
                network.compile()
        share = self.on_device["train"].class_share()
        self.loss = SegmentationLoss.of(config, share).to(device)
        self.spread_loss = SegmentationLoss.of(config, share, spread=distributed.count() > 1).to(device)
        self.optimizer = build_optimizer(config, self.trained)
        self.epoch_length = -(-len(splits["train"]) // config.batch_size)
        self.steps = self.epoch_length * config.epochs
        self.record = Record(
            run,
            config,
            splits,
            trained_on=trained_on,
            device=device,
            epoch_length=self.epoch_length,
            tracker=tracker,
            on_progress=on_progress,
        )
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
        model, card = distributed.broadcast_from_first(lambda: checkpoint.load(best))
        keep = self.record.scored if self._writes else lambda split, result: None
        card = score_splits(model.to(self.device), card, self.splits, self.on_device, keep)
        if self._writes:
            speed = measure_speed(model, card.image_size, card.normalization, self.device)
            checkpoint.write_card(best, replace(card, speed=speed))
            self.record.tracker.log_model(best, card.scores)
        return card.scores

    def _build_engine(self) -> Engine:
        from ignite.engine import Engine, Events

        config = self.config
        train = self.on_device["train"]
        teacher = self.pretrained.teacher.to(self.device) if self.pretrained.teacher else None
        step = make_train_step(config, self.trained, self.spread_loss, self.optimizer, train, self.average, teacher)
        factors = train.repeat_factors(config.rare_frames)
        clock = Clock()
        self.model.train()

        def train_step(engine: Engine, _: None) -> Tensor:
            done = engine.state.iteration - 1
            epoch, position = divmod(done, self.epoch_length)
            if position == 0 or self._order is None:
                self._order = send(epoch_order(len(train), config.seed, epoch, factors), self.device)
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(config, done, self.steps)
            start = position * config.batch_size
            indices = self._order[start : start + config.batch_size]
            clock.frames += len(indices)
            return step(indices, epoch, position)

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

    _order: Tensor | None = None

    @property
    def scored_model(self) -> nn.Module:
        """The network to evaluate: the weight average if there is one."""
        return self.average.model if self.average else self.model

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
            self.scored_model,
            self.on_device["val"],
            Normalization.named(self.config.normalization),
            precision=self.config.precision,
            loss=self.loss,
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
        card = self.record.epoch(epoch, result, summary, self.scored_model, is_best=is_best, seconds=self.seconds)
        self._save_last(done, card)
        self.record.track_epoch(epoch, result, summary, self.on_device["val"])

    def _save_last(self, done: int, card: ModelCard | None = None) -> None:
        if not self._writes:
            return
        card = card or self.record.card(self.model, done // self.epoch_length, {}, self.seconds)
        state = {
            "iteration": done,
            "optimizer": self.optimizer.state_dict(),
            "average": {"steps": self.average.steps, **self.average.model.state_dict()} if self.average else None,
            "heads": self.heads.state_dict() if self.heads else None,
            "best_score": self.best_score,
            "best_epoch": self.best_epoch,
            "seconds": self.seconds,
            "pending": self._pending,
        }
        resume.save(self.run, self.model, card, state)

    def _resume(self) -> int:
        """Load the state of ``_save_last``, if any; return the number of optimiser steps done."""
        kept = distributed.broadcast_from_first(lambda: resume.load(self.run, torch.device("cpu")))
        if self._writes:
            self.run.truncate_history(kept[1]["iteration"] if kept else 0)
        if kept is None:
            if self.pretrained.weights:
                for model in (self.model, *([self.average.model] if self.average else [])):
                    model.load_state_dict(self.pretrained.weights)
            return 0
        weights, state = kept
        self.model.load_state_dict(weights)
        if self.heads:
            self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.steps = state["average"].pop("steps")
            self.average.model.load_state_dict(state["average"])
        self.best_score, self.best_epoch = state["best_score"], state["best_epoch"]
        self.seconds = state["seconds"]
        self._pending = [loss.to(self.device) for loss in state["pending"]]
        done: int = state["iteration"]
        return done
