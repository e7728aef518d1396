"""Dataset statistics for the charts of the app and for ``cityseg data stats``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cityseg.api.data.prepare import STATISTICS_SIZE, prepare
from cityseg.classes import CLASS_NAMES
from cityseg.data.dataset import Split, default_data
from cityseg.data.prepared.statistics import SplitStatistics, compute
from cityseg.metrics import none_for_nan
from cityseg.progress import OnProgress, part_of

_QUANTILES = {"p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95}


def statistics(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, on_progress: OnProgress | None = None
) -> dict[Split, SplitStatistics]:
    """Compute the statistics of every split at ``size``; raises the errors of ``prepare``."""
    prepared = prepare(spec, size, on_progress)
    total = sum(len(cached) for cached in prepared.values())
    before = 0
    counted: dict[Split, SplitStatistics] = {}
    for split, cached in prepared.items():
        counted[split] = compute(cached, part_of(on_progress, before, total))
        before += len(cached)
    return counted


def stats_report(
    spec: str | None = None, size: tuple[int, int] = STATISTICS_SIZE, on_progress: OnProgress | None = None
) -> dict[str, Any]:
    """Return the figures of ``cityseg data stats --json``.

    Shares refer to the labelled pixels, except ``void``, which refers to all pixels; areas are shares of the frame;
    brightness and contrast are grey levels, 0 to 255. Undefined values are None.

    Returns:
        ``data``, ``size`` (height, width) and, each by split: ``frames``; ``splits``, by class the share, the pixels
        and the number of frames with it; ``void``; ``cities``, by city the frames and the share of every class;
        ``cooccurrence``, by pair of classes the number of frames with both; ``objects``, by class the number of
        connected regions, their number per frame that contains the class, and quantiles of their area; ``brightness``
        and ``contrast``, their mean and quantiles over the frames.
    """
    report: dict[str, Any] = {"data": spec or default_data(), "size": list(size)}
    for part in ("frames", "splits", "void", "cities", "cooccurrence", "objects", "brightness", "contrast"):
        report[part] = {}
    for split, counted in statistics(spec, size, on_progress).items():
        report["frames"][split] = len(counted.frames)
        report["splits"][split] = _by_class(
            {"share": none_for_nan(share), "frames": int(frames), "pixels": int(pixels)}
            for share, frames, pixels in zip(counted.share, counted.frequency, counted.pixels.sum(0), strict=True)
        )
        report["void"][split] = counted.void_share
        report["cities"][split] = {
            city: {"frames": counted.cities.count(city), "share": _by_class(map(none_for_nan, shares))}
            for city, shares in counted.city_shares.items()
        }
        report["cooccurrence"][split] = _by_class([_by_class(row) for row in counted.cooccurrence.tolist()])
        report["objects"][split] = _by_class([_objects(counted, train_id) for train_id in range(len(CLASS_NAMES))])
        report["brightness"][split] = _spread(counted.brightness)
        report["contrast"][split] = _spread(counted.contrast)
    return report


def _objects(counted: SplitStatistics, train_id: int) -> dict[str, Any]:
    area = counted.objects.areas(train_id) / (counted.size[0] * counted.size[1])
    frames = int(counted.frequency[train_id])
    return {
        "count": len(area),
        "per_frame": len(area) / frames if frames else None,
        "area": _quantiles(area) if len(area) else None,
    }


def _by_class(values: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(CLASS_NAMES, values, strict=True))


def _spread(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean()), **_quantiles(values)}


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {name: float(np.percentile(values, rank)) for name, rank in _QUANTILES.items()}
