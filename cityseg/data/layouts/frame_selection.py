"""Select frames by shell pattern, stem or file name, as lists of names are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from cityseg.data.layouts.names import IMAGE_SUFFIXES, composed, fold, several, without_ending
from cityseg.errors import DataError

_SEPARATORS = (r"\t", r"[;,]", r"\s+")
_NAMES = {"image", "images", "photo", "file", "filename", "file_name", "name", "path", "img", "frame", "stem"}
_NUMBERS = {"id", "index", "number", "no", "nr", "#", ""}
_FLAGS = ("1", "0", "-1", "+1")
"""What VOC's lists of a class hold behind a name: whether the photo shows the class."""


def summarize(names: Sequence[str]) -> str:
    """Count names and list the first ones: ``5 frames (a, b, c and 2 more)``."""
    return f"{len(names)} {'frame' if len(names) == 1 else 'frames'} ({several(names)})"


class FrameSelection:
    """Frames that can be selected by name.

    A name is a frame's path below the folder of photos, with or without its suffix; a name without a slash also matches
    the last part of the path. It may begin with that folder, the dataset's folder or ``./``, stand in quotes, and have
    backslashes for slashes. ``*``, ``?`` and ``[...]`` are shell wildcards, except that ``*`` also matches slashes.
    Names match regardless of case and Unicode form, but what matches exactly comes first.
    """

    def __init__(
        self,
        stems: Sequence[str],
        folders: Sequence[str] = ("images", "labels"),
        suffixes: Sequence[str] = (),
        roots: Sequence[str] = (),
    ) -> None:
        """Create the selection.

        Args:
            stems: paths below the folder of photos, without suffixes.
            folders: folders of photos and labels; the first one is that of the photos.
            suffixes: what photos and labels end in besides the suffixes of images.
            roots: absolute paths of the dataset.
        """
        self._stems = dict.fromkeys(stems)
        self._photos = folders[0]
        self._folders, self._suffixes = (
            tuple(fold(folder) for folder in folders if folder),
            (*suffixes, *IMAGE_SUFFIXES),
        )
        self._roots = [fold(_slashes(root)).rstrip("/") for root in roots]
        self._exact: dict[str, list[str]] = {}
        self._folded: dict[str, list[str]] = {}
        for stem in stems:
            for index, form in ((self._exact, composed), (self._folded, fold)):
                for name in {form(stem), form(_last(stem))}:
                    index.setdefault(name, []).append(stem)

    def match(self, names: Iterable[str], path: Path | str, where: str) -> list[str]:
        """Return the frames that any of the names matches, in the order of the selection.

        Error messages name the file with the names, ``path``, and the place in it, ``where``.

        Raises:
            DataError: a name matches no frame, or a plain name matches several.
        """
        found: set[str] = set()
        for name in names:
            matches = self._of(name) or (self._pattern(name) if _is_pattern(name) else [])
            if not matches:
                raise self._unknown(name, path, where)
            if len(matches) > 1 and not _is_pattern(name):
                raise _ambiguous(name, matches, path, where)
            found.update(matches)
        return [stem for stem in self._stems if stem in found]

    def match_lines(self, lines: Sequence[str], path: Path | str, where: str) -> list[str]:
        """Return the frames that the lines of a text file name, without patterns, in the order of the selection.

        A line holds a photo and may hold its label too, separated by a tab, a comma, a semicolon or spaces, and a
        number before them. Empty lines and lines that begin with ``#`` are ignored, and so is a header of columns.

        Raises:
            DataError: a line names no frame or several, or a label of another frame, or says that a photo lacks a
                class.
        """
        found: set[str] = set()
        named = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
        for number, line in enumerate(named):
            for fields in _readings(line):
                if (matches := self._of(fields[0])) and not self._is_numbered(fields):
                    break
            else:
                if number == 0 and _is_header(line):
                    continue
                raise self._unknown(line, path, where)
            if len(matches) > 1:
                raise _ambiguous(fields[0], matches, path, where)
            for other in fields[1:]:
                if matches[0] not in self._of(other):
                    if other in _FLAGS and len(fields) == 2 and not (fields[0].isdecimal() and self._of(other)):
                        if int(other) == 1:
                            continue
                        raise DataError(
                            f"{path}: expected names alone in {where}, found {fields[0]!r} with {other}: a list of the "
                            "photos with and without a class; name the list of all photos, such as "
                            "ImageSets/Segmentation/train.txt, or remove the numbers"
                        )
                    raise DataError(
                        f"{path}: expected a photo and its own label on a line of {where}, found {fields[0]!r} with "
                        f"{other!r}; rename the label like its photo, or list photos only"
                    )
            found.update(matches)
        return [stem for stem in self._stems if stem in found]

    def _is_numbered(self, fields: Sequence[str]) -> bool:
        """Whether fields begin with the line's number, though a frame of that name exists."""
        number, *rest = fields
        return (
            number.isdecimal()
            and bool(rest)
            and not rest[0].isdecimal()
            and self._of(rest[0])
            not in (
                [],
                self._of(number),
            )
        )

    def _of(self, name: str) -> list[str]:
        for form in (composed, fold):
            index = self._exact if form is composed else self._folded
            for reading in self._forms(name):
                if form(reading) in self._stems and form is composed:
                    return [form(reading)]
                if found := index.get(form(reading)):
                    whole = [stem for stem in found if form(stem) == form(reading)]
                    return whole or found
        return []

    def _pattern(self, name: str) -> list[str]:
        for form in (composed, fold):
            for reading in self._forms(name):
                wanted = form(reading)
                stems = ((stem, stem if "/" in wanted else _last(stem)) for stem in self._stems)
                if found := [stem for stem, part in stems if fnmatchcase(form(part), wanted)]:
                    return found
        return []

    def _forms(self, name: str) -> Iterator[str]:
        """Yield what a name may stand for, the literal name first."""
        yield name
        name = name.strip().strip("\"'").strip()
        yield from self._without_suffix(name)
        if fold(name).startswith("file://"):
            name = unquote(urlsplit(name).path)
        name = _slashes(name)
        for root in self._roots:
            if fold(name).startswith(f"{root}/"):
                name = fold(name)[len(root) + 1 :] if len(fold(name)) != len(name) else name[len(root) + 1 :]
        parts = [part for part in PurePosixPath(name).parts if part != "."]
        while parts and parts[0] == "..":
            parts = parts[1:]
        name = "/".join(parts)
        yield from self._without_suffix(name)
        for folder in self._folders:
            if fold(name).startswith(f"{folder}/"):
                yield from self._without_suffix("/".join(parts[folder.count("/") + 1 :]))

    def _without_suffix(self, name: str) -> Iterator[str]:
        yield name
        short = without_ending(name, self._suffixes)
        if short is not None:
            yield short
            shorter = without_ending(short, self._suffixes)
            if shorter is not None:
                yield shorter

    def _unknown(self, name: str, path: Path | str, where: str) -> DataError:
        *_, last = self._forms(name)
        close = get_close_matches(fold(last), [*self._folded], n=1, cutoff=0.85) or get_close_matches(
            fold(_last(last)), [*self._folded], n=1, cutoff=0.85
        )
        remedy = f"did you mean {self._folded[close[0]][0]!r}?" if close else "correct it or remove it"
        return DataError(
            f"{path}: expected names of frames in {where}, found {name!r}, which no photo"
            f"{self._photos and f' in {self._photos}/'} has; {remedy}"
        )


def _ambiguous(name: str, matches: Sequence[str], path: Path | str, where: str) -> DataError:
    return DataError(
        f"{path}: expected names of single frames in {where}, found {name!r}, which {summarize(matches)} "
        "have; write the folder before the name"
    )


def _readings(line: str) -> Iterator[list[str]]:
    """Yield the fields of a line: the whole line, then divided by each kind of separator that occurs in it.

    Of fields that begin with a number, also those behind it.
    """
    yield [line]
    line = re.sub(r"\s+#.*", "", line)
    yield [line]
    if quoted := re.fullmatch(r"""\s*(?:"([^"]*)"|'([^']*)')[\s,;]+(?:"([^"]*)"|'([^']*)'|(\S+))\s*""", line):
        yield [field for field in quoted.groups() if field]
    for separator in _SEPARATORS:
        fields = [stripped for field in re.split(separator, line) if (stripped := field.strip())]
        if fields and fields != [line]:
            yield fields
        if len(fields) > 1 and fields[0].isdecimal():
            yield fields[1:]


def _is_header(line: str) -> bool:
    """Whether a line names columns: those of a name, or of a number and a name."""
    columns = [fold(column.strip(" \"'")) for column in re.split(r"[\t;,]", line)]
    first = columns[1:] if columns[0] in _NUMBERS else columns
    return first[:1] == [] or first[0] in _NAMES


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _last(stem: str) -> str:
    return stem.rpartition("/")[2]


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")
