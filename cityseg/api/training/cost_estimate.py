"""What a recipe takes, before it is launched: parameters, multiply-adds, memory, time, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cityseg import config as configuration
from cityseg.analysis.config_warnings import Surroundings, recipe_notes, recipe_warnings
from cityseg.api.data.connect import DataInfo, data_info
from cityseg.api.training.create_run import built_on_by
from cityseg.config import ExperimentConfig, presets
from cityseg.data.layouts.detect import Split
from cityseg.engine.preflight import cost
from cityseg.engine.preflight.cost import Memory
from cityseg.engine.preflight.pace import Pace, seconds_to_finish
from cityseg.engine.runtime.device import best_device, device_name, free_memory
from cityseg.engine.runtime.precision import has_native_bfloat16
from cityseg.jobs.preflight_record import CheckKind, PreflightRecord


@dataclass(frozen=True)
class Cost:
    """What follows from the recipe alone, and from how many frames there are.

    Attributes:
        parameters: trained parameters.
        multiply_adds: of predicting one frame; see ``engine.cost.multiply_adds`` for what is counted.
        memory: estimated bytes at the fullest moment, by what holds them.
    """

    parameters: int
    multiply_adds: int
    memory: Memory


@dataclass(frozen=True)
class Estimate:
    """All that can be said of a training before it begins.

    Attributes:
        cost: parameters, multiply-adds and memory.
        frames: frames by split.
        steps: optimiser steps in all.
        differences: fields that differ from the preset, as (here, there); empty without a preset.
        warnings: sentences on what cannot work, works against itself or is ignored.
        notes: sentences on what works and should be known.
        pace: as measured on this machine, or None before that.
        seconds: time to finish by that pace, or None; without reading the data.
        measured: when the pace was measured, in seconds since 1970, or None.
    """

    cost: Cost
    frames: dict[Split, int]
    steps: int
    differences: dict[str, tuple[Any, Any]]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    pace: Pace | None
    seconds: float | None
    measured: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        memory = self.cost.memory
        return {
            "parameters": self.cost.parameters,
            "multiply_adds": self.cost.multiply_adds,
            "memory_bytes": {**vars(memory), "total": memory.total},
            "frames": self.frames,
            "steps": self.steps,
            "differences": {name: list(values) for name, values in self.differences.items()},
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "pace": vars(self.pace) if self.pace else None,
            "seconds": self.seconds,
            "measured": self.measured,
        }


def cost_of(config: ExperimentConfig, frames: int) -> Cost:
    """Count what a recipe takes on a dataset of ``frames`` frames, all splits together; computes nothing."""
    return Cost(cost.parameters(config), cost.multiply_adds(config), cost.memory(config, frames))


def warnings_of(config: ExperimentConfig, frames: Mapping[Split, int]) -> tuple[str, ...]:
    """Return sentences on what in a recipe cannot work, and what one should know, on this machine and these frames."""
    around = _surroundings(frames, cost.memory(config, sum(frames.values())))
    return (*recipe_warnings(config, around), *recipe_notes(config, around))


def too_large(counted: Cost) -> str | None:
    """Return a sentence if a training needs more memory than the device has free, else None."""
    free = free_memory(best_device())
    if free is None or counted.memory.total <= free:
        return None
    return (
        f"expected {counted.memory.total / 2**30:.1f} GB of free memory, found {free / 2**30:.1f} GB; lower batch_size "
        "or image_size, or end what else is running"
    )


def estimate(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    runs: Path | None = None,
    info: DataInfo | None = None,
    counted: Cost | None = None,
) -> Estimate:
    """Say what a training takes, as far as it is known without running anything.

    Args:
        config: the recipe.
        spec: the dataset.
        runs: folder of runs, with the trials made before.
        info: what ``data_info`` says of the dataset, if it is at hand.
        counted: what ``cost_of`` gave, if it is at hand.

    Raises:
        UsageError, DataError: the dataset cannot be connected.
    """
    info = info or data_info(spec)
    counted = counted or cost_of(config, sum(info.frames.values()))
    around = _surroundings(info.frames, counted.memory)
    check = preflight_record("estimate", config, info.spec, runs).check()
    pace = Pace(**check.result) if check and check.state == "finished" and check.result else None
    known = config.preset in presets.PRESETS
    return Estimate(
        cost=counted,
        frames=dict(info.frames),
        steps=-(-info.frames["train"] // config.batch_size) * config.epochs,
        differences=configuration.differences(config, presets.preset(config.preset)) if known else {},
        warnings=recipe_warnings(config, around),
        notes=recipe_notes(config, around),
        pace=pace,
        seconds=seconds_to_finish(config, pace, info.frames) if pace else None,
        measured=check.when if check and pace else None,
    )


def _surroundings(frames: Mapping[Split, int], memory: Memory) -> Surroundings:
    device = best_device()
    return Surroundings(frames["train"], has_native_bfloat16(device), memory.total, free_memory(device))


def preflight_record(
    kind: CheckKind, config: ExperimentConfig, spec: str, runs: Path | None = None, steps: int | None = None
) -> PreflightRecord:
    """Return the record of a config's preflight check on a dataset and this machine.

    The record depends on the models that the outcome depends on: the learning-rate finder starts from the weights of
    both, a measured pace includes the teacher's network.
    """
    relevant = [name for name in configuration.MODEL_REFERENCES if kind in configuration.SETTINGS[name].affects]
    pretrained = built_on_by(config, runs, relevant)
    return PreflightRecord(kind, config, spec, device_words(), steps=steps, pretrained=pretrained, runs=runs)


def device_words() -> str:
    """Name the device for preflight records: unlike ``device_name``, independent of the number of threads."""
    device = best_device()
    return device_name(device) if device.type == "cuda" else device.type
