"""The dataset type shared by all layouts: frames by split, and problems that make frames unusable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cityseg.classes import OFFICIAL, LabelTable
from cityseg.data.layouts.source_file import SourceFile
from cityseg.errors import DataError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

DatasetKind = Literal["cityscapes", "synthetic", "described"]

ProblemKind = Literal[
    "missing label", "orphaned label", "unreadable file", "wrong mode", "size mismatch", "unknown id", "duplicate"
]
PROBLEM_KINDS: tuple[ProblemKind, ...] = get_args(ProblemKind)


@dataclass(frozen=True, slots=True)
class Frame:
    """A photo and its label image.

    Attributes:
        name: unique in the dataset, without slashes; ``<city>_<sequence>_<frame>`` in the Cityscapes layout.
        city: where it was recorded, or the first folder below ``images/``; empty if there is none.
        photo: the colour photo.
        label: the image of label values.
    """

    name: str
    city: str
    photo: SourceFile
    label: SourceFile


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem that makes a frame unusable.

    Attributes:
        kind: category of the problem.
        split: the affected split.
        path: the affected file, as printed by ``SourceFile``.
        message: one sentence that begins with the path: expected, found, what to do.
    """

    kind: ProblemKind
    split: Split
    path: str
    message: str


@dataclass(frozen=True)
class Dataset:
    """A connected dataset.

    Attributes:
        name: display name.
        kind: ``cityscapes`` for the Cityscapes layout, as folders or archives; ``synthetic``; ``described`` for a
            folder with a ``dataset.json``.
        root: the connected folder.
        splits: sorted frames of train, val and test. Without a test split of its own, the first half of the sorted val
            frames is val and the second half is test; unusable frames count when the halves are cut, so repairing one
            moves no other frame.
        problems: problems found in the file listing; the affected frames are in no split.
        table: the train id of each label value.
    """

    name: str
    kind: DatasetKind
    root: Path
    splits: dict[Split, tuple[Frame, ...]]
    problems: tuple[Problem, ...] = ()
    table: LabelTable = OFFICIAL

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
