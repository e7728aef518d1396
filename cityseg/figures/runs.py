"""Figures of runs: training and validation curves, scores by class, and the curves of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from cityseg.analysis.comparison.comparability import ClassTable
from cityseg.analysis.tables import score
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
        color: of the run.
    """
    steps = [line for line in history if line["kind"] == "step"]
    epochs = [line for line in history if line["kind"] == "epoch"]
    mode = "lines" if len(steps) > 1 else "markers"
    figure = theme.two_rows(0.72, 0.28, 0.06)

    def add(lines: Sequence[Mapping[str, Any]], key: str, name: str, hover: str, row: int = 1, **style: Any) -> None:
        x, y = [line["step"] for line in lines], [line[key] for line in lines]
        hover = f"step %{{x:,}}: {hover}</extra>"
        figure.add_scatter(x=x, y=y, name=name, hovertemplate=hover, row=row, col=1, **style)

    loss = {"color": color, "width": 1.8}
    add(steps, "loss", "train", "%{y:.3f}<extra>loss on train", mode=mode, line=loss)
    marks: dict[str, Any] = {"mode": "lines+markers", "marker": {"symbol": "diamond", "size": 8}}
    marks["line"] = {**loss, "dash": "dot"}
    add(epochs, "val_loss", "val, after each epoch", "%{y:.3f}<extra>loss on val", **marks)
    rate = {"mode": mode, "line": {"color": theme.NEUTRAL, "width": 1.6}, "showlegend": False}
    add(steps, "learning_rate", "learning rate", "%{y:.3g}<extra>learning rate", row=2, **rate)
    figure.update_yaxes(title="loss", row=1, col=1)
    figure.update_yaxes(title="rate", rangemode="tozero", nticks=3, exponentformat="power", row=2, col=1)
    figure.update_xaxes(title="optimiser step", rangemode="tozero", row=2, col=1)
    return theme.live(figure, 330)


def validation_curve(epochs: Sequence[Mapping[str, Any]], color: str, total_epochs: int) -> go.Figure:
    """Draw macro F1 and mean IoU on val after each epoch.

    Args:
        epochs: lines of ``history.jsonl`` that end an epoch.
        color: of the run.
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
    xaxis = {"title": "epoch", "range": [0.5, total_epochs + 0.8], "dtick": tick}
    return theme.live(figure, 250, xaxis=xaxis, yaxis={"title": "score on val", "rangemode": "tozero"})


def class_bars(per_class: Mapping[str, Mapping[str, float | None]], metric: str, palette: np.ndarray) -> go.Figure:
    """Draw one score of one result for every class, in the classes' colours.

    Args:
        per_class: ``summarize``'s scores by class name.
        metric: one of the scores.
    """
    values = [per_class[name][metric] for name in CLASS_NAMES]
    lengths = [value or 0.0 for value in values]
    bars = theme.class_bars(lengths, list(map(score, values)), range(len(CLASS_NAMES)), palette)
    return theme.live(
        go.Figure(bars),
        470,
        legend=False,
        bargap=0.25,
        xaxis={"range": [0, 1.08], "tickvals": [0, 0.25, 0.5, 0.75, 1], "title": _label(metric)},
        yaxis={"autorange": "reversed", "ticksuffix": " "},
    )


def grouped_bars(table: ClassTable, colors: Mapping[str, str], order: Sequence[int]) -> go.Figure:
    """Draw one bar per class and result, in the results' colours."""
    figure = go.Figure()
    for column, name in enumerate(table.names):
        values = table.scores[list(order), column]
        figure.add_bar(
            x=[CLASS_NAMES[index] for index in order],
            y=np.nan_to_num(values),
            name=theme.plain(name),
            marker={"color": colors[name], "pattern": theme.pattern(PATTERNS[column % len(PATTERNS)])},
            customdata=list(map(score, values)),
            hovertemplate="%{x}: %{customdata}<extra>" + theme.plain(name) + "</extra>",
        )
    yaxis = {"range": [0, 1], "title": _label(table.metric)}
    return theme.live(figure, 360, barmode="group", bargap=0.25, xaxis_tickangle=-45, yaxis=yaxis)


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
        curves: of the runs.
        colors: by run.
        x_title: title of the horizontal axis.
        y_title: title of the vertical axis.
        markers: also mark the points, if they are few.
        faint: the raw curves that ``curves`` smooths, drawn faintly behind them.
    """
    figure = go.Figure()
    for name, (x, y) in (faint or {}).items():
        # One click on the legend hides a run's raw curve with its smoothed one.
        raw = {"name": f"{theme.plain(name)}, raw", "legendgroup": name, "opacity": 0.5}
        figure.add_trace(theme.guide(list(x), list(y), 1, line_color=colors[name], **raw))
    for position, (name, (x, y)) in enumerate(curves.items()):
        figure.add_scatter(
            x=list(x),
            y=list(y),
            name=theme.plain(name),
            legendgroup=name,
            mode="lines+markers" if markers or len(x) < 2 else "lines",
            line={"color": colors[name], "width": 2, "dash": DASHES[position % len(DASHES)]},
            marker={"size": 7, "symbol": MARKERS[position % len(MARKERS)]},
            hovertemplate=f"{x_title} %{{x:,.4~r}}: %{{y:.3f}}<extra>{theme.plain(name)}</extra>",
        )
    xaxis, yaxis = ({"title": title, "rangemode": "tozero"} for title in (x_title, y_title))
    return theme.live(figure, 300, xaxis=xaxis, yaxis=yaxis)


def _label(metric: str) -> str:
    return {"f1": "F1", "iou": "IoU", "dice": "Dice"}.get(metric, metric)
