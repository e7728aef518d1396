"""Annotations of other tools that are not read, so that messages can name them."""

from __future__ import annotations

import re

from cityseg.data.layouts.file_tree import FileTree
from cityseg.errors import DataError

_BRUSH = re.compile(r"task-\d+-annotation-\d+-by-.*\.(?:png|npy)", re.IGNORECASE)
_MOST_BYTES = 20_000_000
_MOST_FILES = 20
_KINDS = (
    ("COCO annotations", ('"annotations"', '"categories"')),
    ("brush annotations of Label Studio", ('"brushlabels"',)),
    ("annotations of Label Studio", ('"from_name"', '"annotations"')),
    ("polygons of labelme", ('"shapes"', '"points"')),
    ("polygons of Cityscapes", ('"objects"', '"polygon"')),
)


def foreign(tree: FileTree) -> str:
    """Return a clause about annotations of another tool, ``COCO annotations (a.json) cannot be read``, or ''."""
    names = tree.everything()
    for name in names:
        if _BRUSH.fullmatch(name.rpartition("/")[2]):
            return f"brush masks of Label Studio ({name}) cannot be read"
    for name in [name for name in names if name.lower().endswith(".json")][:_MOST_FILES]:
        text = _text(tree, name)
        for kind, signs in _KINDS:
            if all(sign in text for sign in signs):
                return f"{kind} ({name}) cannot be read"
    return ""


def _text(tree: FileTree, name: str) -> str:
    try:
        file = tree.find(name)
        content = file.read() if file else b""
    except DataError:
        return ""
    return content[:_MOST_BYTES].decode("utf-8", "replace")
