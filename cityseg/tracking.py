"""Logging a run with wandb, or with nothing at all."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cityseg import checkpoint, distributed
from cityseg.classes import CLASS_NAMES, IGNORE_INDEX
from cityseg.config import ExperimentConfig
from cityseg.errors import UsageError
from cityseg.runs import Run

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProbeFrame:
    """A val frame that every epoch predicts."""

    name: str
    photo: np.ndarray  # (H, W, 3) uint8
    truth: np.ndarray  # (H, W) uint8 train ids, 255 for void
    prediction: np.ndarray  # (H, W) uint8 train ids


@dataclass(frozen=True)
class EpochRecord:
    """A finished epoch."""

    epoch: int  # from 1
    step: int  # optimiser steps done
    val_loss: float | None  # mean loss on val, or None
    summary: dict[str, Any]  # ``metrics.summarize``'s figures on val
    confusion: np.ndarray  # (19, 19) pixel counts on val, rows = truth
    probes: tuple[ProbeFrame, ...]  # a few frames as the epoch predicts them


class Tracker:
    """Base of trackers; records nothing and imports nothing."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Record named values of an optimiser step."""

    def log_epoch(self, record: EpochRecord) -> None:
        """Record a finished epoch."""

    def log_model(self, folder: Path, scores: dict[str, Any]) -> None:
        """Keep the best weights of a finished run, with their scores by split."""

    def finish(self) -> None:
        """Write all pending records."""


class WandbTracker(Tracker):
    """Records with the wandb client. A failure after the start is logged once and ends the tracking, never the run."""

    def __init__(self, config: ExperimentConfig, run: Run, mode: str) -> None:
        import wandb

        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "cityseg"),
            id=run.id,
            name=run.id,
            group=config.group or None,
            dir=str(run.folder),
            mode="offline" if mode == "offline" else "online",
            config=config.model_dump(mode="json"),
            resume="allow" if mode == "online" else None,
            # No host name, interpreter, command line or dataset path: records are for sharing.
            settings=wandb.Settings(
                silent=True, console="off", host="-", x_disable_meta=True, x_disable_machine_info=True
            ),
        )

    def log(self, values: dict[str, float], step: int) -> None:
        """Record named values of an optimiser step."""
        self._guard(lambda: self._run.log(values, step=step))

    def log_epoch(self, record: EpochRecord) -> None:
        """Record a finished epoch under ``val/...`` and ``val/<class>/...``, as charts and as pictures with masks."""
        self._guard(lambda: self._run.log({**_figures(record), **_media(record)}, step=record.step))

    def log_model(self, folder: Path, scores: dict[str, Any]) -> None:
        """Keep the best weights and their card as an artifact, and their scores in the summary."""
        self._guard(lambda: self._log_model(folder, scores))

    def _log_model(self, folder: Path, scores: dict[str, Any]) -> None:
        import wandb

        for split, summary in scores.items():
            self._run.summary.update({f"best/{split}/{name}": value for name, value in summary["macro"].items()})
        artifact = wandb.Artifact(self._run.id, type="model", metadata={"scores": scores})
        # The files stay as they are, so the client need not copy them into its own folders.
        for name in (checkpoint.WEIGHTS, checkpoint.CARD):
            artifact.add_file(str(folder / name), policy="immutable")
        self._run.log_artifact(artifact)

    def finish(self) -> None:
        """Write all pending records."""
        self._guard(lambda: self._run.finish())

    def _guard(self, action: Any) -> None:
        if self._run is None:
            return
        # Any error of a logging service, of whatever type, must leave the training alone.
        try:
            action()
        except Exception:
            _log.warning("wandb stopped recording this run; training goes on", exc_info=True)
            self._run = None


def _figures(record: EpochRecord) -> dict[str, float]:
    summary = record.summary
    values: dict[str, float | None] = {"epoch": record.epoch, "val/loss": record.val_loss}
    values |= {f"val/{key}": summary[key] for key in ("samples_dice", "pixel_accuracy", "category_iou")}
    groups = {"macro": summary["macro"], "weighted": summary["weighted"], **summary["per_class"]}
    for group, scores in groups.items():
        values |= {f"val/{group}/{name}": value for name, value in scores.items()}
    return {name: value for name, value in values.items() if value is not None}


def _media(record: EpochRecord) -> dict[str, Any]:
    import wandb

    cells: list[Any] = [
        [CLASS_NAMES[truth], CLASS_NAMES[predicted], int(pixels)]
        for (truth, predicted), pixels in np.ndenumerate(record.confusion)
    ]
    columns: list[str | int] = ["Actual", "Predicted", "nPredictions"]
    # wandb.plot.confusion_matrix wants a list of all pixels; this is the chart that it draws from their counts.
    matrix = wandb.plot_table(
        "wandb/confusion_matrix/v1",
        wandb.Table(columns=columns, data=cells),
        {str(name): str(name) for name in columns},
        {"title": "Pixels by truth and prediction, val"},
    )
    labels = {**dict(enumerate(CLASS_NAMES)), IGNORE_INDEX: "void"}
    pictures = [
        wandb.Image(
            probe.photo,
            caption=probe.name,
            masks={
                "truth": {"mask_data": probe.truth, "class_labels": labels},
                "prediction": {"mask_data": probe.prediction, "class_labels": labels},
            },
        )
        for probe in record.probes
    ]
    return {"val/confusion": matrix, "val/probes": pictures}


@contextmanager
def tracked(config: ExperimentConfig, run: Run) -> Iterator[Tracker]:
    """Yield the tracker of ``start`` and finish it afterwards; of a run's processes only the first one tracks."""
    tracker = start(config, run) if distributed.is_first() else Tracker()
    try:
        yield tracker
    finally:
        tracker.finish()


def start(config: ExperimentConfig, run: Run) -> Tracker:
    """Begin the configured tracking; UsageError for ``online`` without an API key, or if wandb is not installed."""
    if config.tracking == "none":
        return Tracker()
    try:
        import wandb
    except ImportError:
        raise UsageError("tracking needs wandb, found none; pip install wandb, or use tracking=none") from None
    if config.tracking == "online":
        # Not silent, login asks the service for the user's name, and waits minutes for one that does not answer.
        wandb.setup(settings=wandb.Settings(silent=True))
        if not wandb.login(prompt=False, verify=False):
            raise UsageError(
                "tracking=online expects a wandb API key, found none; run 'wandb login' or use tracking=offline"
            )
    try:
        return WandbTracker(config, run, config.tracking)
    except wandb.errors.Error as error:
        raise UsageError(
            f"tracking={config.tracking} expects wandb to begin a run, found {_first_line(error)}; "
            "use tracking=offline and 'wandb sync' later, or tracking=none"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
