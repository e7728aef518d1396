"""Files of a dataset: list them in a folder, read them, detect changes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cityseg.errors import DataError


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
        """Return the file's bytes.

        Raises:
            DataError: the file is missing, is a folder or a device, or cannot be read.
        """
        try:
            # Opening a named pipe would wait for a writer forever.
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise DataError(f"{self}: expected a file, found {self.oddity()}; remove it")
            return self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from None

    def stamp(self) -> str:
        """Return name, size and modification time, which change with the file.

        Raises:
            DataError: the file no longer exists.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise self._unreadable(error) from None
        return f"{self.name} {status.st_size} {status.st_mtime_ns}"

    def oddity(self) -> str:
        """Return a description of the entry if it is not a regular file, else an empty string."""
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return "a broken link" if self.path.is_symlink() else "nothing"
        except OSError as error:
            return "a link to itself" if error.errno == errno.ELOOP else str(error.strerror)
        if stat.S_ISREG(mode):
            return ""
        return "a folder" if stat.S_ISDIR(mode) else "a named pipe" if stat.S_ISFIFO(mode) else "a device"

    def _unreadable(self, error: OSError) -> DataError:
        if isinstance(error, FileNotFoundError):
            return DataError(f"{self}: expected a file, found none")
        if error.errno == errno.ELOOP:
            return DataError(f"{self}: expected a file, found {self.oddity()}; remove it")
        return DataError(f"{self}: expected a readable file, found {error.strerror}; check its permissions")


def list_files(root: Path, folder: str, suffixes: tuple[str, ...], levels: int) -> dict[str, SourceFile]:
    """List the entries below ``root / folder``, which may be missing, with one of the suffixes, except hidden ones.

    Suffixes are in lower case and matched regardless of case. ``levels`` bounds the depth, so that a link cannot extend
    the search to a whole disk. The entries, by their path below ``root``, include folders, pipes and broken links; see
    ``oddity``.

    Raises:
        DataError: a folder cannot be listed, or links back to a folder above it.
    """
    start = root / folder
    if not start.is_dir():
        return {}
    above = tuple(_identity(part) for part in (root, *(root / parent for parent in Path(folder).parents)))
    return {name: SourceFile(root / name, name) for name in _walk(start, folder, suffixes, levels, above)}


def _walk(
    path: Path, name: str, suffixes: tuple[str, ...], levels: int, above: tuple[tuple[int, int], ...]
) -> Iterator[str]:
    try:
        here = _identity(path)
        if here in above:
            raise DataError(f"{path}: expected a folder of its own, found a link to a folder above it; remove the link")
        with os.scandir(path) as entries:
            listed = [entry for entry in entries if not entry.name.startswith(".")]
        folders = [entry for entry in listed if not entry.name.lower().endswith(suffixes) and entry.is_dir()]
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DataError(f"{error.filename}: expected a folder, found a link to itself; remove the link") from None
        raise DataError(f"{path}: expected a readable folder, found {error.strerror}; check its permissions") from None
    for entry in listed:
        if entry.name.lower().endswith(suffixes):
            yield f"{name}/{entry.name}"
    for entry in folders if levels else ():
        yield from _walk(path / entry.name, f"{name}/{entry.name}", suffixes, levels - 1, (*above, here))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
