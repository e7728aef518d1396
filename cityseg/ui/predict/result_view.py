"""The answer of the predict page: the photo with what each model sees, and its figures in words, bars and a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.prediction import object_counts
from cityseg.classes import CLASS_NAMES, CLASSES
from cityseg.figures.class_shares import class_shares, percent_text
from cityseg.ui.app import glossary, session, url_state
from cityseg.ui.common.viewer import PHOTO, viewer
from cityseg.ui.predict import distribution_shift
from cityseg.ui.predict.layers import PREDICTION, Sight, layers
from cityseg.ui.predict.model_view import Shown
from cityseg.ui.predict.sources import Street

GROUP = "predict"
"""Viewers of the page that zoom together."""
_BARS = 10
"""Classes whose bars are shown."""
_COUNTED = {label.name for label in CLASSES if label.has_instances}


def show(street: Street, photo: Shown, sights: Sequence[Sight], least: int, below: Callable[[], None]) -> None:
    """Show the pictures large, one beside the other, with their figures.

    Args:
        street: what is shown.
        photo: the same for the eye.
        sights: what each model sees.
        least: confidence in per cent below which a pixel is unknown, 0 for none.
        below: shows what belongs under the pictures.
    """
    if len(sights) == 1:
        left, right = st.columns([7, 3], gap="medium")
        with right:
            _figures(photo, sights[0])
            distribution_shift.warn(sights)
            _shares(photo, sights[0])
        with left:
            _picture(street, photo, sights[0], least)
            below()
        return
    for column, sight in zip(_columns(len(sights)), sights, strict=True):
        with column:
            st.markdown(f"**{sight.model.id}**")
            _picture(street, photo, sight, least)
    _table(photo, sights)
    distribution_shift.warn(sights)
    _shares_table(photo, sights)
    below()


def _columns(count: int) -> list[st.delta_generator.DeltaGenerator]:
    """Two or three pictures in a row; four in two rows."""
    wide = 2 if count == 4 else count
    rows = [st.columns(wide, gap="medium") for _ in range(-(-count // wide))]
    return [column for row in rows for column in row][:count]


def _picture(street: Street, photo: Shown, sight: Sight, least: int) -> None:
    event = viewer(
        photo.photo,
        layers(sight, least, photo.truth),
        key=f"predict_viewer_{sight.model.id}",
        alt=f"The street photo {street.name} with what {sight.model.id} sees in it.",
        compare=(PHOTO, PREDICTION),
        navigation=street.walks,
        group=GROUP,
        clicks=False,
    )
    if event and event.kind != "click":
        url_state.walk("predict_frame", 1 if event.kind == "next" else -1)
        st.rerun()


def _figures(photo: Shown, sight: Sight) -> None:
    """Show how sure the model is, how right where that is known, and how long it took."""
    seen = sight.look.seen
    figures = [
        (
            "Mean confidence",
            f"{100 * seen.confidence:.0f} %",
            "How probable the model holds the class it chose, averaged over all pixels. Sure is not always right.",
        )
    ]
    if photo.truth is not None:
        figures.append(
            (
                "Pixel accuracy",
                glossary.score(sight.look.accuracy),
                "Share of this frame's labelled pixels that got the right class, counted at the frame's own size.",
            )
        )
    else:
        height, width = photo.size
        meaning = f"{width} × {height} pixels. The label map has the same size."
        figures.append(("Photo", f"{height * width / 1e6:.1f} MP", meaning))
    with st.container(horizontal=True, gap="small"):
        for name, value, meaning in figures:
            st.metric(name, value, help=meaning, width=122)
    st.caption(
        f"Decode {_seconds(photo.decoding)} · predict {_seconds(seen.milliseconds)} · "
        f"encode {_seconds(photo.encoding + sight.look.encoding)}",
        help=_TIMING,
    )


_TIMING = (
    "On this machine, when it was first shown:  \n"
    "**decode**: from the file, or the drawing, to pixels,  \n"
    "**predict**: from pixels to a label map of the photo's size,  \n"
    "**encode**: packing photo and label map for the browser.  \n"
    "The very first photo after loading a model takes longer."
)


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds:,.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:,.1f} s"


def _shares(photo: Shown, sight: Sight) -> None:
    """Show how much of the picture each class covers, as bars and as a table with the objects counted."""
    seen = sight.look.seen
    chart, table = st.tabs([f"{len(seen.shares)} classes seen", "As a table"])
    with chart:
        largest = dict(list(seen.shares.items())[:_BARS])
        st.plotly_chart(
            class_shares(largest, session.palette()),
            key="predict_shares",
            config={"displayModeBar": False},
            alt="Share of the picture by class: "
            + ", ".join(f"{name} {percent_text(share)}" for name, share in seen.shares.items()),
        )
        if len(seen.shares) > _BARS:
            st.caption(f"The {_BARS} largest; the rest is in the table.")
        if seen.objects:
            st.caption(f"About {object_counts.words(seen.objects)}. Objects that touch count as one.")
    with table:
        columns = {"class": list(seen.shares), "share": [percent_text(share) for share in seen.shares.values()]}
        if photo.truth is not None:
            columns["in truth"] = [_truth_share(photo.truth, name) for name in seen.shares]
        columns["objects"] = [_objects(sight, name) for name in seen.shares]
        st.dataframe(pd.DataFrame(columns), hide_index=True, height="content", column_config=_ABOUT_OBJECTS)


_ABOUT_OBJECTS = {
    "objects": st.column_config.TextColumn(
        "objects",
        help="Connected regions of people and vehicles that cover at least 0.01 % of the picture. About as many as "
        "there are: touching ones count as one, a hidden middle makes two of one.",
    )
}


def _objects(sight: Sight, name: str) -> str:
    if name not in _COUNTED:
        return ""
    return f"about {sight.look.seen.objects.get(name, 0)}"


def _truth_share(truth: np.ndarray, name: str) -> str:
    count = int((truth == CLASS_NAMES.index(name)).sum())
    return percent_text(count / truth.size) if count else glossary.ABSENT


def _table(photo: Shown, sights: Sequence[Sight]) -> None:
    """Show the figures of several models in a line each."""
    columns: dict[str, list[str]] = {
        "model": [sight.model.id for sight in sights],
        "parameters": [
            f"{sight.model.parameters / 1e6:.1f} million" if sight.model.parameters else glossary.ABSENT
            for sight in sights
        ],
        "sees at": [f"{glossary.size(sight.model.config.image_size)} pixels" for sight in sights],
        "trained on": [sight.model.data for sight in sights],
        "mean confidence": [f"{100 * sight.look.seen.confidence:.0f} %" for sight in sights],
    }
    if photo.truth is not None:
        columns["pixel accuracy"] = [glossary.score(sight.look.accuracy) for sight in sights]
    columns["predict"] = [_seconds(sight.look.seen.milliseconds) for sight in sights]
    st.dataframe(pd.DataFrame(columns), hide_index=True, height="content", key="predict_models_table")
    st.caption(
        f"Decoding the photo took {_seconds(photo.decoding)}, packing it for the browser {_seconds(photo.encoding)}. "
        "The pictures zoom together."
    )


def _shares_table(photo: Shown, sights: Sequence[Sight]) -> None:
    """Show the shares of all classes, a column for each model; those seen most by the first model come first."""
    names = list(dict.fromkeys(name for sight in sights for name in sight.look.seen.shares))
    columns: dict[str, list[str]] = {"class": names}
    if photo.truth is not None:
        columns["truth"] = [_truth_share(photo.truth, name) for name in names]
    for sight in sights:
        shares = sight.look.seen.shares
        columns[sight.model.id] = [
            " · ".join(filter(None, (percent_text(shares[name]), _objects(sight, name))))
            if name in shares
            else glossary.ABSENT
            for name in names
        ]
    with st.expander(f"Class shares: {len(names)} classes seen", icon=":material/table:"):
        st.dataframe(pd.DataFrame(columns), hide_index=True, height="content", key="predict_shares_table")
        st.caption(
            "Share of the picture that each model gives to a class, and about how many objects that makes; objects "
            "that touch count as one."
        )
