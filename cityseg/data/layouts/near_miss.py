"""What lies in a folder instead of the expected files, for messages."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property

from cityseg.data.layouts.file_tree import FileTree
from cityseg.data.layouts.names import IMAGE_SUFFIXES, fold, several

# Not labels, though they lie beside every one.
_OTHERS = ("_instanceids.png", "_instancetrainids.png")


class NearMisses:
    """Files below folders of a dataset by the beginning of their names; listed when first needed."""

    def __init__(self, folders: Sequence[tuple[FileTree, str]]) -> None:
        """Create the index of the files below each (tree, folder)."""
        self._folders = folders

    @cached_property
    def _sorted(self) -> list[tuple[str, str]]:
        names = [name for tree, folder in self._folders for name in tree.everything(folder)]
        return sorted((fold(name), name) for name in names if not name.lower().endswith(_OTHERS))

    def beginning(self, stem: str) -> str:
        """Return the last parts of the paths that begin with ``stem`` and go on with no letter or digit."""
        start = fold(stem)
        first = bisect_left(self._sorted, (start,))
        found = []
        for key, name in self._sorted[first : first + 100]:
            if key.startswith(start) and not key[len(start) :][:1].isalnum():
                found.append(name.rpartition("/")[2])
        return several(found)


def contents(tree: FileTree, folder: str = "") -> str:
    """Return the first names in a folder in words: ``only a.tif, b.tif and 3 more``, or ``none``."""
    names = tree.everything(folder)
    # A photo says more than a note that lies before it in the alphabet.
    images = [name for name in names if name.lower().endswith(IMAGE_SUFFIXES)]
    return f"only {several(images or names)}" if names else "none"
