"""Names of files as people write them: compared regardless of case, in one Unicode form."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from cityseg.data.image_io import ENDINGS
from cityseg.errors import DataError

IMAGE_SUFFIXES = tuple(f".{ending}" for ending in ENDINGS)
"""File name suffixes of images, in lower case."""
IMAGE_ENDING = "|".join(ENDINGS)
"""The same as alternatives of a regular expression, without the dot."""
_LISTED = 3
_File = TypeVar("_File")


def composed(name: str) -> str:
    """Return a name in Unicode's composed form (NFC); file systems of Macs decompose accents."""
    return unicodedata.normalize("NFC", name)


def fold(name: str) -> str:
    """Return a name in the form in which names are compared: composed and regardless of case."""
    return composed(composed(name).casefold())


def without_ending(name: str, suffixes: Iterable[str]) -> str | None:
    """Return the name without the first of the suffixes that it ends with, regardless of case, or None."""
    for suffix in suffixes:
        match = re.search(f"{re.escape(suffix)}$", name, re.IGNORECASE)
        if match and match.start():
            return name[: match.start()]
    return None


def spelled(name: str, names: Iterable[str], place: str) -> str | None:
    """Return the one of the names that equals ``name``, else the one that does regardless of case, else None.

    Raises:
        DataError: several names do, none of them exactly; the message begins with ``place``.
    """
    found = sorted(other for other in names if fold(other) == fold(name))
    if name in found or len(found) < 2:
        return name if name in found else next(iter(found), None)
    raise DataError(f"{place}: expected one entry named {name}, found {' and '.join(found)}; rename one")


def several(names: Sequence[str], listed: int = _LISTED) -> str:
    """List the first names: ``a, b, c and 2 more``."""
    more = f" and {len(names) - listed} more" if len(names) > listed else ""
    return ", ".join(names[:listed]) + more


def join(
    photos: Mapping[str, list[_File]], labels: Mapping[str, list[_File]]
) -> dict[str, tuple[list[_File], list[_File]]]:
    """Join photos and labels by name: exactly where both have it, else regardless of case, as the photo spells it."""
    joined: dict[str, tuple[list[_File], list[_File]]] = {
        name: (photos[name], labels[name]) for name in photos if name in labels
    }
    rest: dict[str, str] = {}
    for place, files in enumerate((photos, labels)):
        for name, found in files.items():
            if name not in photos or name not in labels:
                group = joined.setdefault(rest.setdefault(fold(name), name), ([], []))
                group[place].extend(found)
    return joined
