"""Confusions tab of the Inspect page: the confusion matrix, the most confused pairs, and the regions behind a pair."""

from __future__ import annotations

import numpy as np
import streamlit as st

from cityseg.analysis.errors import frame_errors, regions
from cityseg.analysis.errors.ranking_metric import RankingMetric, confusion_name
from cityseg.analysis.errors.regions import Region
from cityseg.api import DataInfo
from cityseg.api.types import Split, weights_version
from cityseg.classes import CLASS_NAMES
from cityseg.figures.class_shares import percent_text
from cityseg.figures.images.crops import outlined_crop
from cityseg.ui.app import cache, reveal, session, url_state
from cityseg.ui.common import frames
from cityseg.ui.common.charts import chart_title
from cityseg.ui.common.confusion_matrix import confusion_matrix
from cityseg.ui.common.errors import errors_shown
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.inspect.ranking_metric import rank_by
from cityseg.ui.inspect.selection import PICTURE

_FRAMES = 6
"""Frames with the most pixels of the confusion, which are predicted to find their regions."""
_CROPS = 8
_PART = "inspect_confusion"
_PER_FRAME = 3


def show(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> None:
    """Show matrix, pairs and, if a confusion ranks the frames, its largest regions."""
    left, right = st.columns([5, 3], gap="large")
    with left:
        chart_title("Confusion matrix", "Each row shows how the pixels of one true class are predicted, in per cent.")
        clicked = confusion_matrix(
            measured.total,
            key="inspect_matrix",
            label=f"Confusion matrix of {measured.result.id} on {measured.split}, in per cent of each true class",
            chosen=metric.confusion,
        )
        if clicked and clicked != metric.confusion:
            _choose(*clicked)
            st.rerun()
    with right:
        _pairs(measured)
    if metric.confusion is None:
        return
    with st.container(key=_PART):
        st.header(_words(*metric.confusion).capitalize(), anchor=False)
        if info is None:
            st.caption("Regions need the frames; connect the data the result was measured on.")
        else:
            _regions(measured, metric.confusion, info)


def _choose(truth: int, predicted: int) -> None:
    """Rank the frames by a confusion and scroll to its regions in the next run."""
    rank_by(confusion_name(truth, predicted))
    reveal.request(_PART)


def _words(truth: int, predicted: int) -> str:
    return f"{CLASS_NAMES[truth]} predicted as {CLASS_NAMES[predicted]}"


def _pairs(measured: MeasuredSplit) -> None:
    meaning = (
        "By share, rare classes stand out; by pixels, the confusions that cost most pixel accuracy. Click one to see "
        "its frames and regions."
    )
    options = ["share of the class", "pixels"]
    by = choose_option(st.segmented_control, "Most confused, by", options, "confused", "confused", help=meaning)
    with st.container(gap=None):
        for pair in frame_errors.confused_pairs(measured.total, by="pixels" if by == "pixels" else "share"):
            st.button(
                f"{percent_text(pair.share)} of {CLASS_NAMES[pair.truth]} pixels are predicted as "
                f"{CLASS_NAMES[pair.predicted]}",
                key=f"inspect_pair_{pair.truth}_{pair.predicted}",
                help=f"{pair.pixels:,} pixels. Click to see the frames.",
                type="tertiary",
                on_click=_choose,
                args=(pair.truth, pair.predicted),
            )


@errors_shown("The regions cannot be shown.")
def _regions(measured: MeasuredSplit, pair: tuple[int, int], info: DataInfo) -> None:
    """Show the largest regions of a confusion among the frames with most of its pixels."""
    order = frame_errors.most_confused_first(measured.matrices, *pair)
    with st.spinner("Finding the largest regions", show_time=True):
        found = [each for index in order[:_FRAMES] for each in _in_frame(measured, measured.names[index], pair)]
    found = sorted(found, key=lambda each: -each[1].area)[:_CROPS]
    thumbnails = [
        Thumbnail(
            f"{name} {number}",
            f"{region.area:,} px · confidence {percent_text(region.confidence)}",
            name,
            crop(measured, name, region, info),
        )
        for number, (name, region) in enumerate(found)
    ]
    clicked = gallery(
        thumbnails,
        key="inspect_places",
        label=f"Largest regions of {_words(*pair)}",
        aspect=1.5,
        cell=220,
        narrow=150,
        target=PICTURE,
    )
    if clicked:
        url_state.request("inspect_frame", clicked.rpartition(" ")[0])
        st.rerun()
    st.caption(
        f"The largest connected regions in the {min(_FRAMES, len(order)):,} frames with most such pixels, of "
        f"{len(order):,} that have any, at the file's own size. Click one to see its frame above."
    )


def _in_frame(measured: MeasuredSplit, name: str, pair: tuple[int, int]) -> list[tuple[str, Region]]:
    frame = cache.frame(session.data_spec(), measured.split, name)
    version = weights_version(measured.result.run.checkpoint)
    found = _find_regions(measured.result.id, version, pair, frame.photo, frame.train_ids)
    return [(name, region) for region in found]


@st.cache_resource(show_spinner=False, max_entries=256)
def _find_regions(
    model: str, version: int, pair: tuple[int, int], photo: np.ndarray, truth: np.ndarray
) -> list[Region]:
    prediction = cache.predict(model, photo)
    return regions.find(truth, prediction.train_ids, prediction.confidence, pair=pair)[:_PER_FRAME]


def crop(measured: MeasuredSplit, name: str, region: Region, info: DataInfo) -> str:
    """Return an outlined region of the frame ``name`` with its surroundings as a ``data:`` URL of a 3:2 image."""
    return _crop(info.spec, measured.split, name, region, 2.0 if frames.is_squashed(info) else 1.0)


@st.cache_data(show_spinner=False, max_entries=512)
def _crop(spec: str, split: Split, name: str, region: Region, stretch: float) -> str:
    frame = cache.frame(spec, split, name)
    height, width = frame.train_ids.shape
    return encode_thumbnail(
        outlined_crop(frame.photo, region.mask, region.box, (height, width), stretch=stretch), quality=88
    )
