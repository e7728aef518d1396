"""Spatial distribution of the classes in the frame.

``prior`` is (19, rows, columns), the share of each class among the pixels of each cell of the frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from cityseg.classes import CLASS_NAMES, NUM_CLASSES, PALETTE
from cityseg.figures import theme
from cityseg.figures.dataset.classes import percent

_PAGE = {False: (238, 241, 246), True: (35, 44, 57)}
"""Colour of cells without the class, on a light and on a dark page."""
_HEIGHT = 300


def class_prior(prior: np.ndarray, train_id: int, palette: np.ndarray = PALETTE, *, dark: bool = False) -> go.Figure:
    """Plot a heat map of how often each cell of the frame is a class, in its colour."""
    values = 100 * prior[train_id]
    name = CLASS_NAMES[train_id]
    cells = go.Heatmap(
        z=values,
        **_centres(values),
        colorscale=[f"rgb{_PAGE[dark]}", f"rgb{theme.visible_color(train_id, palette, dark=dark)}"],
        zmin=0,
        zmax=max(float(values.max()), 1e-9),
        customdata=np.vectorize(percent)(prior[train_id]),
        hovertemplate=f"{name}: %{{customdata}} of the frames here<br>{_WHERE}<extra></extra>",
        colorbar={"ticksuffix": " %", "thickness": 12, "outlinewidth": 0, "nticks": 5},
        colorbar_title={"text": f"Share of {name}", "side": "right"},
    )
    return _framed([cells])


def most_frequent_class(prior: np.ndarray, palette: np.ndarray = PALETTE) -> go.Figure:
    """Plot the most frequent class of each cell of the frame; cells where void is more frequent are empty."""
    most, share = prior.argmax(0), prior.max(0)
    texts = np.vectorize(lambda index, value: f"{CLASS_NAMES[index]}: {percent(value)}")(most, share)
    # Every class occupies one step of the scale, so ids are shown in their exact colours.
    steps = [
        (edge / NUM_CLASSES, theme.class_color(index, palette=palette))
        for index in range(NUM_CLASSES)
        for edge in (index, index + 1)
    ]
    cells = go.Heatmap(
        z=np.where(share >= 1 - prior.sum(0), most + 0.5, np.nan),
        **_centres(share),
        colorscale=steps,
        zmin=0,
        zmax=NUM_CLASSES,
        showscale=False,
        customdata=texts,
        hovertemplate=f"%{{customdata}} of the frames here<br>{_WHERE}<extra></extra>",
        hoverongaps=False,
    )
    return _framed([cells])


def prior_image(prior: np.ndarray, train_id: int, palette: np.ndarray = PALETTE, *, dark: bool = False) -> np.ndarray:
    """Return the prior of a class as a small image, (rows, columns, 3) uint8, in the colours of ``class_prior``."""
    values = prior[train_id][..., None]
    weight = values / max(float(values.max()), 1e-12)
    page, color = np.array(_PAGE[dark]), np.array(theme.visible_color(train_id, palette, dark=dark))
    return np.asarray(np.rint(page * (1 - weight) + color * weight), np.uint8)


_WHERE = "%{x:.0f} % from the left, %{y:.0f} % from the top"


def _centres(values: np.ndarray) -> dict[str, np.ndarray]:
    """Return the cell centres in per cent of the frame's width and height."""
    rows, columns = values.shape
    return {"x": 100 * (np.arange(columns) + 0.5) / columns, "y": 100 * (np.arange(rows) + 0.5) / rows}


def _framed(traces: list[Any]) -> go.Figure:
    ticks = [0, 25, 50, 75, 100]
    axis = {"tickvals": ticks, "ticktext": [f"{tick} %" for tick in ticks], "range": [0, 100], "showgrid": False}
    return theme.figure(
        traces,
        height=_HEIGHT,
        showlegend=False,
        margin_r=24,
        xaxis={**axis, "title": "Left to right"},
        yaxis={**axis, "range": [100, 0], "title": "Top to bottom"},
    )
