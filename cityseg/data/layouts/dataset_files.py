"""Files of a dataset: list them in a folder, read them, detect changes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cityseg.errors import DataError, OutOfMemory
from cityseg.text import is_utf8

MAX_BYTES = 10**9
"""Largest file that is read: a photo of 170 megapixels with 16 bits per sample fits uncompressed."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a dataset; ``zip_source`` has the counterpart for members of a zip archive."""

    path: Path
    """The file itself, or the archive that holds it."""
    name: str
    """Path below the dataset folder, with forward slashes; the same in a folder and in its archive."""

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        """Return the file's bytes; raises as ``read_regular``."""
        return read_regular(self.path, str(self))

    def stamp(self) -> str:
        """Return name, size and modification time, which change with the file.

        Raises:
            DataError: the file no longer exists.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise _unreadable(self.path, str(self), "file", error) from None
        return f"{self.name} {status.st_size} {status.st_mtime_ns}"

    def oddity(self) -> str:
        """Return a description of the entry if it is not a regular file, else an empty string."""
        return oddity(self.path)


def read_regular(path: Path, name: str, what: str = "file", remedy: str = "remove it") -> bytes:
    """Return the bytes of a regular file of at most ``MAX_BYTES``; an error message says ``what`` was expected.

    Raises:
        DataError: the file is missing, is a folder or a device, is too large, or cannot be read.
        OutOfMemory: too little memory to read it.
    """
    try:
        status = path.stat()
        # Opening a named pipe would wait for a writer forever, and a device may have no end.
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{name}: expected a {what}, found {oddity(path)}; {remedy}")
        if status.st_size > MAX_BYTES:
            at_most = f"a {what} of at most {MAX_BYTES / 1e9:.0f} GB"
            raise DataError(f"{name}: expected {at_most}, found {status.st_size / 1e9:.1f} GB; {remedy}")
        with path.open("rb") as opened:
            return opened.read(status.st_size)
    except OSError as error:
        raise _unreadable(path, name, what, error) from None
    except MemoryError:
        remedy = "make it smaller or end other programs"
        raise OutOfMemory(f"{name}: expected enough memory to read it, found too little; {remedy}") from None
    except ValueError as error:  # a null character, or a name that the file system cannot encode
        raise DataError(f"{name!r}: expected a {what}, found a name that no file can have ({error})") from None


def oddity(path: Path) -> str:
    """Return a description of a path that is not a regular file, else an empty string."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a broken link" if path.is_symlink() else "nothing"
    except OSError as error:
        return "a link to itself" if error.errno == errno.ELOOP else str(error.strerror)
    if stat.S_ISREG(mode):
        return ""
    return "a folder" if stat.S_ISDIR(mode) else "a named pipe" if stat.S_ISFIFO(mode) else "a device"


def _unreadable(path: Path, name: str, what: str, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{name}: expected a {what}, found none")
    if error.errno == errno.ELOOP:
        return DataError(f"{name}: expected a {what}, found {oddity(path)}; remove it")
    return DataError(f"{name}: expected a readable {what}, found {error.strerror}; check its permissions")


def list_files(root: Path, folder: str, suffixes: tuple[str, ...], levels: int) -> dict[str, SourceFile]:
    """List the entries below ``root / folder``, which may be missing, with one of the suffixes, except hidden ones.

    Suffixes are in lower case and matched regardless of case. ``levels`` bounds the depth, so that a link cannot extend
    the search to a whole disk. The entries, by their path below ``root``, include folders, pipes and broken links; see
    ``oddity``.

    Raises:
        DataError: a folder cannot be listed, holds names that are not UTF-8, or links back to a folder above it.
    """
    start = root / folder
    if not start.is_dir():
        return {}
    above = tuple(_identity(part) for part in (root, *(root / parent for parent in Path(folder).parents)) if folder)
    return {
        name: SourceFile(root / name, name) for name in _walk(start, folder and f"{folder}/", suffixes, levels, above)
    }


def _walk(
    path: Path, name: str, suffixes: tuple[str, ...], levels: int, above: tuple[tuple[int, int], ...]
) -> Iterator[str]:
    try:
        here = _identity(path)
        if here in above:
            raise DataError(f"{path}: expected a folder of its own, found a link to a folder above it; remove the link")
        with os.scandir(path) as entries:
            listed = [entry for entry in entries if not entry.name.startswith(".")]
        for entry in listed:
            if not is_utf8(entry.name):
                raise DataError(
                    f"{path}: expected file names in UTF-8, found {os.fsencode(entry.name)!r}; rename it, for example "
                    "with convmv"
                )
        folders = [entry for entry in listed if not entry.name.lower().endswith(suffixes) and entry.is_dir()]
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DataError(f"{error.filename}: expected a folder, found a link to itself; remove the link") from None
        raise DataError(f"{path}: expected a readable folder, found {error.strerror}; check its permissions") from None
    for entry in listed:
        if entry.name.lower().endswith(suffixes):
            yield f"{name}{entry.name}"
    for entry in folders if levels else ():
        yield from _walk(path / entry.name, f"{name}{entry.name}/", suffixes, levels - 1, (*above, here))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
