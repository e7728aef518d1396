"""The Curves tab: loss and scores of the selected runs over epochs, steps, frames or minutes, smoothed or raw."""

from __future__ import annotations

import math

import streamlit as st

from cityseg.analysis import curves as learning
from cityseg.analysis.curves import Curve, XAxis
from cityseg.figures import runs as figures
from cityseg.figures import theme
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export
from cityseg.ui.common.url_choice import segmented_choice
from cityseg.ui.compare.context import CompareContext

_X, _X_PARAMETER = "curves_over", "over"
_SCORES, _SCORES_PARAMETER = "curves_scores", "curves"
_SMOOTHING, _SMOOTHING_PARAMETER = "curves_smoothing", "smoothing"
_X_TITLES: dict[XAxis, str] = {
    "epochs": "epoch",
    "steps": "optimiser step",
    "frames": "frames seen",
    "minutes": "training time in minutes",
}
_SEPARATOR = ";"
_DEFAULT_SCORES = ["macro F1", "mean IoU"]


def show(context: CompareContext) -> None:
    """Draw the losses and the chosen scores of every selected result that has a history."""
    histories = {name: result.run.history() for name, result in context.selected.items()}
    if missing := [name for name, history in histories.items() if not history]:
        st.caption(f"No curves were stored for {', '.join(missing)}.")
    histories = {name: history for name, history in histories.items() if history}
    if not histories:
        return
    left, middle, right = st.columns([4, 5, 3], gap="medium")
    with left:
        x = _choose_x()
    with middle:
        scores = _choose_scores()
    with right:
        weight = _choose_smoothing()
    configs = {name: context.selected[name].config for name in histories}
    quantities = [learning.TRAIN_LOSS, learning.VAL_LOSS, *scores]
    for start in range(0, len(quantities), 2):  # row by row, so that a phone keeps the order
        for column, quantity in zip(st.columns(2), quantities[start : start + 2], strict=False):
            curves = {
                name: learning.curve(history, quantity, x, configs[name].batch_size)
                for name, history in histories.items()
            }
            with column:
                _chart(curves, quantity, x, weight)
    st.caption(f"{_how_to_read(weight, x)} {glossary.only_on_train(configs)}")


def _chart(raw: dict[str, Curve], quantity: str, x: XAxis, weight: float) -> None:
    smoothed = {name: (places, learning.smoothed(values, weight)) for name, (places, values) in raw.items()}
    title = quantity if quantity in (learning.TRAIN_LOSS, learning.VAL_LOSS) else f"{quantity} on val"
    st.plotly_chart(
        figures.run_curves(
            smoothed if weight else raw,
            {name: theme.run_color(name) for name in raw},
            x_title=_X_TITLES[x],
            y_title=title,
            markers=quantity != learning.TRAIN_LOSS,
            faint=raw if weight else None,
        ),
        key=f"curves_{quantity.replace(' ', '_')}",
        config=export.chart(f"cityseg-{title.replace(' ', '-')}"),
        alt=f"{title} of {', '.join(raw)} over {x}",
    )


def _how_to_read(weight: float, x: XAxis) -> str:
    text = (
        "Read from left to right: a loss should fall, a score should rise. Losses are comparable only between runs "
        "with the same loss settings; scores only between runs on the same frames at the same size. Each run has one "
        "colour on every page; a click on its name hides it."
    )
    if x == "minutes":
        text += " Minutes are training time on each run's own machine; a resumed run continues its clock."
    if weight:
        text += f" Strong lines are smoothed with {weight:g}; the faint ones behind them are the raw values."
    return text


def _choose_x() -> XAxis:
    return segmented_choice(
        "Over",
        list(_X_TITLES),
        _X,
        _X_PARAMETER,
        "epochs",
        help="An epoch is one pass over the training split; a step is one update of the weights, of one batch. Frames "
        "seen are steps times batch size, which is fair to runs with other batch sizes; minutes show the cost.",
    )


def _choose_scores() -> list[str]:
    known = list(learning.SCORES)
    if _SCORES not in st.session_state:
        linked = st.query_params.get(_SCORES_PARAMETER)
        names = _DEFAULT_SCORES if linked is None else linked.split(_SEPARATOR)
        st.session_state[_SCORES] = [name for name in names if name in known]
    chosen = st.multiselect(
        "Scores on val",
        known,
        key=_SCORES,
        placeholder="Losses only",
        persist_state="session",
        help="The val split is scored after every epoch. Type to find a class.",
    )
    session.set_url(_SCORES_PARAMETER, None if chosen == _DEFAULT_SCORES else _SEPARATOR.join(chosen))
    return chosen


def _choose_smoothing() -> float:
    if _SMOOTHING not in st.session_state:
        st.session_state[_SMOOTHING] = _parse_weight(st.query_params.get(_SMOOTHING_PARAMETER, ""))
    weight = st.slider(
        "Smoothing",
        0.0,
        0.95,
        step=0.05,
        key=_SMOOTHING,
        persist_state="session",
        help="Weight of the past in an exponential moving average: 0 shows every point as measured, 0.9 averages about "
        "the last ten. The bias towards zero at the start is corrected.",
    )
    session.set_url(_SMOOTHING_PARAMETER, f"{weight:g}" if weight else None)
    return weight


def _parse_weight(text: str) -> float:
    """Read the URL's weight in steps of 0.05; 0 if it is not a number."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return min(0.95, max(0.0, round(value * 20) / 20)) if math.isfinite(value) else 0.0
