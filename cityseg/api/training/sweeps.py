"""Sweeps, and groups of runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cityseg.analysis.comparison.groups import Group, Member, groups
from cityseg.api.results.listing import Result, list_results
from cityseg.api.training.create_run import expect_data, make_run
from cityseg.config import ExperimentConfig
from cityseg.data.layouts.detect import default_data
from cityseg.errors import CitysegError, UsageError
from cityseg.jobs import queue as line
from cityseg.runs import Run


def launch_sweep(configs: Sequence[ExperimentConfig], spec: str | None = None, runs: Path | None = None) -> list[str]:
    """Put the runs of a sweep in line, all of them or none, and return their ids; what has a slot starts at once.

    Args:
        configs: as ``cityseg.config.sweep.expand`` makes them; the runs are named after their group and numbered.
        spec: the dataset of all of them; without one, what is connected now.
        runs: folder of runs.

    Raises:
        UsageError, DataError: the dataset cannot be connected.
    """
    spec = spec or default_data()
    expect_data(spec)
    # A group that grows goes on counting.
    earlier = sum(result.config.group == configs[0].group for result in list_results(runs, shipped=False))
    made: list[Run] = []
    try:
        for number, config in enumerate(configs, earlier + 1):
            made.append(make_run(config, spec, f"{config.group}-{number}", runs))
        line.enqueue(made, runs)
    except (OSError, CitysegError):
        for run in made:
            with suppress(UsageError):  # it has been started after all
                run.delete()
        raise
    return [run.id for run in made]


def list_groups(runs: Path | None = None, results: Sequence[Result] | None = None) -> list[Group]:
    """Return the groups of runs, newest first, with mean and spread over their seeds.

    Args:
        runs: folder of runs.
        results: what to group, where it has been listed already.
    """
    found = list_results(runs, shipped=False) if results is None else results
    return groups(
        [
            Member(result.id, result.config, result.state == "finished", result.scores)
            for result in found
            if result.source == "run"
        ]
    )
