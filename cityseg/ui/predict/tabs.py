"""What can be asked about a predicted photo, a tab each; only the open one is worked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from cityseg.api.types import Fit
from cityseg.ui.predict import agreement, distribution_shift, rejection, resize_modes
from cityseg.ui.predict.layers import Sight
from cityseg.ui.predict.model_view import Opened, Shown


@dataclass(frozen=True)
class Asked:
    """What the page shows.

    Attributes:
        opened: the street.
        photo: the same for the eye.
        sights: what each model sees, the first chosen one first.
        least: confidence in per cent below which a pixel is unknown, 0 for none.
        fit, flip: how the models looked.
    """

    opened: Opened
    photo: Shown
    sights: list[Sight]
    least: int
    fit: Fit
    flip: bool


TABS: dict[str, Callable[[Asked], None]] = {
    "Is the photo familiar?": lambda asked: distribution_shift.show(asked.sights),
    "How often is it wrong?": lambda asked: rejection.curve(asked.sights, asked.least, asked.fit, flip=asked.flip),
    "Do models agree?": lambda asked: agreement.show(asked.opened.street, asked.photo, asked.sights),
    "Does the fit matter?": lambda asked: resize_modes.show(asked.opened, asked.photo, asked.sights[0], asked.flip),
}
"""The tabs in order, and what shows each."""


def show(asked: Asked) -> None:
    """Show the tabs; the open one is named in the address."""
    for name, tab in zip(TABS, st.tabs(list(TABS), key="ask", bind="query-params"), strict=True):
        if tab.open:
            with tab:
                TABS[name](asked)
