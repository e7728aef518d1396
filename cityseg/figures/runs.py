"""Figures about runs: how a training goes, and how several results compare. Data in, plotly figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from cityseg.analysis.comparison.comparability import ClassTable
from cityseg.classes import CLASS_NAMES
from cityseg.figures import theme

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MARKERS = ("circle", "square", "diamond", "triangle-up", "cross")
ABSENT = "–"


def training_curve(history: Sequence[Mapping[str, Any]], color: str) -> go.Figure:
    """Draw the loss on train and val over steps, and the learning rate under it.

    Args:
        history: lines of ``history.jsonl``.
        color: the run's colour.
    """
    steps = [line for line in history if line["kind"] == "step"]
    epochs = [line for line in history if line["kind"] == "epoch"]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    figure.add_scatter(
        x=[line["step"] for line in steps],
        y=[line["loss"] for line in steps],
        name="train",
        mode="lines" if len(steps) > 1 else "markers",
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
        mode="lines" if len(steps) > 1 else "markers",
        line={"color": theme.NEUTRAL, "width": 1.6},
        hovertemplate="step %{x:,}: %{y:.3g}<extra>learning rate</extra>",
        row=2,
        col=1,
    )
    figure.update_yaxes(title_text="loss", row=1, col=1)
    figure.update_yaxes(title_text="rate", rangemode="tozero", nticks=3, exponentformat="power", row=2, col=1)
    figure.update_xaxes(title_text="optimiser step", rangemode="tozero", row=2, col=1)
    return _laid_out(figure, 330)


def validation_curve(epochs: Sequence[Mapping[str, Any]], color: str, epochs_in_all: int) -> go.Figure:
    """Draw macro F1 and mean IoU on val after each epoch.

    Args:
        epochs: lines of ``history.jsonl`` that close an epoch.
        color: the run's colour.
        epochs_in_all: where the horizontal axis ends, so that it does not move while the run goes on.
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
            figure.add_annotation(
                x=epochs[-1]["epoch"], y=values[-1], text=f"{values[-1]:.3f}", showarrow=False, xshift=26
            )
    figure.update_xaxes(title_text="epoch", range=[0.5, epochs_in_all + 0.8], dtick=_tick(epochs_in_all))
    figure.update_yaxes(title_text="score on val", rangemode="tozero")
    return _laid_out(figure, 250)


def class_bars(per_class: Mapping[str, Mapping[str, float | None]], metric: str, palette: np.ndarray) -> go.Figure:
    """Draw one score of one result for every class, in the classes' colours.

    Args:
        per_class: ``summarize``'s figures by class name.
        metric: which of them.
        palette: (256, 3) uint8.
    """
    values = [per_class[name][metric] for name in CLASS_NAMES]
    figure = go.Figure(
        go.Bar(
            x=[value or 0.0 for value in values],
            y=list(CLASS_NAMES),
            orientation="h",
            marker={
                "color": [_rgb(palette[i]) for i in range(len(CLASS_NAMES))],
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
    return _laid_out(figure, 470, legend=False)


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
        figure.add_bar(
            x=[CLASS_NAMES[index] for index in order],
            y=np.nan_to_num(values),
            name=name,
            marker={"color": colors[name], "pattern": _pattern(column)},
            customdata=[ABSENT if np.isnan(value) else f"{value:.3f}" for value in values],
            hovertemplate="%{x}: %{customdata}<extra>" + name + "</extra>",
        )
    figure.update_layout(barmode="group", bargap=0.25)
    figure.update_xaxes(tickangle=-45)
    figure.update_yaxes(range=[0, 1], title_text=_label(table.metric))
    return _laid_out(figure, 360)


def run_curves(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float | None]]],
    colors: Mapping[str, str],
    *,
    x_title: str,
    y_title: str,
    markers: bool = False,
    faint: Mapping[str, tuple[Sequence[float], Sequence[float | None]]] | None = None,
) -> go.Figure:
    """Draw the same quantity of several runs.

    Args:
        curves: (x, y) by run.
        colors: colour by run.
        x_title: what x counts.
        y_title: what y is.
        markers: also mark the points, where they are few.
        faint: (x, y) by run of what ``curves`` smooths, drawn faintly behind.
    """
    figure = go.Figure()
    for name, (x, y) in (faint or {}).items():
        line = {"color": colors[name], "width": 1}
        # One click on the legend hides a run's raw line with its smoothed one.
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
    return _laid_out(figure, 300)


def _pattern(position: int) -> dict[str, Any]:
    """Return a faint pattern over a bar's colour, so that bars differ by more than colour."""
    shapes = ("", "/", ".", "x", "-")
    return {
        "shape": shapes[position % len(shapes)],
        "size": 6,
        "fillmode": "overlay",
        "fgcolor": "rgba(255, 255, 255, 0.7)",
    }


def _laid_out(figure: go.Figure, height: int, *, legend: bool = True) -> go.Figure:
    layout = theme.base_layout(margin={"t": 34 if legend else 10}, height=height, showlegend=legend)
    axes = {key: layout.pop(key) for key in ("xaxis", "yaxis")}
    # What the user hid or zoomed stays when new points arrive.
    figure.update_layout(uirevision="kept", **layout)
    figure.update_xaxes(**axes["xaxis"])
    figure.update_yaxes(**axes["yaxis"])
    return figure


def _label(metric: str) -> str:
    return {"f1": "F1", "iou": "IoU", "dice": "Dice"}.get(metric, metric)


def _rgb(color: np.ndarray) -> str:
    red, green, blue = (int(part) for part in color)
    return f"rgb({red},{green},{blue})"


def _tick(epochs: int) -> int:
    return max(1, round(epochs / 10))
