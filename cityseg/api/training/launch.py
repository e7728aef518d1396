"""Queue trainings, single ones and sweeps, each a process of its own that starts when a slot is free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cityseg.analysis.comparison.groups import Group, Member, groups
from cityseg.api.results.listing import Result, list_results
from cityseg.api.training.create_run import new_run, open_data, run_to_resume
from cityseg.config import ExperimentConfig
from cityseg.data.dataset import default_data
from cityseg.errors import CitysegError, UsageError
from cityseg.jobs import queue
from cityseg.runs import Run
from cityseg.text import folder_name


def launch(config: ExperimentConfig, spec: str | None = None, *, name: str = "", runs: Path | None = None) -> str:
    """Queue a training and return the run's id; it starts as soon as a slot is free, often at once.

    The default dataset is the one of now, not of the start. Raises the errors of ``new_run``.
    """
    spec = spec or default_data()
    open_data(spec, [config])
    run = new_run(config, spec, name, runs)
    with _removed_on_failure([run]):
        queue.enqueue([run], runs)
    return run.id


def launch_sweep(configs: Sequence[ExperimentConfig], spec: str | None = None, runs: Path | None = None) -> list[str]:
    """Queue the runs of a sweep, all or none, and return their ids; runs with a free slot start at once.

    ``cityseg.config.sweep.expand`` returns the configs; the runs are named after their group and numbered. Raises the
    errors of ``launch``.
    """
    spec = spec or default_data()
    open_data(spec, configs)
    # The numbers of a group that grows continue.
    earlier = sum(result.config.group == configs[0].group for result in list_results(runs, shipped=False))
    created: list[Run] = []
    with _removed_on_failure(created):
        for number, config in enumerate(configs, earlier + 1):
            created.append(new_run(config, spec, f"{folder_name(config.group, 90) or 'group'}-{number}", runs))
        queue.enqueue(created, runs)
    return [run.id for run in created]


@contextmanager
def _removed_on_failure(created: Sequence[Run]) -> Iterator[None]:
    """Delete new runs that could not be queued."""
    try:
        yield
    except CitysegError:
        for run in created:
            with suppress(UsageError):  # it has started already
                run.delete()
        raise


def resume(run_id: str, runs: Path | None = None) -> None:
    """Queue a stopped or failed training, to be resumed as a process of its own; UsageError for any other run."""
    queue.enqueue([run_to_resume(run_id, runs)], runs)


def list_groups(runs: Path | None = None, results: Sequence[Result] | None = None) -> list[Group]:
    """Return the groups of runs, newest first, with mean and spread over their seeds; of ``results``, if listed."""
    listed = list_results(runs, shipped=False) if results is None else results
    members = [
        Member(result.id, result.config, result.state == "finished", result.scores)
        for result in listed
        if result.source == "run"
    ]
    return groups(members)
