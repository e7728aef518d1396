"""Small datasets in published layouts, for tests."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
from PIL import Image

from cityseg.data.dataset import SPLITS, Dataset

_SEEDS = count()


def photo(path: Path) -> None:
    """Write a photo that no other file equals, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(next(_SEEDS)).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF"}.get(path.suffix[1:].lower()))


def label(path: Path, value: int | tuple[int, int, int]) -> None:
    """Write a label image of one value or colour as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (4, 6) if isinstance(value, int) else (4, 6, 3)
    Image.fromarray(np.full(shape, value, np.uint8)).save(path, "PNG")


def tree(
    root: Path,
    *,
    photos: str = "leftImg8bit/{split}/{city}/{city}_{index:06d}_000019_leftImg8bit.png",
    labels: str = "gtFine/{split}/{city}/{city}_{index:06d}_000019_gtFine_labelIds.png",
    splits: dict[str, str] | None = None,
    frames: int = 3,
    value: int | tuple[int, int, int] = 7,
) -> Path:
    """Write ``frames`` photos and labels per split, whose city is given by ``splits``."""
    for split, city in (splits or {"train": "aachen", "val": "frankfurt"}).items():
        for index in range(frames):
            photo(root / photos.format(split=split, city=city, index=index))
            label(root / labels.format(split=split, city=city, index=index), value)
    return root


def pack(root: Path, path: Path, rename: Callable[[str], str] = str) -> Path:
    """Pack a folder's files into a zip, with the names that ``rename`` makes of their paths."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                member = zipfile.ZipInfo()
                member.filename = rename(file.relative_to(root).as_posix())
                archive.writestr(member, file.read_bytes())
    return path


def without_utf8_flag(path: Path) -> None:
    """Clear the flag of UTF-8 names, as macOS packs them. Layout: PKWARE's APPNOTE, sections 4.3.7 and 4.3.12."""
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + offset + 1] &= ~0x08
            start = content.find(signature, start + 1)
    path.write_bytes(content)


def names(dataset: Dataset) -> dict[str, list[str]]:
    """Return the names of the frames by split."""
    return {split: [frame.name for frame in dataset.splits[split]] for split in SPLITS}
