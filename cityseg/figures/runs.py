"""Figures of runs: training and validation curves, scores by class, and the curves of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cityseg.analysis.comparison.comparability import ClassTable
from cityseg.analysis.tables import ABSENT
from cityseg.classes import CLASS_NAMES
from cityseg.figures import theme

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross")
PATTERNS = ("", "/", ".", "x", "-")
Curves = Mapping[str, tuple[Sequence[float], Sequence[float | None]]]
"""(x, y) by run."""


def training_curve(history: Sequence[Mapping[str, Any]], color: str) -> go.Figure:
    """Draw the loss on train and val over steps, and the learning rate below.

    Args:
        history: lines of ``history.jsonl``.
        color: colour of the run.
    """
    steps = [line for line in history if line["kind"] == "step"]
    epochs = [line for line in history if line["kind"] == "epoch"]
    mode = "lines" if len(steps) > 1 else "markers"
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    figure.add_scatter(
        x=[line["step"] for line in steps],
        y=[line["loss"] for line in steps],
        name="train",
        mode=mode,
        line={"color": color, "width": 1.8},
        hovertemplate="step %{x:,}: %{y:.3f}<extra>loss on train</extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=[line["step"] for line in epochs],
        y=[line["val_loss"] for line in epochs],
        name="val, after each epoch",
        mode="lines+markers",
        line={"color": color, "width": 1.8, "dash": "dot"},
        marker={"symbol": "diamond", "size": 8},
        hovertemplate="step %{x:,}: %{y:.3f}<extra>loss on val</extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=[line["step"] for line in steps],
        y=[line["learning_rate"] for line in steps],
        name="learning rate",
        showlegend=False,
        mode=mode,
        line={"color": theme.NEUTRAL, "width": 1.6},
        hovertemplate="step %{x:,}: %{y:.3g}<extra>learning rate</extra>",
        row=2,
        col=1,
    )
    figure.update_yaxes(title_text="loss", row=1, col=1)
    figure.update_yaxes(title_text="rate", rangemode="tozero", nticks=3, exponentformat="power", row=2, col=1)
    figure.update_xaxes(title_text="optimiser step", rangemode="tozero", row=2, col=1)
    return _styled(figure, 330)


def validation_curve(epochs: Sequence[Mapping[str, Any]], color: str, total_epochs: int) -> go.Figure:
    """Draw macro F1 and mean IoU on val after each epoch.

    Args:
        epochs: lines of ``history.jsonl`` that end an epoch.
        color: colour of the run.
        total_epochs: end of the horizontal axis, fixed while the run proceeds.
    """
    figure = go.Figure()
    for metric, label, dash, symbol in (("f1", "macro F1", "solid", "circle"), ("iou", "mean IoU", "dot", "square")):
        values = [line["val"]["macro"][metric] for line in epochs]
        figure.add_scatter(
            x=[line["epoch"] for line in epochs],
            y=values,
            name=label,
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": dash},
            marker={"size": 8, "symbol": symbol},
            hovertemplate=f"epoch %{{x}}: %{{y:.3f}}<extra>{label} on val</extra>",
        )
        if values and values[-1] is not None:
            last = {"x": epochs[-1]["epoch"], "y": values[-1], "text": f"{values[-1]:.3f}"}
            figure.add_annotation(**last, showarrow=False, xshift=26)
    tick = max(1, round(total_epochs / 10))
    figure.update_xaxes(title_text="epoch", range=[0.5, total_epochs + 0.8], dtick=tick)
    figure.update_yaxes(title_text="score on val", rangemode="tozero")
    return _styled(figure, 250)


def class_bars(per_class: Mapping[str, Mapping[str, float | None]], metric: str, palette: np.ndarray) -> go.Figure:
    """Draw one score of one result for every class, in the classes' colours.

    Args:
        per_class: ``summarize``'s scores by class name.
        metric: one of the scores.
        palette: (256, 3) uint8.
    """
    values = [per_class[name][metric] for name in CLASS_NAMES]
    figure = go.Figure(
        go.Bar(
            x=[value or 0.0 for value in values],
            y=list(CLASS_NAMES),
            orientation="h",
            marker={
                "color": [theme.class_color(index, palette=palette) for index in range(len(CLASS_NAMES))],
                "line": {"color": theme.NEUTRAL, "width": 1},
            },
            text=[ABSENT if value is None else f"{value:.3f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", ticksuffix=" ")
    figure.update_xaxes(range=[0, 1.08], tickvals=[0, 0.25, 0.5, 0.75, 1], title_text=_label(metric))
    figure.update_layout(bargap=0.25)
    return _styled(figure, 470, legend=False)


def grouped_bars(table: ClassTable, colors: Mapping[str, str], order: Sequence[int]) -> go.Figure:
    """Draw one bar per class and result, in the results' colours.

    Args:
        table: the scores.
        colors: colour by result.
        order: train ids from left to right.
    """
    figure = go.Figure()
    for column, name in enumerate(table.names):
        values = table.scores[list(order), column]
        # A faint pattern, so that bars differ by more than colour.
        pattern = {"shape": PATTERNS[column % len(PATTERNS)], "size": 6, "fgcolor": "rgba(255, 255, 255, 0.7)"}
        figure.add_bar(
            x=[CLASS_NAMES[index] for index in order],
            y=np.nan_to_num(values),
            name=name,
            marker={"color": colors[name], "pattern": {**pattern, "fillmode": "overlay"}},
            customdata=[ABSENT if np.isnan(value) else f"{value:.3f}" for value in values],
            hovertemplate="%{x}: %{customdata}<extra>" + name + "</extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_xaxes(tickangle=-45)
    figure.update_yaxes(range=[0, 1], title_text=_label(table.metric))
    return _styled(figure, 360)


def run_curves(
    curves: Curves,
    colors: Mapping[str, str],
    *,
    x_title: str,
    y_title: str,
    markers: bool = False,
    faint: Curves | None = None,
) -> go.Figure:
    """Draw one quantity of several runs.

    Args:
        curves: the curves by run.
        colors: colour by run.
        x_title: title of the horizontal axis.
        y_title: title of the vertical axis.
        markers: also mark the points, if they are few.
        faint: the raw curves that ``curves`` smooths, drawn faintly behind them.
    """
    figure = go.Figure()
    for name, (x, y) in (faint or {}).items():
        line = {"color": colors[name], "width": 1}
        # One click on the legend hides a run's raw curve with its smoothed one.
        behind = {"legendgroup": name, "showlegend": False, "hoverinfo": "skip", "opacity": 0.5}
        figure.add_scatter(x=list(x), y=list(y), mode="lines", line=line, name=f"{name}, raw", **behind)
    for position, (name, (x, y)) in enumerate(curves.items()):
        figure.add_scatter(
            x=list(x),
            y=list(y),
            name=name,
            legendgroup=name,
            mode="lines+markers" if markers or len(x) < 2 else "lines",
            line={"color": colors[name], "width": 2, "dash": DASHES[position % len(DASHES)]},
            marker={"size": 7, "symbol": MARKERS[position % len(MARKERS)]},
            hovertemplate=f"{x_title} %{{x:,.4~r}}: %{{y:.3f}}<extra>{name}</extra>",
        )
    figure.update_xaxes(title_text=x_title, rangemode="tozero")
    figure.update_yaxes(title_text=y_title, rangemode="tozero")
    return _styled(figure, 300)


def _styled(figure: go.Figure, height: int, *, legend: bool = True) -> go.Figure:
    """Apply the shared layout, to every axis of a figure with subplots."""
    layout = theme.base_layout(margin={"t": 34 if legend else 10}, height=height, showlegend=legend)
    figure.update_xaxes(**layout.pop("xaxis"))
    figure.update_yaxes(**layout.pop("yaxis"))
    # Keeps what the user hid or zoomed when new points arrive.
    return figure.update_layout(uirevision="kept", **layout)


def _label(metric: str) -> str:
    return {"f1": "F1", "iou": "IoU", "dice": "Dice"}.get(metric, metric)
