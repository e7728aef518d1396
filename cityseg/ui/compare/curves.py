"""How the selected results learnt: loss and scores over epochs, steps, frames or minutes, smoothed or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cityseg.analysis import curves as learning
from cityseg.analysis.curves import Curve, Over
from cityseg.api import Result
from cityseg.figures import runs as figures
from cityseg.figures import theme
from cityseg.ui.app import glossary, session, url_state
from cityseg.ui.common import export
from cityseg.ui.compare.context import Comparison

_OVER, _OVER_PARAMETER = "curves_over", "over"
_SCORES, _SCORES_PARAMETER = "curves_scores", "curves"
_SMOOTHING, _SMOOTHING_PARAMETER = "curves_smoothing", "smoothing"
_AXES: dict[Over, str] = {
    "epochs": "epoch",
    "steps": "optimiser step",
    "frames": "frames seen",
    "minutes": "training time in minutes",
}
_SEPARATOR = ";"
_ON_ARRIVAL = ["macro F1", "mean IoU"]


def show(comparison: Comparison) -> None:
    """Draw the losses and the chosen scores of every selected result that has a history."""
    histories = {name: result.run.history() for name, result in comparison.selected.items()}
    missing = [name for name, history in histories.items() if not history]
    histories = {name: history for name, history in histories.items() if history}
    if missing:
        st.caption(f"No curves were kept for {', '.join(missing)}.")
    if not histories:
        return
    left, middle, right = st.columns([4, 5, 3], gap="medium")
    with left:
        over = _over()
    with middle:
        scores = _scores()
    with right:
        weight = _smoothing()
    quantities = [learning.TRAIN_LOSS, learning.VAL_LOSS, *scores]
    for start in range(0, len(quantities), 2):  # rows, so that a phone shows them in this order too
        for column, quantity in zip(st.columns(2), quantities[start : start + 2], strict=False):
            with column:
                _chart(_curves(comparison.selected, histories, quantity, over), quantity, over, weight)
    configs = {name: comparison.selected[name].config for name in histories}
    st.caption(f"{_reading(weight, over)} {glossary.only_on_train(configs)}")


def _curves(
    selected: Mapping[str, Result], histories: Mapping[str, list[dict[str, Any]]], quantity: str, over: Over
) -> dict[str, Curve]:
    return {
        name: learning.curve(history, quantity, over, selected[name].config.batch_size)
        for name, history in histories.items()
    }


def _chart(raw: dict[str, Curve], quantity: str, over: Over, weight: float) -> None:
    drawn = {name: (x, learning.smoothed(y, weight)) for name, (x, y) in raw.items()} if weight else raw
    is_loss = quantity in (learning.TRAIN_LOSS, learning.VAL_LOSS)
    title = quantity if is_loss else f"{quantity} on val"
    st.plotly_chart(
        figures.run_curves(
            drawn,
            {name: theme.run_color(name) for name in raw},
            x_title=_AXES[over],
            y_title=title,
            markers=quantity != learning.TRAIN_LOSS,
            faint=raw if weight else None,
        ),
        key=f"curves_{quantity.replace(' ', '_')}",
        config=export.chart(f"cityseg-{title.replace(' ', '-')}"),
        alt=f"{title} of {', '.join(raw)} over {over}",
    )


def _reading(weight: float, over: Over) -> str:
    words = (
        "Read from left to right: a loss should fall, a score should rise. Losses can be compared only between runs "
        "with the same class weights and Dice weight; scores only between runs on the same frames at the same size. "
        "Each run keeps its colour on every page; a click on its name hides it."
    )
    if over == "minutes":
        words += " Minutes are those of the training itself, on whatever machine it ran; a resumed run goes on."
    if weight:
        words += f" Strong lines are smoothed with {weight:g}; the faint ones behind them are what was measured."
    return words


def _over() -> Over:
    url_state.settle(_OVER, _OVER_PARAMETER, list(_AXES), "epochs")
    answer = st.segmented_control(
        "Over",
        list(_AXES),
        key=_OVER,
        required=True,
        persist_state="session",
        help="An epoch is one pass over the training split; a step is one update of the weights, of one batch. Frames "
        "seen are steps times batch size, which is fair to runs with other batches; minutes are the price paid.",
    )
    over = answer or "epochs"
    url_state.keep(_OVER, _OVER_PARAMETER, over)
    return over


def _scores() -> list[str]:
    """Ask for the scores on val; kept in the address as one word."""
    known = list(learning.SCORES)
    named = st.query_params.get(_SCORES_PARAMETER)
    if _SCORES not in st.session_state:
        asked = _ON_ARRIVAL if named is None else [name for name in named.split(_SEPARATOR) if name in known]
        st.session_state[_SCORES] = asked
    chosen = st.multiselect(
        "Scores on val",
        known,
        key=_SCORES,
        placeholder="Losses only",
        persist_state="session",
        help="After every epoch the val split is predicted and scored. Type to find a class.",
    )
    session.remember(_SCORES_PARAMETER, None if chosen == _ON_ARRIVAL else _SEPARATOR.join(chosen))
    return chosen


def _smoothing() -> float:
    if _SMOOTHING not in st.session_state:
        st.session_state[_SMOOTHING] = _weight(st.query_params.get(_SMOOTHING_PARAMETER, ""))
    weight = st.slider(
        "Smoothing",
        0.0,
        0.95,
        step=0.05,
        key=_SMOOTHING,
        persist_state="session",
        help="Weight of the past in a moving average: 0 shows every point as measured, 0.9 averages about the last "
        "ten. The bias towards zero at the start is taken out.",
    )
    session.remember(_SMOOTHING_PARAMETER, f"{weight:g}" if weight else None)
    return weight


def _weight(text: str) -> float:
    """Read the address's weight; what is none is no smoothing."""
    try:
        return min(0.95, max(0.0, round(float(text) * 20) / 20))
    except (ValueError, OverflowError):
        return 0.0
