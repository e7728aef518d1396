"""Files of a dataset: how they are found in a folder, read, and told from changed ones."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cityseg.errors import DataError


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a dataset. ``cityseg.data.layouts.zip_source`` has its sibling that lies inside a zip.

    Attributes:
        path: the file itself, or the archive that holds it.
        name: path below the dataset's folder, with forward slashes; the same for a folder and its archive.
    """

    path: Path
    name: str

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> bytes:
        """Return the file's bytes.

        Raises:
            DataError: there is no such file, it is a folder or a device, or it cannot be read.
        """
        try:
            # Opening a named pipe would wait for a writer forever.
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise DataError(f"{self}: expected a file, found {self.oddity()}; remove it")
            return self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from None

    def stamp(self) -> str:
        """Return what changes when the file changes: its name, its bytes and the time it was written.

        Raises:
            DataError: there is no such file any more.
        """
        try:
            status = self.path.stat()
        except OSError as error:
            raise self._unreadable(error) from None
        return f"{self.name} {status.st_size} {status.st_mtime_ns}"

    def oddity(self) -> str:
        """Say in words what lies here if it is no file; empty if it is one."""
        try:
            mode = self.path.stat().st_mode
        except FileNotFoundError:
            return "a link that leads nowhere" if self.path.is_symlink() else "nothing"
        except OSError as error:
            return "a link that leads to itself" if error.errno == errno.ELOOP else str(error.strerror)
        if stat.S_ISREG(mode):
            return ""
        return "a folder" if stat.S_ISDIR(mode) else "a named pipe" if stat.S_ISFIFO(mode) else "a device"

    def _unreadable(self, error: OSError) -> DataError:
        if isinstance(error, FileNotFoundError):
            return DataError(f"{self}: expected a file, found none")
        if error.errno == errno.ELOOP:
            return DataError(f"{self}: expected a file, found {self.oddity()}; remove it")
        return DataError(f"{self}: expected a readable file, found {error.strerror}; check its permissions")


def list_files(root: Path, folder: str, suffixes: tuple[str, ...], levels: int) -> dict[str, StoredFile]:
    """Find everything below a folder whose name ends like a frame's, whatever it is; hidden names are left out.

    Args:
        root: the dataset's folder.
        folder: where to look, relative to ``root``; it may be missing.
        suffixes: endings of file names, in lower case; case does not count.
        levels: how many folders deep to look, so that a link cannot send the search through a whole disk.

    Returns:
        Files by their name below ``root``. A folder, a pipe or a broken link of such a name is among them; its
        ``oddity`` tells.

    Raises:
        DataError: a folder cannot be listed, or links back to a folder above it.
    """
    start = root / folder
    if not start.is_dir():
        return {}
    above = tuple(_identity(part) for part in (root, *(root / parent for parent in Path(folder).parents)))
    return {name: StoredFile(root / name, name) for name in _walk(start, folder, suffixes, levels, above)}


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
            raise DataError(
                f"{error.filename}: expected a folder, found a link that leads to itself; remove the link"
            ) from None
        raise DataError(f"{path}: expected a readable folder, found {error.strerror}; check its permissions") from None
    for entry in listed:
        if entry.name.lower().endswith(suffixes):
            yield f"{name}/{entry.name}"
    for entry in folders if levels else ():
        yield from _walk(path / entry.name, f"{name}/{entry.name}", suffixes, levels - 1, (*above, here))


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
