"""Trainings as processes of their own, in line for a slot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cityseg.api.training.create_run import new_run, run_to_resume
from cityseg.config import ExperimentConfig
from cityseg.data.layouts.detect import default_data
from cityseg.jobs import queue as line
from cityseg.jobs.queue import Queue


def launch(config: ExperimentConfig, spec: str | None = None, *, name: str = "", runs: Path | None = None) -> str:
    """Put a training in line and return the run's id at once; it starts as soon as a slot is free, often now.

    Args:
        config: what to train.
        spec: the dataset; without one, what is connected now, whatever is when its turn comes.
        name: wish for the run's id.
        runs: folder of runs.

    Raises:
        UsageError, DataError: the dataset cannot be connected.
    """
    run = new_run(config, spec or default_data(), name, runs)
    line.enqueue([run], runs)
    return run.id


def resume(run_id: str, runs: Path | None = None) -> None:
    """Put a stopped or failed run in line, to go on as a process of its own.

    Raises:
        UsageError: no such run, it is a mean of models, or it is running, finished or in line.
    """
    line.enqueue([run_to_resume(run_id, runs)], runs)


def find_queue(runs: Path | None = None) -> Queue:
    """Return the number of slots, what takes them, and what waits in which order."""
    return line.read(runs)


def advance_queue(runs: Path | None = None) -> None:
    """Start waiting runs while slots are free; for whoever looks at the queue.

    Raises:
        UsageError, TrainingError: the folder of runs cannot be written, or somebody keeps it locked.
    """
    line.advance(runs)


def move_in_queue(run_id: str, position: int, runs: Path | None = None) -> None:
    """Let a waiting run stand at ``position``, 1 being the next to start.

    Raises:
        UsageError: no such run or position, or the run does not wait.
    """
    line.move(run_id, position, runs)


def withdraw(run_ids: Sequence[str], runs: Path | None = None) -> None:
    """Take waiting runs out of the line, all of them or none; they can be resumed or deleted afterwards.

    Raises:
        UsageError: no such run, or one does not wait.
    """
    line.withdraw(run_ids, runs)


def set_slots(slots: int, runs: Path | None = None) -> None:
    """Set how many trainings may go on at once, and start what has a slot now.

    Raises:
        UsageError: fewer than one, or too many.
    """
    line.set_slots(slots, runs)
