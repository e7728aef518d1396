"""The three tables of the first paper as published, measured by its own code on its full data.

They are shown beside results and never subtracted: the paper measured other frames, and its means are over 19 rows of
which one is "unlabelled", all zero, while bicycle has no row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cityseg.classes import CLASS_NAMES

NOTE = "published, full data"
"""Mark of a published figure."""


@dataclass(frozen=True)
class Published:
    """One table of the paper, on its test split."""

    name: str  # the experiment
    macro: tuple[float, float, float]  # precision, recall and F1 as published
    per_class: Mapping[str, tuple[float, float, float]]  # precision, recall and F1 by class, three decimals; Dice is F1

    def score(self, class_name: str, metric: str) -> float | None:
        """Return a class's figure; None for IoU and for the class without a row."""
        found = self.per_class.get(class_name)
        return found[_PLACES[metric]] if found and metric in _PLACES else None

    def mean(self, metric: str) -> float | None:
        """Return the published mean; None for IoU."""
        return self.macro[_PLACES[metric]] if metric in _PLACES else None


_PLACES = {"precision": 0, "recall": 1, "f1": 2, "dice": 2}
_WITHOUT_ROW = "bicycle"


def _table(name: str, macro: tuple[float, float, float], found: dict[str, tuple[float, float, float]]) -> Published:
    """Return a table; classes missing in ``found`` were published as all zero."""
    return Published(name, macro, {c: found.get(c, (0.0, 0.0, 0.0)) for c in CLASS_NAMES if c != _WITHOUT_ROW})


TABLES: tuple[Published, ...] = (
    _table(
        "experiment 1",
        (0.194871, 0.203552, 0.180893),
        {
            "road": (0.774, 0.995, 0.871),
            "sky": (0.767, 0.888, 0.823),
            "vegetation": (0.836, 0.808, 0.822),
            "building": (0.775, 0.851, 0.811),
            "sidewalk": (0.22, 0.031, 0.055),
            "truck": (0.018, 0.283, 0.033),
            "car": (0.306, 0.011, 0.02),
            "fence": (0.005, 0.001, 0.002),
            "pole": (0.002, 0.0, 0.0),
        },
    ),
    _table(
        "experiment 2",
        (0.228789, 0.222056, 0.205045),
        {
            "road": (0.924, 0.932, 0.928),
            "sky": (0.788, 0.803, 0.795),
            "building": (0.592, 0.926, 0.722),
            "vegetation": (0.95, 0.475, 0.633),
            "car": (0.402, 0.893, 0.554),
            "sidewalk": (0.424, 0.19, 0.262),
            "wall": (0.2, 0.0, 0.0),
            "person": (0.067, 0.0, 0.0),
        },
    ),
    _table(
        "experiment 3",
        (0.284127, 0.277736, 0.256289),
        {
            "road": (0.978, 0.91, 0.943),
            "sky": (0.845, 0.943, 0.891),
            "vegetation": (0.852, 0.859, 0.855),
            "building": (0.729, 0.921, 0.814),
            "car": (0.66, 0.86, 0.747),
            "sidewalk": (0.458, 0.759, 0.571),
            "terrain": (0.876, 0.025, 0.048),
        },
    ),
)
