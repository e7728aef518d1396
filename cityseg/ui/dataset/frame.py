"""One frame of the connected data, large: its picture, what it holds, and its files."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import streamlit as st

from cityseg import classes
from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import DataInfo, FrameView
from cityseg.api.types import Split
from cityseg.errors import CitysegError
from cityseg.figures.dataset.classes import percent
from cityseg.figures.images.overlay import overlay
from cityseg.figures.images.png import png
from cityseg.ui.app import cache, session
from cityseg.ui.common import frames
from cityseg.ui.common.class_bars import share_bars
from cityseg.ui.common.viewer import Layer, viewer


def show(info: DataInfo, catalogue: FrameTable, index: int, place: int, of: int) -> int:
    """Show a frame with its labels, its class shares and its downloads.

    Args:
        info: the connected data.
        catalogue: all its frames.
        index: position of the frame in the catalogue.
        place: its position among the frames that are listed.
        of: how many are listed; with more than one, previous and next are offered.

    Returns:
        Steps to go in the list: 1 for next, -1 for previous, else 0.
    """
    name, split = catalogue.names[index], cast("Split", str(catalogue.splits[index]))
    try:
        frame = cache.frame(info.spec, split, name)
    except CitysegError as error:
        st.error(f"This frame cannot be shown. {error}", icon=":material/broken_image:")
        return 0
    event = viewer(
        frames.unsquashed(frame.photo, info),
        [Layer("truth", frame.train_ids)],
        key="browse",
        alt=f"Frame {name} with its true classes.",
        navigation=of > 1,
        clicks=False,
    )
    st.caption(f"**{name}** · {frame.city} · {split} · frame {place + 1:,} of the {of:,} listed")
    _downloads(info, frame)
    _shares(catalogue, index, split)
    if event is None or event.kind == "click":
        return 0
    return 1 if event.kind == "next" else -1


def _shares(catalogue: FrameTable, index: int, split: Split) -> None:
    same = catalogue.splits == split
    pixels = catalogue.pixels[same].sum(0)
    st.html(share_bars(catalogue.pixels[index], pixels / max(1, pixels.sum()), session.palette()))
    void = catalogue.void[index] / max(1, catalogue.void[index] + catalogue.pixels[index].sum())
    light = percent(catalogue.brightness[index] / 100)
    st.caption(
        f"Bars: this frame; ticks: what is usual in the {split} split. {percent(float(void))} of this frame carries no "
        f"label that is scored. Its mean brightness is {light} of white."
    )


def _downloads(info: DataInfo, frame: FrameView) -> None:
    """Offer the frame's files; each is read or drawn only when it is asked for."""
    official = info.kind in ("cityscapes", "synthetic")
    ids = "Grey values are the official label ids" + (", as stored." if official else "; what is not scored is 0.")
    suffix = frame.files.photo.name.rpartition(".")[2]
    offers: tuple[tuple[str, str, Callable[[], bytes], str], ...] = (
        ("Photo", f"photo.{suffix}", frame.files.photo.read, "The file as it is stored."),
        (
            "Label ids",
            "labelIds.png",
            frame.files.label.read if official else lambda: png(classes.to_label_ids(frame.train_ids)),
            ids,
        ),
        (
            "Colours",
            "color.png",
            lambda: png(classes.to_color(frame.train_ids)),
            "The scored classes in the official colours.",
        ),
        ("Overlay", "overlay.png", lambda: png(overlay(frame.photo, frame.train_ids)), "The photo under its classes."),
    )
    with st.container(horizontal=True, gap="small"):
        for words, kind, make, meaning in offers:
            st.download_button(
                words,
                make,
                f"{frame.name}_{kind}",
                key=f"frame_download_{kind.partition('.')[0]}",
                icon=":material/download:",
                help=meaning,
                type="tertiary",
                on_click="ignore",
            )
