"""Reading and atomic writing of files: a reader sees the old or the new content."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.errors import DataError
from cityseg.text import quoted

_UNPAIRED = re.compile("[\ud800-\udfff]")

_LONGEST_STEM, _LONGEST_SUFFIX = 120, 10
"""Bytes and characters of a client's file name that are kept; file systems allow 255 bytes with what is appended."""


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; OSError if the file cannot be read, ValueError if it holds anything else."""
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=without_repeats)
    except RecursionError:
        raise ValueError("expected a JSON object, found brackets nested a thousand times") from None
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object, found {type(values).__name__}")
    return values


def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of a JSON object as a dict; ValueError for a key that appears twice."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{quoted(next(name for name in names if names.count(name) > 1))} appears twice")
    return values


@contextmanager
def writing(path: Path, remedy: str = "choose another") -> Iterator[None]:
    """Create the folder of ``path``; a DataError replaces any OSError there and in the block that writes the file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise DataError(f"{path}: expected a place to write to, found {error.strerror}; {remedy}") from None


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary sibling, then rename it to ``path``."""
    # The thread id is needed because the app serves each visitor in a thread.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        write(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, atomically; ValueError for NaN."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    if not text.isascii() and _UNPAIRED.search(text):
        # A file name that is no UTF-8, or half of a pair of surrogates; only the escaped form can be written.
        text = json.dumps(value, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write arrays as a compressed ``.npz`` file, atomically."""

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_atomically(path, write)


def client_name(name: str, default: str = "file") -> str:
    """Clean a file name that a client chose, for display and downloads: no folders, odd characters or great length.

    It is never a path on this machine: uploads are written under names of our own.

    Example:
        >>> client_name("../../etc/street.mp4")
        'street.mp4'
        >>> client_name("C:\\\\temp\\\\..")
        'file'
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(character for character in last if character.isprintable() and character not in '<>:"|?*').strip()
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix) > _LONGEST_SUFFIX:
        stem, suffix = kept, ""
    stem = stem.encode()[:_LONGEST_STEM].decode(errors="ignore").strip(". ")
    return f"{stem or default}{dot and suffix and '.'}{suffix}"


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8, atomically."""
    write_atomically(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
