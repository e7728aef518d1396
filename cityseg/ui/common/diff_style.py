"""Styling of differences in tables: signed, blue for better and orange for worse, sortable as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from cityseg.analysis.tables import signed
from cityseg.figures import theme
from cityseg.ui.app import glossary


def differences(frame: pd.DataFrame, columns: list[str]) -> Styler:
    """Return the styled frame, with ``columns`` shown as differences."""
    chosen = pd.Index(columns)
    return frame.style.map(_color, subset=chosen).format(_sign, subset=chosen)


def _sign(value: Any) -> str:
    return glossary.ABSENT if np.isnan(value) else signed(value)


def _color(value: Any) -> str:
    return "" if np.isnan(value) or round(value, 3) == 0 else f"color: {theme.difference_color(value)}"
