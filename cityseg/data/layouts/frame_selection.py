"""Choosing frames by name: shell patterns, stems and file names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cityseg.errors import DataError

_SHOWN = 3


def few(names: Sequence[str]) -> str:
    """Count names and say the first ones: ``5 frames (a, b, c and 2 more)``."""
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    return f"{len(names)} {'frame' if len(names) == 1 else 'frames'} ({shown})"


class Selection:
    """Frames that can be chosen by name.

    A name is a frame's path below ``images/``, with or without its ending; a name without a slash is also compared
    with the last part of the path alone. ``*``, ``?`` and ``[...]`` stand for what they stand for in a shell, except
    that ``*`` also stands for slashes. Capitals count.
    """

    def __init__(self, stems: Sequence[str], suffixes: Sequence[str]) -> None:
        """Build the selection from paths below ``images/`` without their endings, and the endings there may be."""
        self._stems = dict.fromkeys(stems)
        self._suffixes = tuple(suffixes)
        self._by_last: dict[str, list[str]] = {}
        for stem in stems:
            self._by_last.setdefault(stem.rpartition("/")[2], []).append(stem)

    def match(self, names: Iterable[str], path: Path, where: str, exactly: bool = False) -> list[str]:
        """Return the frames that any of the names stands for, in their own order.

        Args:
            names: what to look for.
            path: the file that holds the names, for messages.
            where: the place in that file, for messages.
            exactly: take names as they are, not as patterns.

        Raises:
            DataError: a name that stands for no frame, or a plain name that stands for several.
        """
        found: set[str] = set()
        for name in names:
            matches = self._of(name, exactly)
            if not matches:
                raise DataError(
                    f"{path}: expected names of frames in {where}, found {name!r}, which no photo in images/ has; "
                    "correct it or remove it"
                )
            found.update(matches)
            if len(matches) > 1 and not _is_pattern(name):
                raise DataError(
                    f"{path}: expected names of single frames in {where}, found {name!r}, which {few(matches)} have; "
                    "write the folder before the name"
                )
        return [stem for stem in self._stems if stem in found]

    def _of(self, name: str, exactly: bool) -> list[str]:
        name = name.removeprefix("images/")
        if name.lower().endswith(self._suffixes):
            name = name.rpartition(".")[0]
        if name in self._stems:
            return [name]
        if name in self._by_last:
            return self._by_last[name]
        if exactly or not _is_pattern(name):
            return []
        if "/" in name:
            return [stem for stem in self._stems if fnmatchcase(stem, name)]
        return [stem for stem in self._stems if fnmatchcase(stem.rpartition("/")[2], name)]


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")
