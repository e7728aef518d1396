"""The order of the classes on the Scores tab."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.comparison.comparability import ClassTable, Differences
from cityseg.classes import CLASS_NAMES
from cityseg.ui.common.url_choice import choose_option


def choose_order(table: ClassTable, compared: Differences | None) -> list[int]:
    """Choose the order of the classes; return train ids."""
    orders = {"official": "as in Cityscapes", "support": "most frequent first"}
    if compared is not None:
        orders |= {"gain": "largest gain first", "loss": "largest loss first"}
    meaning = "Gain and loss: the mean of the differences from the baseline that are shown."
    chosen = choose_option(st.selectbox, "Classes", orders, "compare_order", "order", width=185, help=meaning)
    if chosen == "support":
        return _by_support(table)
    if chosen == "official" or compared is None:
        return list(range(len(CLASS_NAMES)))
    change = np.nan_to_num(np.delete(compared.scores, table.names.index(compared.baseline), 1)).sum(1)
    return [int(index) for index in np.argsort(-change if chosen == "gain" else change, kind="stable")]


def _by_support(table: ClassTable) -> list[int]:
    """Return the train ids by their share of the pixels, most frequent first."""
    return [int(index) for index in np.argsort(-np.nan_to_num(table.support[:, 0]), kind="stable")]
