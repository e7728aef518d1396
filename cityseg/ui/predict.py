"""The predict page: any photo, any model, and what it sees."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.api import Result
from cityseg.checkpoint import WEIGHTS
from cityseg.errors import CitysegError
from cityseg.figures.shares import class_shares, percent_text
from cityseg.inference import Prediction
from cityseg.labels import CLASS_NAMES, IGNORE_INDEX
from cityseg.ui import cached, choices, glossary, pictures, state
from cityseg.ui.streets import Street
from cityseg.ui.viewer import PHOTO, Layer, viewer

UNSURE_BELOW = 0.65
"""Mean confidence under which the page warns."""


def usable_models() -> list[Result]:
    """List runs and shipped models that have weights, best first by macro F1 on test, else on val."""
    usable = [result for result in cached.results() if (result.run.checkpoint / WEIGHTS).is_file()]
    return sorted(usable, key=lambda result: (-(_f1(result) or 0), result.id))


def _f1(result: Result) -> float | None:
    test = result.score("test", "f1")
    return result.score("val", "f1") if test is None else test


def choose_model(models: list[Result]) -> Result:
    """Let the user choose; the best is chosen on arrival."""
    by_id = {result.id: result for result in models}
    key = "predict_model"
    choices.settle(key, "model", list(by_id), models[0].id)
    chosen = st.selectbox(
        "Model",
        list(by_id),
        format_func=lambda name: f"{name} · macro F1 {glossary.score(_f1(by_id[name]))}",
        key=key,
        persist_state="session",
        help="Runs and shipped models, best first by macro F1 on the test split. " + glossary.SCORES["f1"][1],
    )
    choices.keep(key, "model", chosen)
    result = by_id[chosen]
    split = "val" if result.score("test", "f1") is None else "test"
    parameters = f"{result.parameters / 1e6:.1f} million parameters" if result.parameters else "parameters unknown"
    st.caption(
        f"{parameters} · sees every photo at {glossary.size(result.config.image_size)} pixels · "
        f"macro F1 {glossary.score(_f1(result))} on {split} · trained on {result.data}"
        + (" · **still training**: these are its best weights so far" if result.state == "running" else "")
    )
    return result


def explain_no_models() -> None:
    """Say what to do where there is no model yet."""
    st.info("There is no model yet, so nothing can be predicted. Train one first.", icon=":material/model_training:")
    st.page_link("pages/train.py", label="Train a model", icon=":material/arrow_forward:")


def show(street: Street, model: Result) -> Prediction | None:
    """Show the prediction large; None if the model cannot be used, which is then said."""
    try:
        with st.spinner(f"{model.id} is looking at the photo", show_time=True):
            prediction = cached.predict(model.id, street.photo)
    except CitysegError as error:
        st.error(f"{model.id} cannot be used. {error} Choose another model.", icon=":material/error:")
        return None
    layers = [Layer("prediction", prediction.train_ids, prediction.confidence)]
    if street.truth is not None:
        layers.append(Layer("truth", street.truth))
    event = viewer(
        street.shown,
        [*layers, pictures.doubt(prediction)],
        key="predict_viewer",
        alt=f"The street photo {street.name} with what {model.id} sees in it.",
        compare=(PHOTO, "prediction"),
        navigation=street.truth is not None,
        clicks=False,
    )
    if event and event.kind != "click":
        choices.walk("predict_frame", 1 if event.kind == "next" else -1)
        st.rerun()
    return prediction


def figures(street: Street, prediction: Prediction) -> None:
    """Show how sure the model is and how long it took, with a warning where it is unsure."""
    confidence = float(prediction.confidence.mean())
    figures = [
        (
            "Mean confidence",
            f"{100 * confidence:.0f} %",
            "How probable the model holds the class it chose, averaged over all pixels. Sure is not always right.",
        ),
        ("Photo", f"{street.photo.shape[0] * street.photo.shape[1] / 1e6:.1f} MP", _size_words(street)),
        (
            "Model",
            f"{prediction.milliseconds:,.0f} ms",
            "From decoded photo to label map at the photo's own size, on this machine, when it was first shown. "
            "The very first photo after loading a model takes longer.",
        ),
        ("Decoding", f"{street.milliseconds:,.0f} ms", "From the file to pixels, before the model begins."),
    ]
    if street.truth is not None:
        figures[1] = (
            "Pixel accuracy",
            glossary.score(_accuracy(street.truth, prediction.train_ids)),
            "Share of this frame's labelled pixels that got the right class, counted at the frame's own size.",
        )
    with st.container(horizontal=True, gap="small"):
        for name, value, meaning in figures:
            st.metric(name, value, help=meaning, width=122)
    if confidence < UNSURE_BELOW:
        st.warning(
            f"**The model is unsure here**: it holds its own answer for {100 * confidence:.0f} % likely on average. "
            "Either it has not learned much yet, or this photo differs from what it learned from: another camera "
            "or viewpoint, night, rain, another country. Do not rely on this picture.",
            icon=":material/help:",
        )


def _size_words(street: Street) -> str:
    return f"{street.photo.shape[1]} × {street.photo.shape[0]} pixels. The label map has the same size."


def _accuracy(truth: np.ndarray, predicted: np.ndarray) -> float | None:
    scored = truth != IGNORE_INDEX
    return float((truth[scored] == predicted[scored]).mean()) if scored.any() else None


def shares(street: Street, prediction: Prediction) -> None:
    """Show how much of the picture each class covers, as bars and as a table."""
    covered = prediction.shares()
    chart, table = st.tabs([f"{len(covered)} classes seen", "As a table"])
    with chart:
        st.plotly_chart(
            class_shares(covered, state.palette()),
            key="predict_shares",
            config={"displayModeBar": False},
            alt="Share of the picture by class: "
            + ", ".join(f"{name} {percent_text(share)}" for name, share in covered.items()),
        )
    with table:
        columns = {"class": list(covered), "share": [percent_text(share) for share in covered.values()]}
        if street.truth is not None:
            columns["in truth"] = [_truth_share(street.truth, name) for name in covered]
        st.dataframe(pd.DataFrame(columns), hide_index=True, height="content")


def _truth_share(truth: np.ndarray, name: str) -> str:
    count = int((truth == CLASS_NAMES.index(name)).sum())
    return percent_text(count / truth.size) if count else glossary.ABSENT
