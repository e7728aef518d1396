"""Select frames by shell pattern, stem or file name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from cityseg.errors import DataError

_LISTED = 3


def summarize(names: Sequence[str]) -> str:
    """Count names and list the first ones: ``5 frames (a, b, c and 2 more)``."""
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    return f"{len(names)} {'frame' if len(names) == 1 else 'frames'} ({listed})"


class FrameSelection:
    """Frames that can be selected by name.

    A name is a frame's path below ``images/``, with or without its suffix; a name without a slash also matches the last
    part of the path. ``*``, ``?`` and ``[...]`` are shell wildcards, except that ``*`` also matches slashes. Matching
    is case-sensitive.
    """

    def __init__(self, stems: Sequence[str], suffixes: Sequence[str]) -> None:
        """Create the selection from paths below ``images/`` without suffixes, and the permitted suffixes."""
        self._stems = dict.fromkeys(stems)
        self._suffixes = tuple(suffixes)
        self._by_last: dict[str, list[str]] = {}
        for stem in stems:
            self._by_last.setdefault(_last(stem), []).append(stem)

    def match(self, names: Iterable[str], path: Path, where: str, exact: bool = False) -> list[str]:
        """Return the frames that any of the names matches, in the order of the selection; ``exact`` allows no patterns.

        Error messages name the file with the names, ``path``, and the place in it, ``where``.

        Raises:
            DataError: a name matches no frame, or a plain name matches several.
        """
        found: set[str] = set()
        for name in names:
            matches = self._of(name, exact)
            if not matches:
                raise DataError(
                    f"{path}: expected names of frames in {where}, found {name!r}, which no photo in images/ has; "
                    "correct it or remove it"
                )
            found.update(matches)
            if len(matches) > 1 and not _is_pattern(name):
                raise DataError(
                    f"{path}: expected names of single frames in {where}, found {name!r}, which {summarize(matches)} "
                    "have; write the folder before the name"
                )
        return [stem for stem in self._stems if stem in found]

    def _of(self, name: str, exact: bool) -> list[str]:
        name = name.removeprefix("images/")
        if name.lower().endswith(self._suffixes):
            name = name.rpartition(".")[0]
        if name in self._stems:
            return [name]
        if name in self._by_last:
            return self._by_last[name]
        if exact or not _is_pattern(name):
            return []
        return [stem for stem in self._stems if fnmatchcase(stem if "/" in name else _last(stem), name)]


def _last(stem: str) -> str:
    return stem.rpartition("/")[2]


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")
