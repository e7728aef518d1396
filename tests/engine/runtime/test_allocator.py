"""What the collector of reference cycles passes over, and that nothing is lost for good by that."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from cityseg.engine.runtime.allocator import freeze_loaded_objects


class Knot:
    """Refers to itself, so that only the collector can let it go."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """No collection but those asked for."""
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def test_loaded_objects_are_frozen_and_later_ones_are_collected() -> None:
    freeze_loaded_objects()
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 1_000
    later = weakref.ref(Knot())
    gc.collect()
    assert later() is None


def test_a_knot_that_was_passed_over_goes_at_the_next_call() -> None:
    knot = Knot()
    seen = weakref.ref(knot)
    freeze_loaded_objects()
    del knot
    gc.collect()
    assert seen() is not None
    freeze_loaded_objects()
    assert seen() is None
