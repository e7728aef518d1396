"""Results: runs and shipped models under one type, and what was measured with them on other data."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cityseg import checkpoint
from cityseg.api.results.folder_stamp import Stamp, folder_stamp
from cityseg.api.results.folders import MEASUREMENT, find_result_folder, measured_elsewhere, shipped_folders
from cityseg.api.results.notes import Notes, read_notes
from cityseg.config import ExperimentConfig, build
from cityseg.data.dataset import Dataset
from cityseg.data.prepared import cache
from cityseg.documents import Document, read_document
from cityseg.errors import CitysegError, DataError
from cityseg.metrics.summary import SplitSummary
from cityseg.runs import Run, State, list_runs, runs_root

Source = Literal["run", "shipped"]
_MOST_KNOWN = 20_000
_KNOWN: dict[tuple[str, Source], tuple[Stamp, tuple[Result, list[Result]]]] = {}
"""Results by folder, with the stamps of the files they were read from; nobody changes them."""


@dataclass(frozen=True)
class Result:
    """A run or a shipped model, with the scores on its own data or on other data."""

    id: str  # the run's id or the shipped model's name; followed by ``@`` and a name of the other data
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
    notes: Notes = field(default_factory=Notes)  # the user's tags and note

    @property
    def model(self) -> str:
        """The run's id or the shipped model's name, whatever the scores were measured on."""
        return self.run.folder.name

    @property
    def is_elsewhere(self) -> bool:
        """Whether the scores were measured on other data than the result's own."""
        return self.run.counts != self.run.folder

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
            **{key: value for key, value in vars(self).items() if key not in ("config", "run", "notes")},
            **asdict(self.notes),
            "config": self.config.model_dump(mode="json"),
            "path": str(self.run.folder),
            "counts": str(self.run.counts),
        }

    @classmethod
    def of_dict(cls, document: dict[str, Any]) -> Result:
        """Return the result of ``as_dict``'s values."""
        values = dict(document)
        folder, counts = (Path(values.pop(key)) for key in ("path", "counts"))
        run, config = Run(folder, counts), build(values.pop("config"))
        notes = Notes(tuple(values.pop("tags")), values.pop("note"), values.pop("archived"))
        return cls(**values, config=config, run=run, notes=notes)


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
    elsewhere: list[Result]  # measured on other data, in the same order

    @property
    def everything(self) -> list[Result]:
        """All results, each followed by its measurements on other data."""
        return [each for result in self.results for each in (result, *self._of(result))]

    def _of(self, result: Result) -> Iterable[Result]:
        return (each for each in self.elsewhere if each.run.folder == result.run.folder)


def find_result(name: str, runs: Path | None = None) -> Result:
    """Return one run or shipped model; raises UsageError for an unknown name."""
    run = find_result_folder(name, runs)
    is_run = run.folder.parent == runs_root(runs) or os.path.lexists(run.folder / "status.json")
    result = _result(Run(run.folder), "run" if is_run else "shipped", runs)
    return result if run.counts == run.folder else _measured(result, run, runs)


def list_results(runs: Path | None = None, *, shipped: bool = True) -> list[Result]:
    """List runs, newest first, then shipped models by name; ``list_all`` also returns those that cannot be read."""
    return list_all(runs, shipped=shipped).results


def list_all(runs: Path | None = None, *, shipped: bool = True) -> Listing:
    """List runs and shipped models; a damaged one affects no other."""
    found: list[tuple[Run, Source]] = [(run, "run") for run in list_runs(runs)]
    if shipped:
        found += [(Run(folder), "shipped") for folder in shipped_folders()]
    listing = Listing([], [], [])
    for run, source in found:
        try:
            result, elsewhere = _read(run, source, runs)
            listing.results.append(result)
            listing.elsewhere.extend(elsewhere)
        except CitysegError as error:
            # A run may have been deleted meanwhile.
            if source == "shipped" or run.has_records():
                listing.damaged.append(DamagedResult(run.id, source, str(error), str(run.folder)))
    return listing


def _read(run: Run, source: Source, runs: Path | None) -> tuple[Result, list[Result]]:
    """Return a result and its measurements on other data; those of an ended run are read again only after a change."""
    stamp = folder_stamp(run, runs)
    key = (str(run.folder.absolute()), source)
    known = _KNOWN.get(key)
    if stamp is not None and known is not None and known[0] == stamp:
        return known[1]
    result = _result(run, source, runs)
    found = result, list(_measurements(result, runs))
    if stamp is not None and result.state not in ("queued", "running"):
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = stamp, found
    return found


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

    def holds_frames_of(self, result: Result, split: str | None = None) -> bool:
        """Whether a result was scored on these frames: by fingerprint if that is known, else by description.

        ``split`` is by default the one that the result is ranked by.
        """
        split = split or result.scored_split
        if split in self.fingerprints:
            return bool(result.scores.get(split, {}).get("fingerprint") == self.fingerprints[split])
        return split in result.scores and result.measured_on == self.description


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


class _Measurement(Document):
    """``measured.json``."""

    data: str
    weights: str
    scores: dict[str, SplitSummary]


def _measurements(result: Result, runs: Path | None) -> Iterable[Result]:
    """Yield what was measured with the present weights on other data; damaged or outdated measurements are left out."""
    for run in measured_elsewhere(result.run, runs):
        try:
            yield _measured(result, run, runs)
        except CitysegError:
            continue


def _measured(result: Result, run: Run, runs: Path | None) -> Result:
    """Return a result with the scores stored in ``run.counts``; DataError for damaged or outdated ones."""
    path = run.counts / MEASUREMENT
    again = f"measure it again: cityseg measure {result.id} --data DATA"
    stored = read_document(path, _Measurement, "scores on other data", again)
    if stored is None:
        raise DataError(f"{path}: expected scores on other data, found no file; {again}")
    if stored["weights"] != checkpoint.weights_digest(run.checkpoint):
        raise DataError(f"{path}: expected scores of the present weights, found those of earlier ones; {again}")
    run.expect_measured(stored["scores"])
    data, scores = stored["data"], stored["scores"]
    notes = read_notes(run, runs)
    return replace(result, id=run.id, scores=scores, network_scores={}, measured_on=data, run=run, notes=notes)


def _result(run: Run, source: Source, runs: Path | None) -> Result:
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
        notes=read_notes(run, runs),
    )
