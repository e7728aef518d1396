"""What the whole split confuses, as a matrix and in words, and the places behind a confusion."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.errors import frame_errors as ranking
from cityseg.analysis.errors import regions
from cityseg.analysis.errors.frame_errors import ConfusedPair
from cityseg.analysis.errors.ranking_metric import RankingMetric, confusion_name
from cityseg.analysis.errors.regions import Region
from cityseg.api import DataInfo
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures.class_shares import percent_text
from cityseg.figures.images.crops import outlined_crop
from cityseg.ui.app import cache, session, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.confusion_matrix import matrix
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.inspect.ranking_metric import ask_for

_FRAMES = 6
"""Frames with the most such pixels that are predicted to find their regions."""
_CROPS = 8
_PER_FRAME = 3


def show(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None) -> None:
    """Show matrix, words and, for the confusion that frames are ordered by, its largest places."""
    chosen = (
        (measure.train_id, measure.predicted)
        if measure.train_id is not None and measure.predicted is not None
        else None
    )
    chart, words = st.columns([5, 3], gap="large")
    with chart:
        clicked = matrix(
            subject.total,
            key="inspect_matrix",
            label=f"What {subject.result.id} calls the pixels of each class on {subject.split}, in per cent",
            chosen=chosen,
        )
        if clicked and clicked != chosen:
            ask_for(confusion_name(*clicked))
            st.rerun()
        st.caption(
            "Read a row from left to right: of all pixels that are this class, so many per cent are called each of the "
            "classes above. A perfect model has 100 all along the diagonal; an empty row is a class the split lacks."
        )
    with words:
        _pairs(subject)
    if chosen is None:
        return
    st.subheader(f"Where {CLASS_NAMES[chosen[0]]} is called {CLASS_NAMES[chosen[1]]}", anchor=False)
    if info is None:
        st.caption("The pictures of these frames are not connected, so their places cannot be shown.")
        return
    _places(subject, chosen, info)


def _pairs(subject: MeasuredSplit) -> None:
    by_share = st.segmented_control(
        "Most confused, by",
        ["share of the class", "pixels"],
        default="share of the class",
        key="confused",
        bind="query-params",
        required=True,
        help="By share, rare classes stand out; by pixels, the confusions that cost pixel accuracy most.",
    )
    st.caption("Click one to see the frames and places behind it, most concerned first.")
    pairs = ranking.confused_pairs(subject.total, by="pixels" if by_share == "pixels" else "share")
    with st.container(gap=None):
        for pair in pairs:
            st.button(
                _sentence(pair),
                key=f"inspect_pair_{pair.truth}_{pair.predicted}",
                help=f"{pair.pixels:,} pixels. Click to see the frames behind it.",
                type="tertiary",
                on_click=ask_for,
                args=(confusion_name(pair.truth, pair.predicted),),
            )


def _sentence(pair: ConfusedPair) -> str:
    return f"{percent_text(pair.share)} of {CLASS_NAMES[pair.truth]} pixels are called {CLASS_NAMES[pair.predicted]}"


def _places(subject: MeasuredSplit, pair: tuple[int, int], info: DataInfo) -> None:
    """Show the largest regions of a confusion among the frames it concerns most."""
    order = ranking.most_confused_first(subject.matrices, *pair)
    try:
        with st.spinner("Looking for the largest places", show_time=True):
            found = [place for index in order[:_FRAMES] for place in _in_frame(subject, subject.names[index], pair)]
    except CitysegError as error:
        st.error(f"The places cannot be shown. {error}", icon=":material/error:")
        return
    found = sorted(found, key=lambda place: -place[1].area)[:_CROPS]
    thumbnails = [
        Thumbnail(
            f"{name} {number}",
            f"{region.area:,} px · {percent_text(region.confidence)} sure",
            name,
            crop(info.spec, subject, name, region, stretch=2.0 if frames.is_squashed(info) else 1.0),
        )
        for number, (name, region) in enumerate(found)
    ]
    clicked = gallery(
        thumbnails,
        key="inspect_places",
        label=f"Largest regions of {CLASS_NAMES[pair[0]]} called {CLASS_NAMES[pair[1]]}",
        aspect=1.5,
        cell=220,
        narrow=150,
        target="inspect_picture",
    )
    if clicked:
        url_state.wish("inspect_frame", clicked.rpartition(" ")[0])
        st.rerun()
    st.caption(
        f"The largest connected regions of this confusion in the {min(_FRAMES, len(order)):,} frames it concerns most, "
        f"of {len(order):,} with such a pixel, outlined in the photo; found at the file's own size, with the model's "
        "mean probability for what it said. Click one to see its frame above."
    )


def _in_frame(subject: MeasuredSplit, name: str, pair: tuple[int, int]) -> list[tuple[str, Region]]:
    frame = cache.frame(session.data_spec(), subject.split, name)
    version = (subject.result.run.checkpoint / "model.safetensors").stat().st_mtime_ns
    key = (session.data_spec(), subject.result.id, version, subject.split, name)
    return [(name, region) for region in _regions(key, pair, frame.photo, frame.train_ids)]


@st.cache_resource(show_spinner=False, max_entries=256)
def _regions(
    key: tuple[str, str, int, str, str], pair: tuple[int, int], _photo: np.ndarray, truth: np.ndarray
) -> list[Region]:
    prediction = cache.predict(key[1], _photo)
    found = regions.find(truth, prediction.train_ids, prediction.confidence, pair=pair)
    return found[:_PER_FRAME]


def crop(
    spec: str, subject: MeasuredSplit, name: str, region: Region, stretch: float, size: tuple[int, int] | None = None
) -> str:
    """Return a region in its surroundings, outlined, as a ``data:`` picture, 3:2.

    Args:
        spec: the connected data.
        subject: what is inspected.
        name: the frame.
        region: what to outline.
        stretch: how much wider the photo is meant to be shown than it is stored.
        size: (height, width) of the map the region was found in; by default that of the frame's own label.
    """
    frame = cache.frame(spec, subject.split, name)
    where = size or (frame.train_ids.shape[0], frame.train_ids.shape[1])
    return _crop((spec, subject.split, name), frame.photo, region.mask, region.box, where, stretch)


@st.cache_data(show_spinner=False, max_entries=512)
def _crop(
    frame: tuple[str, str, str],
    _photo: np.ndarray,
    mask: np.ndarray,
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    stretch: float,
) -> str:
    return encode_thumbnail(outlined_crop(_photo, mask, box, size, stretch=stretch), quality=88)
