"""The documents of a run folder as they are stored: ``config.json``, ``status.json`` and the lines of the history."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from cityseg.documents import Count, Document, Seconds
from cityseg.metrics.summary import SplitSummary

State = Literal["queued", "running", "finished", "stopped", "failed"]


class Data(Document):
    """The dataset of a run."""

    spec: str | None = None
    name: str = ""


class Description(Document):
    """``config.json``. The config itself is validated where it is built."""

    config: dict[str, Any]
    created: str
    versions: dict[str, str] = Field(default_factory=dict)
    git_commit: str | None = None
    host: str = ""
    device: str = ""
    data: Data | None = None
    averaged: list[str] | None = None

    @field_validator("created")
    @classmethod
    def _expect_time(cls, created: str) -> str:
        try:
            known = datetime.fromisoformat(created).tzinfo is not None
        except ValueError:
            known = False
        if not known:
            raise ValueError("expected a time with its zone, such as 2026-01-31T12:00:00+00:00")
        return created


class Progress(Document):
    """The latest figures of a running training."""

    step: Count
    steps: Count
    epoch: Count
    epochs: Count
    loss: float
    frames_per_second: float
    seconds_left: float


class Best(Document):
    """The best epoch on val so far."""

    epoch: Count
    macro_f1: float


class Origin(Document):
    """The working folder and the settings of the process that queued a run."""

    folder: str
    environment: dict[str, str]


class Status(Document):
    """``status.json``. Process ids are not validated here: a wrong one belongs to no process."""

    state: State
    host: str | None = None
    created: Seconds | None = None
    enqueued: Seconds | None = None
    launched: Seconds | None = None
    heartbeat: Seconds | None = None
    progress: Progress | None = None
    best: Best | None = None
    origin: Origin | None = None
    error: str | None = None


class _Line(Document):
    step: Count
    epoch: Count
    seconds: Seconds


class StepLine(_Line):
    """A line of ``history.jsonl`` about some steps."""

    kind: Literal["step"]
    loss: float
    learning_rate: Annotated[float, Field(ge=0)]
    frames_per_second: Annotated[float, Field(ge=0)]


class EpochLine(_Line):
    """A line of ``history.jsonl`` that closes an epoch."""

    kind: Literal["epoch"]
    val_loss: float | None
    val: SplitSummary
