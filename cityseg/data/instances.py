"""Instance ids of a frame, which only the Cityscapes layout has."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from cityseg.data.dataset import Frame
from cityseg.data.frame_io import check_size
from cityseg.data.image_io import MAX_FRAME_PIXELS, decoding
from cityseg.data.layouts.source_file import SourceFile
from cityseg.data.layouts.zip_source import ZipMember, open_archive
from cityseg.errors import DataError

_LABELS, _INSTANCES = "_gtFine_labelIds.png", "_gtFine_instanceIds.png"


def instance_file(frame: Frame) -> SourceFile | None:
    """Return the file with a frame's instance ids, or None if the dataset has none."""
    label = frame.label
    if not label.name.endswith(_LABELS):
        return None
    name = label.name.removesuffix(_LABELS) + _INSTANCES
    if isinstance(label, ZipMember):
        member = label.member.removesuffix(_LABELS) + _INSTANCES
        found = open_archive(label.path).NameToInfo.get(member)
        return replace(label, name=name, member=member, size=found.file_size, crc=found.CRC) if found else None
    path = label.path.with_name(label.path.name.removesuffix(_LABELS) + _INSTANCES)
    return SourceFile(path, name) if path.is_file() else None


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
