"""The signature of progress callbacks."""

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""
