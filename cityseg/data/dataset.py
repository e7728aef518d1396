"""What a dataset is, whatever its layout: frames by split, and what keeps a frame from being used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cityseg.classes import OFFICIAL, LabelTable
from cityseg.data.layouts.source_file import StoredFile
from cityseg.errors import DataError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

Kind = Literal["cityscapes", "synthetic", "described"]

ProblemKind = Literal[
    "missing label",
    "orphaned label",
    "unreadable file",
    "wrong mode",
    "size mismatch",
    "unknown id",
    "duplicate",
]
PROBLEM_KINDS: tuple[ProblemKind, ...] = get_args(ProblemKind)


@dataclass(frozen=True, slots=True)
class Frame:
    """One labelled photo.

    Attributes:
        name: unique within the dataset, and free of slashes; ``<city>_<sequence>_<frame>`` in the official layout.
        city: where it was recorded, or the first folder below ``images/``; empty if there is none.
        photo: the colour photo.
        label: the image of its label values.
    """

    name: str
    city: str
    photo: StoredFile
    label: StoredFile


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a dataset that keeps a frame from being used.

    Attributes:
        kind: what is wrong, in two words.
        split: the split it belongs to.
        path: the file concerned, as ``StoredFile`` prints it.
        message: what was expected, what was found and what to do, in one sentence that begins with the path.
    """

    kind: ProblemKind
    split: Split
    path: str
    message: str


@dataclass(frozen=True)
class Dataset:
    """Frames of a connected dataset by split.

    Attributes:
        name: what to call it in front of the user.
        kind: ``cityscapes`` for the official layout, as folders or archives; ``synthetic`` for the drawn set;
            ``described`` for a folder with a ``dataset.json``.
        root: the folder that was connected.
        splits: frames of train, val and test, in sorted order. Where a dataset has no test split of its own, val
            is the first half of its sorted val frames and test is the second half; frames that cannot be used
            count when the halves are cut, so repairing one moves no other.
        problems: what the listing already shows to be wrong; the frames concerned are in no split.
        table: which train id each value of the label images stands for.
    """

    name: str
    kind: Kind
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
