"""Text files beside the photos: lists of names and lists of classes."""

from __future__ import annotations

import codecs
import re

from cityseg.classes import CLASS_NAMES, IGNORE_INDEX, LABELS
from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.layouts.names import fold
from cityseg.errors import DataError

Color = tuple[int, int, int]
"""(red, green, blue), 0 to 255 each."""

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_VOID = {"void", "ignore", "__ignore__", "background", "_background_", "unlabelled", "unknown", "other"}


def read_lines(file: SourceFile, what: str) -> list[str]:
    """Return the lines of a text file in UTF-8, or in UTF-16 as Windows tools write it; ``what`` each line holds.

    Raises:
        DataError: the file cannot be read, or is no such text.
    """
    content = file.read()
    try:
        # "replace" would hide that the file is in another encoding.
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise DataError(f"{file}: expected a text file with {what} per line, found other bytes; save it as UTF-8")
    return text.replace("\ufeff", "").splitlines()  # byte order marks stand within joined files too


def read_classes(file: SourceFile) -> dict[int, int] | dict[Color, int]:
    """Return the train id of every value or colour that a list of classes defines.

    ``class_names.txt`` of labelme has a name per line, for the values -1 (stored as 255), 0, 1 and so on;
    ``labelmap.txt`` of CVAT has lines ``name:red,green,blue:parts:actions``.

    Raises:
        DataError: a line has another form, or a name that is no Cityscapes class.
    """
    lines = [line.strip() for line in read_lines(file, "a class")]
    lines = [line for line in lines if line and not line.startswith("#")]
    unknown = [name for line in lines if _train_id(name := line.split(":")[0].strip()) is None]
    if unknown or not lines:
        found = ", ".join(unknown) or "none"
        raise DataError(
            f"{file}: expected names of Cityscapes classes, found {found}; rename them, or map their values or colours "
            "with train_ids in a dataset.json"
        )
    if not any(":" in line for line in lines):
        start = -1 if fold(lines[0]) == "__ignore__" else 0
        return {value % 256: _known(name) for value, name in enumerate(lines, start)}
    colors: dict[Color, int] = {}
    for line in lines:
        name, _, rest = line.partition(":")
        try:
            red, green, blue = (int(part) for part in re.split(r"[\s,]+", rest.split(":")[0].strip(" ()[]\t")))
            color = (red, green, blue)
            if not all(0 <= part <= 255 for part in color) or colors.get(color, _known(name)) != _known(name):
                raise ValueError
        except ValueError:
            raise DataError(f"{file}: expected lines name:red,green,blue, each colour once, found {line!r}") from None
        colors[color] = _known(name)
    return colors


def _train_id(name: str) -> int | None:
    """Return the train id of a class's name, ``IGNORE_INDEX`` for names of void, None for others."""
    folded = re.sub(r"[\s_-]+", " ", fold(name.strip())) if fold(name) not in _VOID else fold(name)
    if folded in CLASS_NAMES:
        return CLASS_NAMES.index(folded)
    return IGNORE_INDEX if folded in _VOID or any(label.name == folded for label in LABELS) else None


def _known(name: str) -> int:
    train_id = _train_id(name)
    return IGNORE_INDEX if train_id is None else train_id
