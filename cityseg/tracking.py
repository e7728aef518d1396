"""Logging a run with wandb, or with nothing at all."""

from __future__ import annotations

import logging
import os
from typing import Any, Protocol

from cityseg.config import ExperimentConfig
from cityseg.errors import UsageError
from cityseg.runs import Run

_log = logging.getLogger(__name__)


class Tracker(Protocol):
    """What a run reports to."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Record named values of an optimiser step."""

    def log_epoch(self, epoch: int, step: int, val_loss: float | None, summary: dict[str, Any]) -> None:
        """Record a finished epoch: the val loss and ``metrics.summarize``'s figures."""

    def finish(self) -> None:
        """Write out what is left."""


class NoTracker:
    """Records nothing and imports nothing."""

    def log(self, values: dict[str, float], step: int) -> None:
        """Do nothing."""

    def log_epoch(self, epoch: int, step: int, val_loss: float | None, summary: dict[str, Any]) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""


class WandbTracker:
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
            settings=wandb.Settings(silent=True, console="off"),
        )

    def log(self, values: dict[str, float], step: int) -> None:
        """Record named values of an optimiser step."""
        self._guard(lambda: self._run.log(values, step=step))

    def log_epoch(self, epoch: int, step: int, val_loss: float | None, summary: dict[str, Any]) -> None:
        """Record a finished epoch under ``val/...`` and ``val/<class>/...``."""
        values: dict[str, float] = {"epoch": epoch}
        if val_loss is not None:
            values["val/loss"] = val_loss
        for kind in ("macro", "weighted"):
            values |= {f"val/{kind}/{name}": value for name, value in summary[kind].items() if value is not None}
        for key in ("samples_dice", "pixel_accuracy", "category_iou"):
            if summary[key] is not None:
                values[f"val/{key}"] = summary[key]
        for class_name, scores in summary["per_class"].items():
            values |= {f"val/{class_name}/{name}": value for name, value in scores.items() if value is not None}
        self._guard(lambda: self._run.log(values, step=step))

    def finish(self) -> None:
        """Write out what is left."""
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


def start(config: ExperimentConfig, run: Run) -> Tracker:
    """Begin tracking as the configuration says.

    Raises:
        UsageError: ``online`` without an API key, or wandb is not installed.
    """
    if config.tracking == "none":
        return NoTracker()
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
