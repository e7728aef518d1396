"""The context of the Compare page's tabs: the selected results, their scores on one split, and the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cityseg.analysis.comparison.comparability import Basis, group_comparable, obstacles
from cityseg.api import Result
from cityseg.api.types import Split
from cityseg.ui.app import session

NOT_SCORED = "None of the selected results has been scored on this split yet."


@dataclass(frozen=True)
class CompareContext:
    """The selection that all tabs share."""

    split: Split
    selected: Mapping[str, Result]  # by name, in the table's order
    summaries: Mapping[str, Mapping[str, Any]]  # ``metrics.summarize`` of the results that were scored on ``split``
    bases: Mapping[str, Basis]  # data, size and labels that each of these was measured on
    baseline: str | None  # result that others are subtracted from, one of ``summaries``; None if none is chosen

    def ranked(self, names: Iterable[str]) -> list[str]:
        """Return names by macro F1, the best first."""
        return sorted(names, key=lambda name: -(self.summaries[name]["macro"]["f1"] or 0.0))

    def comparable(self, name: str, names: Iterable[str]) -> list[str]:
        """Return those of ``names`` that may be compared with ``name``, the best first."""
        others = (other for other in names if other != name)
        return self.ranked(other for other in others if not obstacles(self.bases[name], self.bases[other]))

    def reference(self, names: Iterable[str]) -> str:
        """Return the baseline, or without one the second best of the largest group of comparable results."""
        names = list(names)
        if self.baseline in names:
            return str(self.baseline)
        group = self.ranked(group_comparable({name: self.bases[name] for name in names})[0])
        return group[min(1, len(group) - 1)]

    def inspect_query(self, name: str, order: str, **more: str) -> dict[str, str]:
        """Return the URL parameters of the Inspect page for a result, ranked by ``order``, such as "IoU of road"."""
        return {"result": self.selected[name].id, "split": self.split, "by": order, **more, **session.data_parameters()}
