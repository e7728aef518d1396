"""What every tab of the Compare page is about: the selected results, their scores on one split, and the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cityseg.analysis.comparison.comparability import Basis
from cityseg.api import Result
from cityseg.api.types import Split


@dataclass(frozen=True)
class Comparison:
    """The selection that the whole page shares.

    Attributes:
        split: what everything is scored on.
        selected: results by name, in the table's order.
        summaries: ``metrics.summarize``'s figures of those that were scored on ``split``.
        bases: what each of them was measured on.
        baseline: the result that others are subtracted from, one of ``summaries``; None if there is none.
    """

    split: Split
    selected: Mapping[str, Result]
    summaries: Mapping[str, Mapping[str, Any]]
    bases: Mapping[str, Basis]
    baseline: str | None
