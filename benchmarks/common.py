"""Shared by the benchmarks: alternating measurements, their output, and multipart uploads."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping

import torch

from cityseg import api
from cityseg.api import Result
from cityseg.engine.bench.stopwatch import Ratio, Stopwatch

CPU = torch.device("cpu")
TIMEOUT = 300.0
"""Seconds without an answer after which a request to a server fails."""


def alternate(sides: Mapping[str, Callable[[], object]], rounds: int, device: torch.device = CPU) -> Stopwatch:
    """Time all sides in alternating rounds, after one round of warm-up."""
    watch = Stopwatch(device)
    for _ in range(rounds + 1):
        for name, side in sides.items():
            watch.time(name, side)
    return watch


def figures_of(ratio: Ratio) -> dict[str, float]:
    """Return a ratio's figures by name."""
    return {
        "frames_per_second": ratio.frames_per_second,
        "against_frames_per_second": ratio.against,
        "ratio": ratio.ratio,
        "processor_ratio": ratio.processor_ratio,
    }


def print_figures(results: Mapping[str, Mapping[str, float]], as_json: bool) -> None:
    """Print groups of figures, one group per line or as one JSON document."""
    if as_json:
        print(json.dumps(results))
        return
    for name, figures in results.items():
        print(f"{name:30s}" + ", ".join(f"{key} {value:,.2f}" for key, value in figures.items()))


def shipped_models(names: Collection[str] | None) -> list[Result]:
    """Return the shipped models of these names, or all of them."""
    return [result for result in api.list_results() if result.source == "shipped" and (not names or result.id in names)]


def multipart(field: str, name: str, data: bytes) -> tuple[bytes, str]:
    """Return the body and the content type of a form that uploads one file."""
    boundary, quoted = "----cityseg-benchmark", name.replace('"', "%22")
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{quoted}"\r\n\r\n'
    return head.encode() + data + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
