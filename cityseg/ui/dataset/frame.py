"""One frame of the connected data: image, class shares and downloads."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cityseg import classes
from cityseg.analysis.dataset.frame_table import FrameTable
from cityseg.api import DataInfo, FrameView
from cityseg.errors import CitysegError
from cityseg.figures.dataset.classes import percent
from cityseg.figures.images.overlay import overlay
from cityseg.figures.images.png import png
from cityseg.markdown import escape
from cityseg.ui.app import cache, session
from cityseg.ui.common import frames
from cityseg.ui.common.class_bars import share_bars
from cityseg.ui.common.frame_navigator import steps
from cityseg.ui.common.viewer import Layer, ViewerEvent, viewer


def show(info: DataInfo, table: FrameTable, index: int, place: int, total: int) -> int:
    """Show the frame at ``index`` of the table with its labels, its class shares and its downloads.

    It is at ``place`` of the filtered list, which has ``total`` frames.

    Returns:
        Steps to move in the list: 1 for next, -1 for previous, else 0.
    """
    name, split = table.names[index], table.splits.item(index)
    try:
        frame = cache.frame(info.spec, split, name)
    except CitysegError as error:
        st.error(f"This frame cannot be shown. {escape(error)}", icon=":material/broken_image:")
        return 0
    event = view(info, frame, "browse", navigation=total > 1)
    origin = f"{escape(frame.city)} · {split}" if frame.city else split
    st.caption(f"**{escape(name)}** · {origin} · frame {place + 1:,} of {total:,}")
    _downloads(info, frame)
    _shares(table, index, split)
    return steps(event)


def view(info: DataInfo, frame: FrameView, key: str, *, navigation: bool = False) -> ViewerEvent | None:
    """Show a frame with its ground truth in a viewer."""
    photo, truth = frames.unsquashed(frame.photo, info), Layer("ground truth", frame.train_ids)
    alt = f"Frame {frame.name} with its ground truth."
    return viewer(photo, [truth], key=key, alt=alt, navigation=navigation, clicks=False)


def _shares(table: FrameTable, index: int, split: str) -> None:
    pixels = table.pixels[table.splits == split].sum(0)
    st.html(share_bars(table.pixels[index], pixels / max(1, pixels.sum()), session.palette()))
    void = table.void[index] / max(1, table.void[index] + table.pixels[index].sum())
    st.caption(
        f"{percent(float(void))} of the frame is void. Mean brightness: {percent(table.brightness[index] / 100)} of "
        "white.",
        help=f"Bars: share of this frame's labelled pixels; ticks: average of the {split} split.",
    )


def _downloads(info: DataInfo, frame: FrameView) -> None:
    """Show download buttons; a file is read or rendered only when it is downloaded."""
    official = info.kind in ("cityscapes", "synthetic")
    ids = "Grey values are the official label ids" + (", as stored." if official else "; void is 0.")
    suffix = frame.files.photo.name.rpartition(".")[2]
    label = frame.files.label.read if official else lambda: png(classes.to_label_ids(frame.train_ids))
    offers: tuple[tuple[str, str, Callable[[], bytes], str], ...] = (
        ("Photo", f"photo.{suffix}", frame.files.photo.read, "The original file."),
        ("Label ids", "labelIds.png", label, ids),
        ("Colours", "color.png", lambda: png(classes.to_color(frame.train_ids)), "Classes in the official colours."),
        ("Overlay", "overlay.png", lambda: png(overlay(frame.photo, frame.train_ids)), "The photo with its classes."),
    )
    with st.container(horizontal=True, gap="small"):
        for title, name, content, meaning in offers:
            st.download_button(
                title,
                content,
                f"{frame.name}_{name}",
                key=f"frame_download_{name.partition('.')[0]}",
                icon=":material/download:",
                help=meaning,
                type="tertiary",
                on_click="ignore",
            )
