"""The files of a dataset, alike for a folder and for a zip archive."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from cityseg.data.layouts.dataset_files import SourceFile, list_files
from cityseg.data.layouts.names import spelled

_MANY = 20_000


class FileTree(Protocol):
    """Files by their path below a root, with forward slashes. Names are found regardless of case and Unicode form."""

    def place(self, name: str = "") -> str:
        """Return the path of an entry, which need not exist, for messages."""

    def entries(self, folder: str = "") -> list[str]:
        """Return the sorted names of the files and folders in a folder, except hidden ones."""

    def folder(self, name: str) -> str | None:
        """Return the path of a folder as it is spelled, or None if it does not exist."""

    def find(self, name: str) -> SourceFile | None:
        """Return the file of this name, or None if it does not exist."""

    def files(self, folder: str, suffixes: tuple[str, ...], levels: int) -> dict[str, SourceFile]:
        """List the files below an existing folder with one of the suffixes, except hidden ones, by their path.

        Suffixes are in lower case and matched regardless of case. ``levels`` bounds the depth.
        """

    def everything(self, folder: str = "") -> list[str]:
        """Return the sorted paths below ``folder`` of its files, at most some thousands, to look for near misses."""


@dataclass(frozen=True)
class FolderTree:
    """The files below a folder."""

    root: Path

    def place(self, name: str = "") -> str:
        """Return the path of an entry."""
        return str(self.root / name)

    def entries(self, folder: str = "") -> list[str]:
        """Return the sorted names in a folder, except hidden ones."""
        return sorted(name for name in os.listdir(self.root / folder) if not name.startswith("."))

    def folder(self, name: str) -> str | None:
        """Return the path of a folder as it is spelled, or None if it does not exist."""
        found = self._spelled(name)
        return found if found is not None and (self.root / found).is_dir() else None

    def find(self, name: str) -> SourceFile | None:
        """Return the file of this name, or None; it may turn out not to be a regular file."""
        found = self._spelled(name)
        return None if found is None else SourceFile(self.root / found, found)

    def _spelled(self, name: str) -> str | None:
        path = ""
        for part in name.split("/"):
            above = self.root / path
            if os.path.lexists(above / part):
                found: str | None = part
            else:
                found = spelled(part, os.listdir(above), str(above)) if above.is_dir() else None
            if found is None:
                return None
            path = f"{path}/{found}" if path else found
        return path

    def files(self, folder: str, suffixes: tuple[str, ...], levels: int) -> dict[str, SourceFile]:
        """List the files below a folder; see ``list_files``."""
        return list_files(self.root, folder, suffixes, levels)

    def everything(self, folder: str = "") -> list[str]:
        """Return the sorted paths below ``folder`` of its files."""
        start = self.root / folder
        walk = ((Path(above), names) for above, _, names in os.walk(start) if "/." not in above[len(str(start)) :])
        paths = ((above / name).relative_to(start).as_posix() for above, names in walk for name in names)
        return sorted(islice((path for path in paths if not path.rpartition("/")[2].startswith(".")), _MANY))
