"""Instance ids of a frame, which only the Cityscapes layout has."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import PureWindowsPath

import numpy as np
from PIL import Image

from cityseg.data.dataset import Frame
from cityseg.data.frame_io import check_size
from cityseg.data.image_io import MAX_FRAME_PIXELS, decoding
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.layouts.zip_source import ZipMember, open_archive
from cityseg.errors import DataError

_LABEL = re.compile(r"(?P<frame>.*)_(?P<part>gtFine|gtCoarse)_(?P<kind>labelIds|labelTrainIds|color)\.png", re.I)


def instance_file(frame: Frame) -> SourceFile | None:
    """Return the file with a frame's instance ids, or None if the dataset has none."""
    label = frame.label
    if not isinstance(label, ZipMember):
        names = _beside(label.path.name)
        path = next((path for name in names if (path := label.path.with_name(name)).is_file()), None)
        return SourceFile(path, f"{label.name.rpartition('/')[0]}/{path.name}") if path else None
    archive = open_archive(label.path)
    found = next((archive.NameToInfo[name] for name in _beside(label.member) if name in archive.NameToInfo), None)
    if found is None:
        return None
    last = PureWindowsPath(found.filename).name
    name = f"{label.name.rpartition('/')[0]}/{last}"
    return replace(label, name=name, member=found.filename, size=found.file_size, crc=found.CRC)


def _beside(name: str) -> list[str]:
    """Return the possible names of the instance ids beside a label, in the usual case or in capitals."""
    match = _LABEL.fullmatch(name)
    # IDD writes ids of its own under the usual name in lower case.
    if not match or match["kind"] == "labelids":
        return []
    stems = (f"_{match['part']}_instanceIds", f"_{match['part']}_instanceIds".upper())
    return [f"{match['frame']}{stem}{ending}" for stem in stems for ending in (".png", ".PNG")]


def read_instances(file: SourceFile, size: tuple[int, int]) -> np.ndarray:
    """Decode a ``*_gtFine_instanceIds.png`` to (H, W) int32: 1000 x label id + n, or a plain label id.

    ``size`` is the (height, width) of the frame's labels.

    Raises:
        DataError: the file is missing, damaged, not greyscale, or of another size.
    """
    content = file.read()
    with decoding(str(file), MAX_FRAME_PIXELS, "PNG of instance ids", "grey"), Image.open(io.BytesIO(content)) as image:
        if image.mode not in ("I", "I;16", "L"):
            raise DataError(f"{file}: expected a grey PNG of instance ids, found mode {image.mode}; copy it again")
        values = np.asarray(image).astype(np.int32)
    check_size(file, values, size, "labels'")
    return values
