"""Results: runs and shipped models under one type."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cityseg import checkpoint
from cityseg.config import ExperimentConfig, build
from cityseg.config.presets import PRESETS
from cityseg.data.dataset import Dataset
from cityseg.data.prepared import cache
from cityseg.errors import CitysegError, UsageError
from cityseg.runs import Run, State, list_runs, runs_root
from cityseg.studio_files import studio_root
from cityseg.text import home_expanded, quoted

Source = Literal["run", "shipped"]


@dataclass(frozen=True)
class Result:
    """A run or a shipped model."""

    id: str  # the run's id or the shipped model's name
    source: Source  # its folder: ``runs/`` or ``checkpoints/``
    state: State  # queued, running, finished, stopped or failed
    config: ExperimentConfig  # the config of its training
    created: str  # time of creation, ISO 8601
    data: str  # description of the training data
    measured_on: str  # description of the data of the scores
    parameters: int | None  # number of trained parameters; None before the first epoch
    seconds: float | None  # training time so far, without preparing data
    best_epoch: int | None  # epoch of the weights; None before the first
    epochs_done: int  # finished epochs
    scores: dict[str, Any]  # summaries of the best weights by split, each with fingerprint, size and label policy
    network_scores: dict[str, Any]  # the same at the network's size, for presets within a budget of the first study
    speed: dict[str, Any]  # frames per second, one photo at a time, and the device, from the model card
    progress: dict[str, Any] | None  # the latest figures of a running training
    error: str | None  # the failure in a sentence
    run: Run  # the folder, for history, matrices and probes

    def score(self, split: str, metric: str, average: str = "macro") -> float | None:
        """Return one aggregate; None if not measured."""
        value: float | None = self.scores.get(split, {}).get(average, {}).get(metric)
        return value

    @property
    def scored_split(self) -> str:
        """``test``, or ``val`` if test was not evaluated."""
        return "val" if self.score("test", "f1") is None else "test"

    @property
    def macro_f1(self) -> float | None:
        """Macro F1 on ``scored_split``, None if neither split was evaluated."""
        return self.score(self.scored_split, "f1")

    @property
    def has_weights(self) -> bool:
        """Whether the weights are there; a run has none before its first epoch."""
        return os.path.isfile(self.run.checkpoint / checkpoint.WEIGHTS)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            **{key: value for key, value in vars(self).items() if key not in ("config", "run")},
            "config": self.config.model_dump(mode="json"),
            "path": str(self.run.folder),
        }

    @classmethod
    def of_dict(cls, document: dict[str, Any]) -> Result:
        """Return the result of ``as_dict``'s values."""
        values = dict(document)
        run, config = Run(Path(values.pop("path"))), build(values.pop("config"))
        return cls(**values, config=config, run=run)


@dataclass(frozen=True)
class DamagedResult:
    """A run or a shipped model that cannot be read, and therefore is in no list."""

    id: str  # the run's id or the shipped model's name
    source: Source  # its folder: ``runs/`` or ``checkpoints/``
    reason: str  # what was expected, what was found, what to do
    path: str  # its folder


@dataclass(frozen=True)
class Listing:
    """All results, and those that cannot be read."""

    results: list[Result]  # runs, newest first, then shipped models by name
    damaged: list[DamagedResult]  # in the same order


def shipped_root() -> Path:
    """Return the folder of shipped models: ``checkpoints/`` of the checkout, or of the installed wheel."""
    return studio_root() / "checkpoints"


def shipped_folders() -> list[Path]:
    """Return the folders of the shipped models by name."""
    return sorted(path.parent for path in shipped_root().glob(f"*/{checkpoint.CARD}"))


def find_result_folder(name: str, runs: Path | None = None) -> Run:
    """Return the folder behind MODEL; UsageError for an unknown name."""
    shipped = shipped_root() / name
    if Path(name).name == name:
        if name in {run.id for run in list_runs(runs)}:
            return Run(runs_root(runs) / name)
        if os.path.isfile(shipped / checkpoint.CARD):
            return Run(shipped)
    folder = home_expanded(name)
    # Unlike pathlib's, this answers for a name that no file system accepts.
    if any(os.path.isfile(place / checkpoint.CARD) for place in (folder, folder / "best")):
        return Run(folder)
    names = [folder.name for folder in shipped_folders()]
    first = f"; train it first: cityseg train --preset {name} --name {name}" if name in PRESETS else ""
    raise UsageError(
        f"unknown model {quoted(name)}: expected a run id, a folder with {checkpoint.CARD}, or one of "
        f"{', '.join(names) or 'no shipped models'}{first}"
    )


def find_result(name: str, runs: Path | None = None) -> Result:
    """Return one run or shipped model; raises UsageError for an unknown name."""
    run = find_result_folder(name, runs)
    is_run = run.folder.parent == runs_root(runs) or os.path.lexists(run.folder / "status.json")
    return _result(run, "run" if is_run else "shipped")


def list_results(runs: Path | None = None, *, shipped: bool = True) -> list[Result]:
    """List runs, newest first, then shipped models by name; ``list_all`` also returns those that cannot be read."""
    return list_all(runs, shipped=shipped).results


def list_all(runs: Path | None = None, *, shipped: bool = True) -> Listing:
    """List runs and shipped models; a damaged one affects no other."""
    found: list[tuple[Run, Source]] = [(run, "run") for run in list_runs(runs)]
    if shipped:
        found += [(Run(folder), "shipped") for folder in shipped_folders()]
    listing = Listing([], [])
    for run, source in found:
        try:
            listing.results.append(_result(run, source))
        except CitysegError as error:
            # A run may have been deleted meanwhile.
            if source == "shipped" or run.has_records():
                listing.damaged.append(DamagedResult(run.id, source, str(error), str(run.folder)))
    return listing


@dataclass(frozen=True)
class ConnectedData:
    """The connected data, as far as it tells whether a result was measured on it."""

    description: str  # as in model cards
    fingerprints: Mapping[str, str]  # of the splits that are prepared at any size

    @classmethod
    def of(cls, dataset: Dataset, description: str) -> ConnectedData:
        """Look up the fingerprints of an open dataset; reads no frame."""
        known = {split: cache.known_fingerprint(dataset, split) for split, frames in dataset.splits.items() if frames}
        return cls(description, {split: found for split, found in known.items() if found})

    def holds_frames_of(self, result: Result) -> bool:
        """Whether a result was scored on these frames: by fingerprint if that is known, else by description."""
        split = result.scored_split
        if split in self.fingerprints:
            return bool(result.scores.get(split, {}).get("fingerprint") == self.fingerprints[split])
        return result.measured_on == self.description


def ranked(results: Iterable[Result], data: ConnectedData | None = None) -> list[Result]:
    """Sort results: those measured on the connected data first, the others by data, each group best first.

    Scores on different data are not comparable. Groups with more frames come first.
    """

    def key(result: Result) -> tuple[Any, ...]:
        scores = result.scores.get(result.scored_split, {})
        elsewhere = data is not None and not data.holds_frames_of(result)
        group = (elsewhere, result.scored_split != "test", -scores.get("frames", 0), result.measured_on)
        return (*group, -(result.macro_f1 or 0), result.id)

    return sorted(results, key=key)


def usable_models(results: Iterable[Result], data: ConnectedData | None = None) -> list[Result]:
    """Return the results that have weights, in the order of ``ranked``."""
    return ranked((result for result in results if result.has_weights), data)


def _result(run: Run, source: Source) -> Result:
    description, config = run.describe(), run.config()
    status: dict[str, Any] = run.status() if source == "run" else {"state": "finished"}
    ended = status["state"] == "finished"
    # The first epoch writes the card; a finished run without one has lost it.
    card = checkpoint.read_card(run.checkpoint) if ended else checkpoint.find_card(run.checkpoint)
    run.expect_measured(card.scores if card else {})
    lines = run.history()
    data = card.trained_on if card else (description.get("data") or {}).get("name", "")
    return Result(
        id=run.id,
        source=source,
        state=status["state"],
        config=config,
        created=description["created"],
        data=data,
        measured_on=(card.measured_on if card else "") or data,
        parameters=card.parameters if card else None,
        seconds=float(lines[-1]["seconds"]) if lines else card.training.get("seconds") if card else None,
        best_epoch=card.training.get("epoch") if card else None,
        epochs_done=sum(line["kind"] == "epoch" for line in lines) or (config.epochs if ended else 0),
        scores=card.scores if card else {},
        network_scores=card.network_scores if card else {},
        speed=card.speed if card else {},
        progress=status.get("progress"),
        error=status.get("error"),
        run=run,
    )
