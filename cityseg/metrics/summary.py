"""The stored form of ``summarize``: the scores of one split in a model card or in a run's history."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cityseg.classes import CLASS_NAMES
from cityseg.documents import Count, Document, Score

PROVENANCE = ("fingerprint", "size", "label_policy")
"""Keys beside the scores that decide whether two summaries are comparable."""
_Optional = Score | None


class Averages(Document):
    """Averages of the class scores; None if no class has one."""

    precision: _Optional
    recall: _Optional
    f1: _Optional
    dice: _Optional
    iou: _Optional


class ClassSummary(Averages):
    """Scores of one class; None if it is in neither ground truth nor prediction."""

    support: Count


class SplitSummary(Document):
    """Scores of one split."""

    frames: Annotated[Count, Field(ge=1)]
    pixels: Count
    macro: Averages
    weighted: Averages
    samples_dice: _Optional
    pixel_accuracy: _Optional
    category_iou: _Optional
    per_category: dict[str, _Optional]
    classes_above_zero: Annotated[int, Field(ge=0, le=len(CLASS_NAMES))]
    per_class: dict[str, ClassSummary]
    fingerprint: str = ""
    size: Annotated[list[Annotated[int, Field(ge=1, le=2**20)]], Field(min_length=2, max_length=2)] | None = None
    label_policy: str = "unknown"

    @model_validator(mode="after")
    def _expect_all_classes(self) -> SplitSummary:
        if missing := [name for name in CLASS_NAMES if name not in self.per_class]:
            raise ValueError(f"expected the scores of all classes, missing {missing[0]}")
        return self
