"""Ground truth at the labels' own size: the train ids of a split, compressed in one file.

Scores are measured at the size of each frame's label, whatever size a model sees. The file is named after the
fingerprint of the split, which its frames and train ids determine, so all caches of a split share it. LZ4 packs a
2048x1024 label map into 57 KB and unpacks it in 0.3 ms; decoding its PNG takes 8 ms.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np

from cityseg.classes import LabelTable
from cityseg.data.dataset import Frame
from cityseg.data.frame_io import read_values
from cityseg.data.prepared.cache_lock import UNFINISHED, cache_lock, write_errors
from cityseg.data.prepared.parallel import on_all_cores
from cityseg.errors import DataError
from cityseg.files import write_json

_CHECKSUMS = struct.Struct(">II")
# The stubs accept bytes only, but the functions take any contiguous buffer.
_codecs: Any = imagecodecs


def label_checksum(train_ids: np.ndarray) -> bytes:
    """Return CRC-32 and Adler-32 of (H, W) uint8 train ids: 8 bytes that go into a split's fingerprint."""
    return _CHECKSUMS.pack(_codecs.deflate_crc32(train_ids), _codecs.deflate_adler32(train_ids))


def fingerprint(names: Sequence[str], checksums: Sequence[bytes]) -> str:
    """Return the SHA-256 over each frame's name and the checksum of its train ids at native size."""
    digest = hashlib.sha256()
    for name, checksum in zip(names, checksums, strict=True):
        digest.update(name.encode() + b"\0" + checksum)
    return digest.hexdigest()


class _Entry(NamedTuple):
    """One frame of the stored labels, also as a row of ``meta.json``."""

    height: int
    width: int
    start: int  # of its compressed bytes
    end: int
    checksum: str  # `label_checksum` in hexadecimal


class GroundTruth:
    """The train ids of a split's frames, each at its own size; safe to use from any thread."""

    def __init__(self, folder: Path, entries: Sequence[_Entry]) -> None:
        self._folder, self._entries = folder, tuple(entries)
        self._bytes = np.memmap(folder / "labels.bin", np.uint8, "r")
        if self._entries[-1].end != len(self._bytes):
            raise ValueError(f"labels.bin holds {len(self._bytes):,} bytes instead of {self._entries[-1].end:,}")

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of every frame in pixels."""
        return tuple((entry.height, entry.width) for entry in self._entries)

    def select(self, indices: Sequence[int]) -> GroundTruth:
        """Return the ground truth of some frames."""
        chosen = copy.copy(self)
        chosen._entries = tuple(self._entries[index] for index in indices)
        return chosen

    def __getitem__(self, index: int) -> np.ndarray:
        """Return the (H, W) uint8 train ids of a frame.

        Raises:
            DataError: the stored labels are damaged.
        """
        entry = self._entries[index]
        train_ids = np.zeros((entry.height, entry.width), np.uint8)
        try:
            _codecs.lz4_decode(self._bytes[entry.start : entry.end].tobytes(), out=train_ids.reshape(-1))
        except imagecodecs.Lz4Error as error:
            raise _damaged(self._folder, error) from None
        if label_checksum(train_ids).hex() != entry.checksum:
            raise _damaged(self._folder, "a checksum is wrong")
        return train_ids


def open_ground_truth(root: Path, frames: Sequence[Frame], table: LabelTable, expected: str) -> GroundTruth:
    """Return the ground truth of prepared frames, reading their label files if it is not stored yet.

    Args:
        root: folder of the caches.
        frames: the frames, in the order of their cache.
        table: the train id of each label value.
        expected: fingerprint of the frames.

    Raises:
        DataError: a label cannot be read or has changed since its frame was prepared, or the folder cannot be written.
    """
    name = f"labels-{expected[:32]}"
    folder = root / name
    with write_errors(root):
        if not (folder / "meta.json").is_file():
            with cache_lock(root, name):
                if not (folder / "meta.json").is_file():
                    _write(root / f"{name}{UNFINISHED}", frames, table, expected)
                    (root / f"{name}{UNFINISHED}").rename(folder)
    try:
        stored = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        entries = [
            _Entry(int(height), int(width), int(start), int(end), str(checksum))
            for height, width, start, end, checksum in stored["frames"]
        ]
        return GroundTruth(folder, entries)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise _damaged(folder, error) from None


def _damaged(folder: Path, reason: object) -> DataError:
    return DataError(f"{folder}: expected stored labels, found damaged ones ({reason}); delete the folder")


def _write(folder: Path, frames: Sequence[Frame], table: LabelTable, expected: str) -> None:
    def pack(frame: Frame) -> tuple[bytes, tuple[int, int], bytes]:
        train_ids = np.ascontiguousarray(table.to_train_ids(read_values(frame.label, table), str(frame.label)))
        size = (train_ids.shape[0], train_ids.shape[1])
        return _codecs.lz4_encode(train_ids, level=1), size, label_checksum(train_ids)

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    entries: list[_Entry] = []
    checksums: list[bytes] = []
    try:
        with (folder / "labels.bin").open("wb") as file, closing(on_all_cores(pack, frames)) as packed:
            for content, size, checksum in packed:
                start = file.tell()
                file.write(content)
                entries.append(_Entry(*size, start, file.tell(), checksum.hex()))
                checksums.append(checksum)
            file.flush()
            os.fsync(file.fileno())
        if fingerprint([frame.name for frame in frames], checksums) != expected:
            raise DataError(
                f"{frames[0].label}: expected the labels that were prepared, found that some have changed since; "
                "prepare the data again"
            )
        write_json(folder / "meta.json", {"frames": entries})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
