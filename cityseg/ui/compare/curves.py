"""The Curves tab: loss and scores of the selected runs over epochs, steps, frames or minutes, smoothed or raw."""

from __future__ import annotations

import streamlit as st

from cityseg.analysis import curves as learning
from cityseg.analysis.curves import Curve, XAxis
from cityseg.figures import runs as figures
from cityseg.figures import theme
from cityseg.markdown import escape
from cityseg.ui.app import glossary
from cityseg.ui.common import export
from cityseg.ui.common.charts import chart_title
from cityseg.ui.common.layout import grid
from cityseg.ui.common.url_choice import choose_option, choose_options
from cityseg.ui.compare.context import CompareContext

_X_TITLES: dict[XAxis, str] = {
    "epochs": "epoch",
    "steps": "optimiser step",
    "frames": "frames seen",
    "minutes": "training time in minutes",
}


def show(context: CompareContext) -> None:
    """Plot the losses and the chosen scores of every selected result that has a history."""
    histories = {name: result.run.history() for name, result in context.selected.items()}
    if missing := [name for name, history in histories.items() if not history]:
        st.caption(f"No curves were stored for {escape(', '.join(missing))}.")
    histories = {name: history for name, history in histories.items() if history}
    if not histories:
        return
    left, middle, right = st.columns([4, 5, 3], gap="medium")
    meaning = (
        "A step is one update of the weights, of one batch. Frames seen are steps times batch size, which is fair to "
        "runs with other batch sizes; minutes show the cost."
    )
    control, titles = left.segmented_control, list(_X_TITLES)
    x = choose_option(control, "Over", titles, "curves_over", "over", help=meaning)
    with middle:
        known, default = list(learning.SCORES), ["macro F1", "mean IoU"]
        settings = {"placeholder": "Losses only", "help": "Measured after every epoch. Type to find a class."}
        scores = choose_options("Scores on val", known, "curves_scores", "curves", default, separator=";", **settings)
    meaning = (
        "Weight of the past in an exponential moving average: 0 shows every point as measured, 0.9 averages about the "
        "last ten. The bias towards zero at the start is corrected."
    )
    weights = [f"{step / 20:g}" for step in range(20)]
    slider = right.select_slider
    key, parameter = "curves_smoothing", "smoothing"
    weight = float(choose_option(slider, "Smoothing", weights, key, parameter, omit_default=True, help=meaning))
    configs = {name: context.selected[name].config for name in histories}
    quantities = [learning.TRAIN_LOSS, learning.VAL_LOSS, *scores]
    chart_title("Losses and scores", _how_to_read(weight, x))
    for quantity in grid(quantities, 2):
        curves = {
            name: learning.curve(history, quantity, x, configs[name].batch_size) for name, history in histories.items()
        }
        _chart(curves, quantity, x, weight)
    if note := glossary.only_on_train(configs):
        st.caption(note)


def _chart(raw: dict[str, Curve], quantity: str, x: XAxis, weight: float) -> None:
    smoothed = {name: (places, learning.smoothed(values, weight)) for name, (places, values) in raw.items()}
    title = quantity if quantity in (learning.TRAIN_LOSS, learning.VAL_LOSS) else f"{quantity} on val"
    export.chart(
        figures.run_curves(
            smoothed if weight else raw,
            {name: theme.run_color(name) for name in raw},
            x_title=_X_TITLES[x],
            y_title=title,
            markers=quantity != learning.TRAIN_LOSS,
            faint=raw if weight else None,
        ),
        f"curves_{quantity.replace(' ', '_')}",
        f"cityseg-{title.replace(' ', '-')}",
        alt=f"{title} of {', '.join(raw)} over {x}",
    )


def _how_to_read(weight: float, x: XAxis) -> str:
    text = (
        "A loss should fall, a score should rise. Losses are comparable only between runs with the same loss settings; "
        "scores only between runs on the same frames at the same size. A click on a run's name hides it."
    )
    if x == "minutes":
        text += " Minutes are training time on each run's own machine; a resumed run continues its clock."
    if weight:
        text += f" Strong lines are smoothed with {weight:g}; the faint ones behind them are the raw values."
    return text
