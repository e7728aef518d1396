"""Near duplicates and outliers of a dataset, for the command line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.analysis import tables
from cityseg.analysis.dataset import duplicates, embedding
from cityseg.analysis.tables import Cell, Table
from cityseg.data.prepared.feature_map import FeatureMap
from cityseg.files import write_text, writing

_COLUMNS = ("frame", "split", "city", "x", "y", "outlier_distance", "nearest", "nearest_split", "similarity")


def map_report(found: FeatureMap, csv: Path | None = None, outliers: int = 10) -> dict[str, Any]:
    """Return the figures of ``cityseg data map --json``, and write a table of all frames to ``csv``.

    Returns:
        ``frames`` and ``channels``, their numbers; ``outliers``, the frames with the largest distance to their 10th
        nearest neighbour: the columns of the table. ``nearest`` and what follows are None in a set of one frame.
    """
    neighbours = embedding.nearest(found.features, embedding.OUTLIER_RANK)
    distance = embedding.isolation(neighbours)
    rows: list[tuple[Cell, ...]] = []
    for index, name in enumerate(found.names):
        x, y = found.positions[index].tolist()
        row = (name, str(found.splits[index]), str(found.cities[index]), x, y, float(distance[index]))
        if neighbours.frames.shape[1]:
            other = int(neighbours.frames[index, 0])
            similarity = float(neighbours.similarity[index, 0])
            rows.append((*row, found.names[other], str(found.splits[other]), similarity))
        else:
            rows.append((*row, None, None, None))
    if csv:
        with writing(csv):
            write_text(csv, tables.write(Table(_COLUMNS, tuple(rows)), "csv"))
    first = np.argsort(-distance, kind="stable")[:outliers]
    return {
        "frames": len(rows),
        "channels": found.features.shape[1],
        "outliers": [dict(zip(_COLUMNS, rows[index], strict=True)) for index in first],
    }


def duplicates_report(found: FeatureMap, threshold: float, limit: int, *, across: bool = False) -> dict[str, Any]:
    """Return the figures of ``cityseg data duplicates --json``; ``across`` leaves pairs within a split out.

    Returns:
        ``threshold``; ``total``, the number of pairs; ``pairs``, the most similar ones, each with the names and splits
        of both frames, ``similarity``, ``crosses`` (a split), ``leak``, ``apart`` and ``relation``, in words.
    """
    pairs = embedding.near_duplicates(found.features, threshold, limit, groups=found.splits if across else None)
    described = duplicates.describe(pairs, found.names, found.splits, found.cities)
    return {
        "threshold": threshold,
        "total": pairs.total,
        "pairs": [
            {
                **asdict(pair),
                "first": found.names[pair.first],
                "first_split": str(found.splits[pair.first]),
                "second": found.names[pair.second],
                "second_split": str(found.splits[pair.second]),
                "relation": duplicates.relation(pair),
            }
            for pair in described
        ],
    }
