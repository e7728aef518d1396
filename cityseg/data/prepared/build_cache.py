"""Decode the frames of a split on all cores into two array files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import imagecodecs

from cityseg.classes import LabelTable
from cityseg.data.dataset import Frame
from cityseg.data.frame_io import read_label, read_photo, resize_label, resize_photo
from cityseg.data.prepared.array_file import RowFile
from cityseg.data.prepared.ground_truth import fingerprint, label_checksum
from cityseg.data.prepared.parallel import on_all_cores
from cityseg.errors import DataError
from cityseg.memory import enough_memory
from cityseg.progress import OnProgress


@dataclass(frozen=True)
class SplitMeta:
    """Metadata of a cached split: name and city of every frame in array order, and more."""

    frames: tuple[str, ...]
    cities: tuple[str, ...]
    fingerprint: str
    """SHA-256 over each frame's name and the checksums (CRC-32, Adler-32) of its train ids at native size: the identity
    of the ground truth, whatever the encoding of files and the cache's size. Results with different fingerprints are
    not comparable. A cryptographic digest of the train ids would take 10 % of the total time."""
    native_size: tuple[int, int]
    """(height, width) of the first frame on disk."""
    photo_checksums: tuple[str, ...] = ()
    """CRC-32 and length of each photo file; equal files have equal checksums."""
    skipped: tuple[str, ...] = ()
    """Paths of unusable frames that were left out, each listed by its photo."""
    warnings: tuple[str, ...] = ()
    """Doubts about the whole split, one sentence each."""


class _Decoded(NamedTuple):
    label_checksum: bytes
    photo_checksum: str
    native_size: tuple[int, int]


@enough_memory("to decode the frames and hold them at this size", "lower --size or image_size, or close other programs")
def fill(
    folder: Path,
    frames: Sequence[Frame],
    table: LabelTable,
    size: tuple[int, int],
    on_progress: OnProgress | None,
    skip_bad: bool,
) -> SplitMeta:
    """Write ``photos.npy`` (N, H, W, 3) uint8 and ``labels.npy`` (N, H, W) uint8 train ids to an empty folder.

    Frames are resized to (height, width) ``size``. With ``skip_bad``, unusable ones are left out and listed in
    ``SplitMeta.skipped``.

    Raises:
        DataError: an unusable frame, unless ``skip_bad``.
        OSError: the files cannot be written.
    """
    with (
        closing(RowFile(folder / "photos.npy", len(frames), (*size, 3))) as photos,
        closing(RowFile(folder / "labels.npy", len(frames), size)) as labels,
    ):

        def decode(index: int) -> _Decoded | None:
            frame = frames[index]
            try:
                content = frame.photo.read()
                photo = read_photo(frame.photo, content)
                native_size = photo.shape[0], photo.shape[1]
                train_ids = read_label(frame.label, native_size, table, frame.photo)
            except DataError:
                if skip_bad:
                    return None
                raise
            photos.write(index, resize_photo(photo, size))
            labels.write(index, resize_label(train_ids, size))
            return _Decoded(
                label_checksum(train_ids),
                f"{imagecodecs.deflate_crc32(content):08x}-{len(content)}",
                native_size,
            )

        decoded: dict[int, _Decoded] = {}
        # Closed before the files are, otherwise a thread might still be writing to them.
        with closing(on_all_cores(decode, range(len(frames)))) as results:
            for index, result in enumerate(results):
                if result is not None:
                    decoded[index] = result
                if on_progress:
                    on_progress(index + 1, len(frames))
        photos.finish([*decoded])
        labels.finish([*decoded])
    kept = [frames[index] for index in decoded]
    names = tuple(frame.name for frame in kept)
    return SplitMeta(
        frames=names,
        cities=tuple(frame.city for frame in kept),
        fingerprint=fingerprint(names, [result.label_checksum for result in decoded.values()]),
        native_size=next((result.native_size for result in decoded.values()), (0, 0)),
        photo_checksums=tuple(result.photo_checksum for result in decoded.values()),
        skipped=tuple(str(frame.photo) for index, frame in enumerate(frames) if index not in decoded),
    )
