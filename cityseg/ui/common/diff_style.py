"""Tables that hold differences: signed, blue where better and orange where worse, and still numbers to sort by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cityseg.analysis.tables import signed
from cityseg.figures import theme
from cityseg.ui.app import glossary


def differences(frame: pd.DataFrame, columns: list[str]) -> Any:
    """Return the frame with some of its columns shown as differences; the frame itself where there are none."""
    if not columns:
        return frame
    chosen = pd.Index(columns)
    return frame.style.map(_tint, subset=chosen).format(_sign, subset=chosen)


def _sign(value: Any) -> str:
    return glossary.ABSENT if np.isnan(value) else signed(value)


def _tint(value: Any) -> str:
    if np.isnan(value) or round(value, 3) == 0:
        return ""
    return f"color: {theme.difference_color(value)}"
