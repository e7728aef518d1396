"""Reading and atomic writing of files: a reader sees the old or the new content, and damage is one kind of error."""

from __future__ import annotations

import errno
import json
import lzma
import math
import os
import re
import shutil
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from cityseg.errors import DataError
from cityseg.text import quoted

_UNPAIRED = re.compile("[\ud800-\udfff]")

_LONGEST_STEM, _LONGEST_SUFFIX = 120, 10
"""Bytes and characters of a client's file name that are kept; file systems allow 255 bytes with what is appended."""

_LONGEST_RESULT = 200
"""Bytes of a stem to which endings, a number and a suffix are appended."""

DAMAGE = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError, RuntimeError, MemoryError),
    *(SyntaxError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
)
"""What decoders and parsers raise for a damaged file, besides OSError. RuntimeError includes RecursionError."""
_MAX_TEXT = 256 * 2**20
_MAX_ARRAYS = 2**30
_MAX_INTEGER = 2**63
_HUGE_NUMBER = re.compile(r"\d{21}|[eE]\+?\d{3}")


def read_text(path: Path) -> str:
    """Read a file in UTF-8; OSError if it cannot be read, ValueError if it is not UTF-8 or far too large."""
    if (size := file_size(path)) > _MAX_TEXT:
        raise ValueError(f"expected at most {_MAX_TEXT >> 20} MB, found {size >> 20} MB")
    return path.read_text(encoding="utf-8-sig")


def file_size(path: Path) -> int:
    """Return the size of a file in bytes; OSError for anything but a regular file.

    To be called before a file is opened that somebody else may have put there: a pipe blocks, a device may never end.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return status.st_size


def parse_json(text: str) -> dict[str, Any]:
    """Parse a JSON object without NaN, infinities, gigantic integers or lone surrogates; ValueError for others."""
    # Checking every number takes longer than parsing them, so texts without a suspicious one are only parsed.
    careful: dict[str, Any] = {"parse_float": _finite, "parse_int": _integer} if _HUGE_NUMBER.search(text) else {}
    try:
        values = json.loads(text, parse_constant=_refused, object_pairs_hook=without_repeats, **careful)
    except RecursionError:
        raise ValueError("expected a JSON object, found one nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object, found {type(values).__name__}")
    if "\\ud" in text.lower():
        try:
            json.dumps(values, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("expected text, found half of a pair of surrogates") from None
    return values


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; OSError if the file cannot be read, ValueError if it holds anything else."""
    return parse_json(read_text(path))


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` file; OSError if it cannot be read, ValueError for damage or object arrays.

    Sizes are checked before memory is allocated: an array is as large as its header declares, and all together are at
    most 1 GiB.
    """
    with _archive(path) as archive:
        return {member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()}


def array_shapes(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Read shape and dtype of the arrays of an ``.npz`` file from their headers; raises as ``read_arrays``."""
    with _archive(path) as archive:
        found = {}
        for member in archive.infolist():
            with archive.open(member) as file:
                shape, _, dtype = _header(file, member)
            found[member.filename.removesuffix(".npy")] = shape, dtype
        return found


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    file_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _MAX_ARRAYS:
                raise ValueError(f"expected arrays of at most {_MAX_ARRAYS >> 30} GiB, found more")
            yield archive
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from None


def _header(file: IO[bytes], member: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(file)
    if dtype.hasobject:
        raise ValueError(f"{member.filename}: expected numbers or text, found Python objects")
    return shape, by_columns, dtype


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        shape, by_columns, dtype = _header(file, member)
        content = file.read()
    if math.prod(shape) * dtype.itemsize != len(content) or min(shape, default=0) < 0:
        raise ValueError(f"{member.filename}: expected {shape} values of {dtype}, found {len(content)} bytes")
    array = np.frombuffer(content, dtype) if content else np.zeros(0, dtype)
    return array.reshape(shape, order="F" if by_columns else "C")


def _refused(text: str) -> Any:
    raise ValueError(f"expected a number, found {text}")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused(text)


def _integer(text: str) -> int:
    value = int(text)
    return value if -_MAX_INTEGER < value < _MAX_INTEGER else _refused(text[:20] + "...")


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
    # The thread id is needed because the app serves each visitor in a thread. A name may be as long as the system
    # allows, so only its beginning is kept; a checksum tells names apart that begin alike.
    unique = f"{zlib.crc32(os.fsencode(path.name)):x}-{os.getpid()}-{threading.get_ident()}"
    unfinished = path.with_name(f".{path.name[:40]}.{unique}.part")
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


def file_stem(stem: str) -> str:
    """Shorten the stem of a result file in the middle, so that file systems accept it with what is appended.

    Example:
        >>> file_stem("street"), len(file_stem("street" * 40))
        ('street', 200)
    """
    encoded, half = os.fsencode(stem), _LONGEST_RESULT // 2
    if len(encoded) <= _LONGEST_RESULT:
        return stem
    head, tail = (part.decode(errors="ignore") for part in (encoded[: half - 1], encoded[-half:]))
    return f"{head}~{tail}"


def write_text(path: Path, text: str) -> None:
    """Write ``text`` in UTF-8, atomically."""
    write_atomically(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def remove_folder(path: Path) -> None:
    """Remove a folder with everything in it, write-protected or not; of a link to a folder only the link."""
    if os.path.islink(path):
        path.unlink()
        return
    # Entries of a write-protected folder cannot be removed.
    _unprotect(path)
    for folder, children, _ in os.walk(path):
        for child in children:
            if not os.path.islink(inner := os.path.join(folder, child)):
                _unprotect(inner)
    shutil.rmtree(path)


def _unprotect(folder: str | Path) -> None:
    # In a folder of somebody else, the group's permissions may suffice.
    with suppress(OSError):
        os.chmod(folder, stat.S_IRWXU)
