"""Progress callbacks."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

OnProgress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""
_T = TypeVar("_T")


def reported(items: Sequence[_T], on_progress: OnProgress | None) -> Iterator[_T]:
    """Yield the items of a loop, and report each one after the loop's body."""
    for done, item in enumerate(items, start=1):
        yield item
        if on_progress:
            on_progress(done, len(items))


def part_of(on_progress: OnProgress | None, before: int, total: int) -> OnProgress | None:
    """Return the callback for one part of the work, in which ``before`` steps of ``total`` precede."""
    return on_progress and (lambda done, _: on_progress(before + done, max(before + done, total)))
