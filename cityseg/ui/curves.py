"""How the selected results learnt: loss and scores over epochs or steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cityseg.api import Result
from cityseg.figures import runs as figures
from cityseg.figures import theme
from cityseg.ui import state

Curve = tuple[list[float], list[float | None]]
_OVER, _PARAMETER = "curves_over", "over"
_UNITS = {"epochs": "epoch", "steps": "optimiser step"}


def show(selected: dict[str, Result]) -> None:
    """Draw four quantities of every selected result that has a history."""
    histories = {name: result.run.history() for name, result in selected.items()}
    missing = [name for name, history in histories.items() if not history]
    histories = {name: history for name, history in histories.items() if history}
    if missing:
        st.caption(f"No curves were kept for {', '.join(missing)}.")
    if not histories:
        return
    over = _over()
    epochs = {name: [line for line in history if line["kind"] == "epoch"] for name, history in histories.items()}
    charts: list[tuple[str, dict[str, Curve]]] = [
        ("loss on train", {name: _train_loss(history, over) for name, history in histories.items()}),
        ("loss on val", {name: _after_epochs(lines, over, _val_loss) for name, lines in epochs.items()}),
        ("macro F1 on val", {name: _after_epochs(lines, over, _macro_f1) for name, lines in epochs.items()}),
        ("mean IoU on val", {name: _after_epochs(lines, over, _mean_iou) for name, lines in epochs.items()}),
    ]
    colors = {name: theme.run_color(name) for name in histories}
    columns = st.columns(2)
    for position, (title, curves) in enumerate(charts):
        with columns[position % 2]:
            st.plotly_chart(
                figures.run_curves(curves, colors, x_title=_UNITS[over], y_title=title, markers=position > 0),
                key=f"curves_{position}",
                config={"displayModeBar": False},
                alt=f"{title} of {', '.join(curves)} over {over}",
            )
    st.caption(
        "Losses can be compared only between runs with the same class weights and Dice weight; the scores below them "
        "only between runs on the same frames at the same size. Each run keeps its colour on every page."
    )


def _over() -> str:
    if _OVER not in st.session_state:
        st.session_state[_OVER] = state.remembered(_PARAMETER, list(_UNITS)) or "epochs"
    over = st.segmented_control(
        "Over",
        list(_UNITS),
        key=_OVER,
        required=True,
        help="An epoch is one pass over the training split; a step is one update of the weights, of one batch.",
    )
    state.remember(_PARAMETER, over)
    return over or "epochs"


def _train_loss(history: Sequence[dict[str, Any]], over: str) -> Curve:
    lines = [line for line in history if line["kind"] == "step"]
    length = 1.0 if over == "steps" else _steps_per_epoch(history)
    return [line["step"] / length for line in lines], [line["loss"] for line in lines]


def _steps_per_epoch(history: Sequence[dict[str, Any]]) -> float:
    """Return the steps of an epoch: from a closed one, or a little too few from one that is still going on."""
    for line in history:
        if line["kind"] == "epoch":
            return float(line["step"] / line["epoch"])
    return float(max(line["step"] for line in history))


def _after_epochs(lines: Sequence[dict[str, Any]], over: str, value: Any) -> Curve:
    return [line["epoch" if over == "epochs" else "step"] for line in lines], [value(line) for line in lines]


def _val_loss(line: dict[str, Any]) -> float:
    return float(line["val_loss"])


def _macro_f1(line: dict[str, Any]) -> float | None:
    score: float | None = line["val"]["macro"]["f1"]
    return score


def _mean_iou(line: dict[str, Any]) -> float | None:
    score: float | None = line["val"]["macro"]["iou"]
    return score
