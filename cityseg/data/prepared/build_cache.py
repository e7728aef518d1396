"""Decoding the frames of a split on all cores into two array files."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs

from cityseg.classes import LabelTable
from cityseg.data.frame_io import read_label, read_photo, resize_label, resize_photo
from cityseg.data.layouts.detect import Frame
from cityseg.data.prepared.array_file import RowFile
from cityseg.data.prepared.parallel import on_all_cores
from cityseg.errors import DataError
from cityseg.progress import OnProgress

_CHECKSUMS = struct.Struct(">II")
# Its stubs know bytes alone, but it takes any contiguous buffer.
_codecs: Any = imagecodecs


@dataclass(frozen=True)
class Filled:
    """What went into the array files, in array order.

    Attributes:
        kept: index of each row's frame.
        truths: CRC-32 and Adler-32 of each frame's train ids at native size: they tell whether two truths are the same,
            which needs no defence against forgery, and a cryptographic digest would take a tenth of all the time.
        photo_checksums: CRC-32 and length of each photo's file.
        native_size: (height, width) of the first frame.
    """

    kept: tuple[int, ...]
    truths: tuple[bytes, ...]
    photo_checksums: tuple[str, ...]
    native_size: tuple[int, int]


@dataclass(frozen=True)
class _Decoded:
    truth: bytes
    photo_checksum: str
    native_size: tuple[int, int]


def fill(
    folder: Path,
    frames: Sequence[Frame],
    table: LabelTable,
    size: tuple[int, int],
    on_progress: OnProgress | None = None,
    skip_bad: bool = False,
) -> Filled:
    """Write ``photos.npy`` (N, H, W, 3) uint8 and ``labels.npy`` (N, H, W) uint8 train ids into ``folder``.

    Args:
        folder: an empty folder.
        frames: what to decode.
        table: what label values mean.
        size: (height, width) to resize to.
        on_progress: called after every frame.
        skip_bad: leave frames out that cannot be used.

    Raises:
        DataError: a frame that cannot be used, unless ``skip_bad``.
        OSError: the files cannot be written.
    """
    with (
        closing(RowFile(folder / "photos.npy", len(frames), (*size, 3))) as photos,
        closing(RowFile(folder / "labels.npy", len(frames), size)) as labels,
    ):

        def decode(index: int) -> _Decoded | None:
            try:
                return _decode(frames[index], table, size, index, photos, labels)
            except DataError:
                if skip_bad:
                    return None
                raise

        decoded: dict[int, _Decoded] = {}
        # Closed before the files are, or a thread might still be writing to them.
        with closing(on_all_cores(decode, range(len(frames)))) as results:
            for index, result in enumerate(results):
                if result is not None:
                    decoded[index] = result
                if on_progress:
                    on_progress(index + 1, len(frames))
        kept = tuple(decoded)
        photos.finish(kept)
        labels.finish(kept)
    return Filled(
        kept=kept,
        truths=tuple(frame.truth for frame in decoded.values()),
        photo_checksums=tuple(frame.photo_checksum for frame in decoded.values()),
        native_size=decoded[kept[0]].native_size if kept else (0, 0),
    )


def _decode(
    frame: Frame, table: LabelTable, size: tuple[int, int], index: int, photos: RowFile, labels: RowFile
) -> _Decoded:
    content = frame.photo.read()
    photo = read_photo(frame.photo, content)
    native_size = photo.shape[0], photo.shape[1]
    train_ids = read_label(frame.label, native_size, table)
    photos.write(index, resize_photo(photo, size))
    labels.write(index, resize_label(train_ids, size))
    return _Decoded(
        truth=_CHECKSUMS.pack(_codecs.deflate_crc32(train_ids), _codecs.deflate_adler32(train_ids)),
        photo_checksum=f"{imagecodecs.deflate_crc32(content):08x}-{len(content)}",
        native_size=native_size,
    )
