"""Where a dataset's frames lie on disk, and which split each belongs to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cityseg.errors import DataError, UsageError

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_PHOTO_SUFFIX = "_leftImg8bit.png"
_LABEL_SUFFIX = "_gtFine_labelIds.png"


@dataclass(frozen=True, slots=True)
class Frame:
    """One labelled photo.

    Attributes:
        name: ``<city>_<sequence>_<frame>``, unique within the dataset.
        city: where it was recorded.
        photo: path of the colour photo.
        label: path of the label-id image.
    """

    name: str
    city: str
    photo: Path
    label: Path


@dataclass(frozen=True)
class Dataset:
    """Frames of a connected dataset by split.

    Attributes:
        name: what to call it in front of the user.
        kind: ``cityscapes`` for any folder in the official layout, ``synthetic`` for the drawn set.
        root: folder that holds ``leftImg8bit`` and ``gtFine``.
        splits: frames of train, val and test, in sorted order. The official test labels are not public,
            so val is the first half of the sorted official val frames and test is the second half.
    """

    name: str
    kind: Literal["cityscapes", "synthetic"]
    root: Path
    splits: dict[Split, tuple[Frame, ...]]

    def frames(self, split: Split) -> tuple[Frame, ...]:
        """Return the frames of a split.

        Raises:
            DataError: the split has no frame.
        """
        frames = self.splits[split]
        if not frames:
            raise DataError(f"{self.root}: expected frames in the {split} split, found none; check leftImg8bit/")
        return frames


def default_data() -> str:
    """Return what is connected when nothing is named: ``$CITYSEG_DATA``, ``data/cityscapes``, else ``synthetic``."""
    named = os.environ.get("CITYSEG_DATA")
    if named:
        return named
    return "data/cityscapes" if Path("data/cityscapes").is_dir() else "synthetic"


def open_folder(root: Path, kind: Literal["cityscapes", "synthetic"] = "cityscapes", name: str = "") -> Dataset:
    """List the frames of a folder in the official layout.

    Only the listing is read. A photo without its label is an error here already, because a run would
    otherwise silently learn from fewer frames than its user believes.

    Raises:
        UsageError: the folder does not exist or is not in the official layout.
        DataError: a photo has no label.
    """
    if not root.is_dir():
        raise UsageError(f"{root}: expected a folder with leftImg8bit/ and gtFine/, found no such folder")
    missing = [part for part in ("leftImg8bit", "gtFine") if not (root / part).is_dir()]
    if missing:
        raise UsageError(
            f"{root}: expected a folder with leftImg8bit/ and gtFine/, found no {' and no '.join(missing)}; "
            "name the folder that holds both"
        )
    train, val = _frames(root, "train"), _frames(root, "val")
    if not train and not val:
        raise DataError(f"{root}: expected photos named leftImg8bit/<split>/<city>/*{_PHOTO_SUFFIX}, found none")
    half = (len(val) + 1) // 2
    return Dataset(name or root.resolve().name, kind, root, {"train": train, "val": val[:half], "test": val[half:]})


def _frames(root: Path, folder: str) -> tuple[Frame, ...]:
    frames = []
    for photo in sorted((root / "leftImg8bit" / folder).glob(f"*/*{_PHOTO_SUFFIX}")):
        city, name = photo.parent.name, photo.name.removesuffix(_PHOTO_SUFFIX)
        label = root / "gtFine" / folder / city / f"{name}{_LABEL_SUFFIX}"
        if not label.is_file():
            raise DataError(f"{photo}: expected its label at {label}, found none; add the label or take the photo out")
        frames.append(Frame(name, city, photo, label))
    return tuple(sorted(frames, key=lambda frame: frame.name))
