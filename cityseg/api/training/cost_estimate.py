"""Estimate a training before it starts: parameters, MACs, memory, time, and warnings about the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cityseg import config as configuration
from cityseg.analysis.config_warnings import Environment, config_notes, config_warnings
from cityseg.api.data.connect import DataInfo, data_info
from cityseg.api.training.create_run import pretrained_version
from cityseg.config import ExperimentConfig, presets
from cityseg.data.dataset import Split
from cityseg.engine.preflight import cost
from cityseg.engine.preflight.cost import Memory
from cityseg.engine.preflight.pace import Pace, seconds_to_finish
from cityseg.engine.runtime.device import best_device, device_name, free_memory
from cityseg.engine.runtime.precision import has_native_bfloat16
from cityseg.jobs.preflight_record import CheckKind, PreflightRecord


@dataclass(frozen=True)
class Cost:
    """Cost of a training, computed from the config and the number of frames."""

    parameters: int  # number of trained parameters
    multiply_adds: int
    """MACs to predict one frame; ``engine.preflight.cost.multiply_adds`` lists the counted operations."""
    memory: Memory  # estimated peak memory in bytes, by use


@dataclass(frozen=True)
class CostEstimate:
    """Estimate of a training before it starts."""

    cost: Cost  # parameters, MACs and memory
    frames: dict[Split, int]  # number of frames by split
    steps: int  # total number of optimiser steps
    differences: dict[str, tuple[Any, Any]]
    """Fields that differ from the preset, as (config, preset); empty without a preset."""
    warnings: tuple[str, ...]  # settings that will fail, contradict each other or are ignored, a sentence each
    notes: tuple[str, ...]  # other things to know about the config, a sentence each
    pace: Pace | None  # the pace measured on this machine, or None if not measured
    seconds: float | None  # time to finish at that pace, without reading the data, or None
    measured: float | None  # when the pace was measured, in seconds since 1970, or None

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
    """Compute the cost of a config on a dataset of ``frames`` frames in all, without running the network."""
    return Cost(cost.parameters(config), cost.multiply_adds(config), cost.memory(config, frames))


def warnings_of(config: ExperimentConfig, frames: Mapping[Split, int]) -> tuple[str, ...]:
    """Return the warnings and notes about a config on this machine and these frames."""
    environment = _environment(frames, cost.memory(config, sum(frames.values())))
    return (*config_warnings(config, environment), *config_notes(config, environment))


def too_large(counted: Cost) -> str | None:
    """Return an error message if a training needs more memory than the device has free, else None."""
    free = free_memory(best_device())
    if counted.memory.total <= free:
        return None
    return (
        f"expected {counted.memory.total / 2**30:.1f} GB of free memory, found {free / 2**30:.1f} GB; lower batch_size "
        "or image_size, or end other programs"
    )


def estimate(
    config: ExperimentConfig,
    spec: str | None = None,
    *,
    runs: Path | None = None,
    info: DataInfo | None = None,
    counted: Cost | None = None,
) -> CostEstimate:
    """Estimate a training without running anything; the time comes from an earlier measurement.

    ``runs`` holds the records of earlier checks; ``info`` and ``counted`` are ``data_info`` and ``cost_of``, if known.
    """
    info = info or data_info(spec)
    counted = counted or cost_of(config, sum(info.frames.values()))
    environment = _environment(info.frames, counted.memory)
    check = preflight_record("estimate", config, info.spec, runs).check()
    pace = Pace(**check.result) if check and check.state == "finished" and check.result else None
    known = config.preset in presets.PRESETS
    return CostEstimate(
        cost=counted,
        frames=dict(info.frames),
        steps=-(-info.frames["train"] // config.batch_size) * config.epochs,
        differences=configuration.differences(config, presets.preset(config.preset)) if known else {},
        warnings=config_warnings(config, environment),
        notes=config_notes(config, environment),
        pace=pace,
        seconds=seconds_to_finish(config, pace, info.frames) if pace else None,
        measured=check.when if check and pace else None,
    )


def _environment(frames: Mapping[Split, int], memory: Memory) -> Environment:
    device = best_device()
    return Environment(frames["train"], has_native_bfloat16(device), memory.total, free_memory(device))


def preflight_record(
    kind: CheckKind, config: ExperimentConfig, spec: str, runs: Path | None = None, steps: int | None = None
) -> PreflightRecord:
    """Return the record of a config's preflight check on a dataset and this machine.

    The record depends on the models that the outcome depends on: the learning-rate finder starts from the weights of
    both, a measured pace includes the teacher's network.
    """
    relevant = [name for name in configuration.MODEL_REFERENCES if kind in configuration.SETTINGS[name].affects]
    pretrained = pretrained_version(config, runs, relevant)
    return PreflightRecord(kind, config, spec, device_words(), steps=steps, pretrained=pretrained, runs=runs)


def device_words() -> str:
    """Name the device for preflight records: unlike ``device_name``, independent of the number of threads."""
    device = best_device()
    return device_name(device) if device.type == "cuda" else device.type
