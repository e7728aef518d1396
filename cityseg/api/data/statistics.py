"""Counting datasets: what the charts of the app and ``cityseg data stats`` are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from cityseg.progress import OnProgress
from cityseg.api.data.connect import STATISTICS_SIZE, prepare
from cityseg.data.layouts import detect
from cityseg.data.prepared import statistics as counting
from cityseg.data.layouts.detect import Split
from cityseg.data.prepared.statistics import SplitStatistics
from cityseg.classes import CLASS_NAMES

_QUANTILES = {"p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95}


def statistics(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, on_progress: OnProgress | None = None
) -> dict[Split, SplitStatistics]:
    """Count every split at ``size``; raises what ``prepare`` raises.

    ``on_progress`` follows the decoding, if there is any to do, and then the counting.
    """
    prepared = prepare(spec, size, on_progress)
    total = sum(len(cached) for cached in prepared.values())
    before = 0
    counted: dict[Split, SplitStatistics] = {}
    for split, cached in prepared.items():

        def forward(done: int, _: int, before: int = before) -> None:
            if on_progress:
                on_progress(before + done, total)

        counted[split] = counting.compute(cached, forward)
        before += len(cached)
    return counted


def stats_report(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, on_progress: OnProgress | None = None
) -> dict[str, Any]:
    """Return the figures of ``cityseg data stats --json``.

    Shares are of the scored pixels, except ``void``, which is of all pixels; areas are shares of the frame; brightness
    and contrast are grey levels, 0 to 255. What does not exist is None.

    Returns:
        ``data``, ``size`` (height, width) and, each by split: ``frames``; ``splits``, by class the share, the pixels
        and the frames that hold it; ``void``; ``cities``, by city the frames and the share of every class;
        ``cooccurrence``, by class and class the frames that hold both; ``objects``, by class how many connected
        regions there are, how many per frame that holds the class, and quantiles of their area; ``brightness`` and
        ``contrast``, their mean and quantiles over the frames.
    """
    report: dict[str, Any] = {"data": spec or detect.default_data(), "size": list(size)}
    for part in ("frames", "splits", "void", "cities", "cooccurrence", "objects", "brightness", "contrast"):
        report[part] = {}
    for split, counted in statistics(spec, size, on_progress).items():
        report["frames"][split] = len(counted.frames)
        report["splits"][split] = _classes(counted)
        report["void"][split] = counted.void_share
        report["cities"][split] = {
            city: {"frames": counted.cities.count(city), "share": _by_class(_numbers(shares))}
            for city, shares in counted.city_shares.items()
        }
        report["cooccurrence"][split] = _by_class([_by_class(row) for row in counted.cooccurrence.tolist()])
        report["objects"][split] = _objects(counted)
        report["brightness"][split] = _spread(counted.brightness)
        report["contrast"][split] = _spread(counted.contrast)
    return report


def _classes(counted: SplitStatistics) -> dict[str, dict[str, Any]]:
    columns = zip(_numbers(counted.share), counted.frequency.tolist(), counted.pixels.sum(0).tolist(), strict=True)
    return _by_class([{"share": share, "frames": frames, "pixels": pixels} for share, frames, pixels in columns])


def _objects(counted: SplitStatistics) -> dict[str, dict[str, Any]]:
    height, width = counted.size
    found = []
    for train_id, (objects, frames) in enumerate(zip(counted.objects.counts, counted.frequency, strict=True)):
        area = counted.objects.areas(train_id) / (height * width)
        found.append(
            {
                "count": int(objects),
                "per_frame": float(objects / frames) if frames else None,
                "area": _quantiles(area) if objects else None,
            }
        )
    return _by_class(found)


def _by_class(values: list[Any]) -> dict[str, Any]:
    return dict(zip(CLASS_NAMES, values, strict=True))


def _numbers(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


def _spread(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean()), **_quantiles(values)}


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {name: float(np.percentile(values, rank)) for name, rank in _QUANTILES.items()}
