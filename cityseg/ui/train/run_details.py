"""Tabs of a run on the Train page: curves, class scores, log and settings."""

from __future__ import annotations

import streamlit as st

from cityseg.api import Result
from cityseg.figures import runs as figures
from cityseg.figures import theme
from cityseg.markdown import escape
from cityseg.ui.app import glossary, session
from cityseg.ui.common.charts import chart_title, plain_chart

_NO_CURVES = {
    "queued": "The curves begin with the first steps, when a slot of the queue is free.",
    "finished": "An average of models has no training, and so no curves.",
    "running": "The curves begin with the first steps, when the frames are prepared.",
}


def curves(result: Result) -> None:
    """Show losses, learning rate and validation scores."""
    history, epochs = result.run.history(), result.run.epochs()
    if not history:
        st.caption(_NO_CURVES.get(result.state, "It ended before its first step, so there are no curves."))
        return
    color = theme.run_color(result.id)
    overfits = "A loss on val that rises while the loss on train still falls means that the network overfits."
    chart_title("Loss and learning rate", overfits)
    plain_chart(
        figures.training_curve(history, color),
        f"loss_{result.id}",
        f"Training and validation loss of {result.id} over its steps, with the learning rate",
    )
    if note := glossary.only_on_train({result.id: result.config}):
        st.caption(note)
    if epochs:
        kept = "Each point is an evaluation on the whole val split; the weights with the best macro F1 are kept."
        chart_title("Scores on val", kept)
        plain_chart(
            figures.validation_curve(epochs, color, result.config.epochs),
            f"val_{result.id}",
            f"Macro F1 and mean IoU of {result.id} on the validation split after each epoch",
        )


def classes(result: Result) -> None:
    """Show a score of every class after the last epoch."""
    epochs = result.run.epochs()
    scores = epochs[-1]["val"] if epochs else result.scores.get("val")
    if not scores:
        st.caption("Class scores appear after the first epoch.")
        return
    when = f"On val after epoch {epochs[-1]['epoch']}" if epochs else "On val"
    metric = st.segmented_control(
        "Score",
        list(glossary.SCORES),
        default="f1",
        required=True,
        format_func=lambda key: glossary.SCORES[key][0],
        key="class_metric",
        help="\n\n".join(f"**{escape(name)}**: {meaning}" for name, meaning in glossary.SCORES.values()),
    )
    plain_chart(
        figures.class_bars(scores["per_class"], metric, session.palette()),
        f"classes_{result.id}",
        f"{glossary.SCORES[metric][0]} of {result.id} per class, {when[0].lower()}{when[1:]}",
    )
    st.caption(
        f"{when}: {scores['classes_above_zero']} of 19 classes have a correct pixel. A dash: the class occurs neither "
        "in the ground truth nor in the predictions."
    )


def log(result: Result) -> None:
    """Show the end of the log, and data, device and settings."""
    with st.expander("End of the log", icon=":material/terminal:", expanded=result.state == "failed"):
        st.code(result.run.log_tail() or "The log is empty.", language=None, wrap_lines=True, height=260)
    facts = {"Data": result.data or glossary.ABSENT, "Device": result.run.describe().get("device", glossary.ABSENT)}
    st.table(facts | glossary.settings(result.config.model_dump()), border="horizontal")
