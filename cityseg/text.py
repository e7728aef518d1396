"""Text from outside the project: quoted in error messages, read as numbers, turned into folder names."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from cityseg.errors import UsageError

LONGEST_TAG = 40
"""Characters of a tag of a result or a frame."""
_MOST_DIGITS = 18
"""Digits of a whole number that is read; Python itself refuses thousands of them with an error of its own."""
_LONGEST_NAME = 100
"""Characters of a folder name; file systems accept 255 bytes, and suffixes and temporary files need some of them."""

_FORMULAS = tuple("=+-@＝＋－＠")
_CONTROLS = ("\t", "\r", "\n")


def quoted(value: Any, most: int = 80) -> str:
    """Return the repr of a value for an error message, shortened to ``most`` characters.

    Example:
        >>> quoted("streets"), quoted("9" * 5000, 10)
        ("'streets'", "'999999...")
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # numbers of thousands of digits, values nested a thousand times
        text = f"<{type(value).__name__}>"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def whole_number(text: str) -> int | None:
    """Read a whole number of at most 18 decimal digits, without sign; None for anything else.

    Example:
        >>> whole_number("007"), whole_number("-1"), whole_number("9" * 5000)
        (7, None, None)
    """
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def folder_name(text: str, most: int = _LONGEST_NAME) -> str:
    """Return ``text`` as the name of one folder: ASCII letters, digits, ``.``, ``_`` and ``-``; empty if none is left.

    Example:
        >>> folder_name("../../my run"), folder_name("..")
        ('my-run', '')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:most].strip("-.")


def parse_tag(text: str) -> str:
    """Return a tag without outer spaces.

    Raises UsageError unless it is a printable text of 1 to ``LONGEST_TAG`` characters without commas and semicolons,
    which separate tags in addresses and tables.
    """
    tag = text.strip()
    if not tag or len(tag) > LONGEST_TAG or not tag.isprintable() or any(each in tag for each in ",;"):
        raise UsageError(
            f"expected a tag of 1 to {LONGEST_TAG} characters without commas and semicolons, found {quoted(text)}"
        )
    return tag


def home_expanded(path: str) -> Path:
    """Return a path with ``~`` and ``~user`` replaced by home folders; as it is if that user has none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def spreadsheet_cell(value: Any) -> Any:
    """Return a value for a CSV file; text that spreadsheets would run as a formula gets an apostrophe in front.

    Numbers, and text that is a number, stay.

    Example:
        >>> spreadsheet_cell("=1+1"), spreadsheet_cell("-0.5"), spreadsheet_cell("road"), spreadsheet_cell(-1)
        ("'=1+1", '-0.5', 'road', -1)
    """
    if not isinstance(value, str) or not (value[:1] in _CONTROLS or value.lstrip()[:1] in _FORMULAS):
        return value
    with suppress(ValueError):
        float(value)
        return value
    return f"'{value}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most ``most`` characters, shortened in the middle: long names often differ at their ends.

    Example:
        >>> shortened("lr-sweep-of-the-large-network-12", 16), shortened("best-7", 16)
        ('lr-sweep…work-12', 'best-7')
    """
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}…{text[head + 1 - most :]}"


def natural_order(name: str) -> tuple[list[Any], str]:
    """Return a sort key under which numbers in names are in numeric order.

    Example:
        >>> sorted(["f10", "f9", "f1"], key=natural_order)
        ['f1', 'f9', 'f10']
    """
    parts = re.split("([0-9]+)", name)
    # Odd places hold the numbers: their digits, compared by length first, because a number can be too long for int.
    digits = [part.lstrip("0") for part in parts[1::2]]
    parts[1::2] = [(len(number), number) for number in digits]
    return list(parts), name


def is_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8; names of files that are not UTF-8 cannot.

    Example:
        >>> is_utf8("Zürich"), is_utf8("Z\\udcfcrich")
        (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
