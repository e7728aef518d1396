"""Reading and atomic writing of files: a reader sees the old or the new content."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cityseg.errors import DataError


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; OSError if the file cannot be read, ValueError if it holds anything else."""
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object, found {type(values).__name__}")
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
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write arrays as a compressed ``.npz`` file, atomically."""

    def write(unfinished: Path) -> None:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)

    write_atomically(path, write)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8, atomically."""
    write_atomically(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))
