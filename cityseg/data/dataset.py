"""The dataset type shared by all layouts: frames by split, and problems that make frames unusable."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cityseg.classes import OFFICIAL, LabelTable
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.errors import DataError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

DatasetKind = Literal["cityscapes", "synthetic", "described"]
"""The Cityscapes layout, as folders or archives; the renderer's output; or a folder with a ``dataset.json``."""

ProblemKind = Literal[
    "missing label",
    "orphaned label",
    "unreadable file",
    "wrong mode",
    "size mismatch",
    "unknown id",
    "duplicate",
    "train ids",
]
PROBLEM_KINDS: tuple[ProblemKind, ...] = get_args(ProblemKind)


def default_data() -> str:
    """Return the default dataset: ``$CITYSEG_DATA``, else ``data/cityscapes`` if it exists, else ``synthetic``."""
    return os.environ.get("CITYSEG_DATA") or ("data/cityscapes" if Path("data/cityscapes").is_dir() else "synthetic")


@dataclass(frozen=True, slots=True)
class Frame:
    """A photo and its image of label values."""

    name: str
    """Unique in the dataset, without slashes; ``<city>_<sequence>_<frame>`` in the Cityscapes layout."""
    city: str
    """Where it was recorded, or the first folder below ``images/``; empty if there is none."""
    photo: SourceFile
    label: SourceFile


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem that makes a frame unusable, or a whole split doubtful."""

    kind: ProblemKind
    split: Split
    path: str
    """The affected file, as printed by ``SourceFile``."""
    message: str
    """One sentence that begins with the path: expected, found, what to do."""


@dataclass(frozen=True)
class Dataset:
    """A connected dataset."""

    name: str
    kind: DatasetKind
    root: Path
    splits: dict[Split, tuple[Frame, ...]]
    """Sorted frames. Without a test split of its own, the first half of the sorted val frames is val and the second
    half is test; unusable frames count when the halves are cut, so repairing one moves no other frame."""
    problems: tuple[Problem, ...] = ()
    """Problems of the file listing; the affected frames are in no split."""
    table: LabelTable = OFFICIAL
    notes: tuple[str, ...] = ()
    """What was read instead of the usual files, in sentences without a full stop."""

    def frames(self, split: Split) -> tuple[Frame, ...]:
        """Return the frames of a split.

        Raises:
            DataError: the split has no frame.
        """
        frames = self.splits[split]
        if frames:
            return frames
        problems = sum(problem.split == split for problem in self.problems)
        found = f"only {problems} that cannot be used" if problems else "none"
        where = "dataset.json" if self.kind == "described" else "leftImg8bit/"
        remedy = "run `cityseg data verify`" if problems else f"check {where}"
        raise DataError(f"{self.root}: expected frames in the {split} split, found {found}; {remedy}")
