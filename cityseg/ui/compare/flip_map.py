"""The flip map of one frame: what the second of two results fixes and breaks, pixel by pixel and class by class."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import flips as analysis
from cityseg.api import DataInfo, FrameView
from cityseg.classes import CLASS_NAMES
from cityseg.figures import theme
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import session
from cityseg.ui.common import export, frames
from cityseg.ui.common.viewer import Layer, ViewerEvent, viewer

_BLUE, _ORANGE = ((47, 125, 225), (229, 117, 43))
FLIP_CLASSES = tuple(
    zip(analysis.FLIP_NAMES, (_BLUE, _ORANGE, (176, 160, 190), (38, 46, 62)), strict=True),
)
"""The four cases with the colours of better and worse; what did not change is pale or dark."""
_MEANINGS = (
    "Only {second} is right here.",
    "Only {first} is right here.",
    "Neither is right here, be it with the same wrong class or with two.",
    "Both are right here.",
)


def show(
    frame: FrameView, seen: dict[str, np.ndarray], first: str, second: str, info: DataInfo, group: str
) -> ViewerEvent | None:
    """Show the flip map beside the two predictions under one slider, with its shares and classes.

    Args:
        frame: photo and truth.
        seen: (H, W) uint8 train ids by result.
        first: what is compared with.
        second: what is compared.
        info: the connected data.
        group: of the viewers that move together.

    Returns:
        The viewer's event, if there was one in this run.
    """
    flips = analysis.flip_map(frame.train_ids, seen[first], seen[second])
    counts = analysis.flip_counts(flips, frame.train_ids)
    photo = frames.unsquashed(frame.photo, info)
    _shares(analysis.flip_shares(counts), first, second)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Flip map**")
        event = viewer(
            photo,
            [Layer("flip map", flips, classes=FLIP_CLASSES), Layer("truth", frame.train_ids)],
            key="flips_map",
            alt=f"Flip map of frame {frame.name} from {first} to {second}.",
            opacity=0.7,
            navigation=True,
            group=group,
            clicks=False,
        )
        st.caption(f"Blue: {second} fixes what {first} has wrong. Orange: it breaks what {first} has right.")
    with right:
        st.markdown(f"**{first}** | **{second}**")
        viewer(
            photo,
            [Layer(name, seen[name]) for name in (first, second)],
            key="flips_slider",
            alt=f"Frame {frame.name} as {first} and {second} see it.",
            compare=(first, second),
            opacity=0.7,
            group=group,
            clicks=False,
        )
        st.caption(f"Left of the handle {first}, right of it {second}. All pictures share zoom, opacity and classes.")
    _classes(counts, first, second)
    return event


def _shares(shares: analysis.FlipShares, first: str, second: str) -> None:
    """Show the four shares in large figures."""
    if not shares.pixels:
        st.caption("Nothing in this frame is labelled, so there is nothing to compare.")
        return
    values = (shares.fixed, shares.broken, shares.both_wrong, shares.both_right)
    with st.container(horizontal=True, gap="small"):
        for name, value, meaning in zip(analysis.FLIP_NAMES, values, _MEANINGS, strict=True):
            help_text = f"Share of the labelled pixels. {meaning.format(first=first, second=second)}"
            st.metric(name.capitalize(), percent_text(value), help=help_text, width=150)
        net = 100 * (shares.fixed - shares.broken)
        st.metric(
            "Fixed − broken",
            f"{net:+.1f} points".replace("-", "−"),
            help=f"What {second} wins or loses on this frame in pixel accuracy, in percentage points.",
            width=190,
        )


def _classes(counts: np.ndarray, first: str, second: str) -> None:
    """Show which classes won and which paid, the largest change first."""
    net = counts[:, analysis.FIXED] - counts[:, analysis.BROKEN]
    order = [int(i) for i in np.argsort(-np.abs(net), kind="stable") if counts[i].sum()]
    table = pd.DataFrame(
        {
            "class": [CLASS_NAMES[i] for i in order],
            "net": [int(net[i]) for i in order],
            "fixed": [int(counts[i, analysis.FIXED]) for i in order],
            "broken": [int(counts[i, analysis.BROKEN]) for i in order],
            "pixels": [int(counts[i].sum()) for i in order],
        }
    )
    palette, column = session.palette(), st.column_config
    swatches = [f"background-color: {theme.class_color(i, palette=palette)}" for i in order]
    table.insert(0, "color", "")
    with st.expander("Which classes won here, and which paid"):
        st.dataframe(
            table.style.apply(lambda _: swatches, subset=["color"])
            .map(lambda value: f"color: {theme.difference_color(value)}", subset=["net"])
            .format("{:+,}", subset=["net"]),
            hide_index=True,
            height="content",
            column_config={
                "color": column.TextColumn("", width=12),
                "net": column.NumberColumn("fixed − broken", help="In pixels; blue is a win, orange a loss."),
                "fixed": column.NumberColumn(help=f"Pixels of the class that only {second} has right."),
                "broken": column.NumberColumn(help=f"Pixels of the class that only {first} has right."),
                "pixels": column.NumberColumn(help="Labelled pixels of the class in this frame, at the file's size."),
            },
            key="flips_classes",
        )
        export.table(table.drop(columns="color"), f"cityseg-flips-{first}-{second}", "flips_classes", ("net",))
