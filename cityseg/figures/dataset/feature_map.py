"""The map of a dataset: every frame as a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cityseg.figures import theme

SVG_POINTS = 5000
"""Points up to which the map is drawn as SVG, which every browser shows; more need WebGL."""
HEIGHT = 600
_MANY = 1000
"""Points from which marks are small."""
_UNKNOWN = "rgba(128, 138, 152, 0.45)"
_FILTERED = "rgba(128, 138, 152, 0.18)"
_LITTLE = "rgba(128, 138, 152, 0.35)"
_SCALE = "Viridis"


@dataclass(frozen=True)
class Groups:
    """A colour per group of frames."""

    of: Sequence[str]  # (N) group of each frame
    colors: Mapping[str, str] | None = None  # by group; by default distinct ones


@dataclass(frozen=True)
class Quantity:
    """A colour scale over a quantity of the frames."""

    values: np.ndarray  # (N,) float64, NaN for a frame without it
    title: str
    suffix: str = ""  # unit
    decimals: int = 0
    high: str | None = None  # colour of the largest value, over grey; by default a scale of many colours


def feature_map(
    positions: np.ndarray,
    names: Sequence[str],
    splits: Sequence[str],
    cities: Sequence[str],
    shown: np.ndarray,
    coloring: Groups | Quantity,
    *,
    selected: np.ndarray | None = None,
    outlines: Sequence[np.ndarray] = (),
    chosen: int | None = None,
) -> go.Figure:
    """Plot the frames at their (N, 2) positions; each point's ``customdata`` begins with the frame's index.

    Args:
        shown: (N,) bool; other frames are faint and have no hover text.
        coloring: colours of the frames that are shown.
        selected: (N,) bool; the frames that are shown, but not selected, are paler. None without a selection.
        outlines: corners of the selected regions, each (K, 2).
        chosen: index of the frame to ring.
    """
    plot = go.Scattergl if len(positions) > SVG_POINTS else go.Scatter
    size = 5.5 if len(positions) > _MANY else 9
    legend = isinstance(coloring, Groups)
    traces = []
    if not shown.all():
        faint = positions[~shown]
        marker = {"size": size - 1, "color": _FILTERED}
        traces.append(
            plot(x=faint[:, 0], y=faint[:, 1], mode="markers", marker=marker, hoverinfo="skip", showlegend=False)
        )
    opacity = np.full(len(positions), 0.85) if selected is None else np.where(selected, 1.0, 0.2)
    symbols = np.array([theme.SPLIT_SYMBOLS.get(split, "circle") for split in splits])  # type: ignore[call-overload]
    for name, members, marker in _series(coloring, shown):
        texts = _hover(coloring, members)
        traces.append(
            plot(
                x=positions[members, 0],
                y=positions[members, 1],
                mode="markers",
                name=theme.plain(name),
                marker={"size": size, "opacity": opacity[members], "symbol": symbols[members], **marker},
                customdata=[
                    (int(index), theme.plain(names[index]), theme.plain(_origin(cities[index], splits[index])), text)
                    for index, text in zip(members, texts, strict=True)
                ],
                hovertemplate="<b>%{customdata[1]}</b><br>%{customdata[2]}%{customdata[3]}<extra></extra>",
            )
        )
    for corners in outlines:
        closed = np.vstack([corners, corners[:1]])
        traces.append(theme.guide(closed[:, 0], closed[:, 1], width=1.5, line_dash="dot"))
    if chosen is not None:
        ring = {"size": size + 9, "symbol": "circle-open", "color": theme.NEUTRAL, "line": {"width": 2.5}}
        x, y = positions[chosen : chosen + 1].T
        traces.append(go.Scatter(x=x, y=y, mode="markers", marker=ring, hoverinfo="skip", showlegend=False))
    low, high = positions.min(0), positions.max(0)
    margin = np.maximum(0.05 * (high - low), 0.05)
    ranges = np.stack([low - margin, high + margin], axis=1).tolist()
    return theme.figure(
        traces,
        height=HEIGHT,
        margin_t=34,
        showlegend=legend,
        xaxis={"visible": False, "range": ranges[0]},
        yaxis={"visible": False, "range": ranges[1]},
        dragmode="lasso",
        hovermode="closest",
        legend={"yanchor": "top", "y": 0, "itemsizing": "constant"},
        newselection={"line": {"width": 1.5, "dash": "dot", "color": theme.NEUTRAL}},
    )


def _series(coloring: Groups | Quantity, shown: np.ndarray) -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """Return name, frames and colours of each trace."""
    series: list[tuple[str, np.ndarray, dict[str, Any]]] = []
    if isinstance(coloring, Groups):
        groups = np.array(coloring.of)
        names = np.unique(groups).tolist()
        colors = coloring.colors or dict(zip(names, cycle(theme.RUN_COLORS)))
        for name in names:
            if len(members := np.flatnonzero(shown & (groups == name))):
                series.append((name, members, {"color": colors[name]}))
        return series
    known = ~np.isnan(coloring.values)
    scored, unknown = np.flatnonzero(shown & known), np.flatnonzero(shown & ~known)
    # Large values are drawn last, for those of rare classes would be covered.
    scored = scored[np.argsort(coloring.values[scored], kind="stable")]
    values = coloring.values[scored]
    low, high = (float(values.min()), float(np.percentile(values, 99))) if len(values) else (0.0, 1.0)
    if coloring.high:
        low = 0.0
    marker: dict[str, Any] = {
        "color": values,
        "colorscale": [(0, _LITTLE), (1, coloring.high)] if coloring.high else _SCALE,
        "cmin": low,
        "cmax": max(high, low + 1e-6),
        "colorbar": {
            "title": {"text": coloring.title, "side": "right"},
            "ticksuffix": coloring.suffix,
            "thickness": 12,
            "outlinewidth": 0,
        },
    }
    # Frames without a value lie below.
    if len(unknown):
        series.append(("", unknown, {"color": _UNKNOWN}))
    return [*series, (coloring.title, scored, marker)]


def _hover(coloring: Groups | Quantity, members: np.ndarray) -> list[str]:
    if isinstance(coloring, Groups):
        return [""] * len(members)
    return [
        "" if np.isnan(value) else f"<br>{coloring.title} {value:.{coloring.decimals}f}{coloring.suffix}"
        for value in coloring.values[members]
    ]


def _origin(city: str, split: str) -> str:
    return f"{city} · {split}" if city else split
