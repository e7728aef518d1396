"""The flip map of one frame: pixels that the candidate fixes and breaks, and the classes they belong to."""

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

FLIP_CLASSES = tuple(
    zip(analysis.FLIP_NAMES, ((47, 125, 225), (229, 117, 43), (176, 160, 190), (38, 46, 62)), strict=True)
)
"""The four cases in the colours of better and worse; unchanged pixels are pale or dark."""


def show(
    frame: FrameView, predicted: dict[str, np.ndarray], baseline: str, candidate: str, info: DataInfo, group: str
) -> ViewerEvent | None:
    """Show the flip map beside the two predictions under a slider, its shares, and the classes affected.

    Args:
        frame: photo and ground truth.
        predicted: (H, W) uint8 train ids by result.
        baseline: name of the first result.
        candidate: name of the second.
        info: the connected data.
        group: viewers that move together.

    Returns:
        The flip map's event, if there was one in this run.
    """
    flips = analysis.flip_map(frame.train_ids, predicted[baseline], predicted[candidate])
    counts = analysis.flip_counts(flips, frame.train_ids)
    photo = frames.unsquashed(frame.photo, info)
    _shares(analysis.flip_shares(counts), baseline, candidate)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Flip map**")
        event = viewer(
            photo,
            [Layer("flip map", flips, classes=FLIP_CLASSES), Layer("ground truth", frame.train_ids)],
            key="flips_map",
            alt=f"Flip map of frame {frame.name} from {baseline} to {candidate}.",
            opacity=0.7,
            navigation=True,
            group=group,
            clicks=False,
        )
        st.caption(f"Blue: {candidate} fixes an error of {baseline}. Orange: it breaks a correct pixel.")
    with right:
        st.markdown(f"**{baseline}** | **{candidate}**")
        viewer(
            photo,
            [Layer(name, predicted[name]) for name in (baseline, candidate)],
            key="flips_slider",
            alt=f"Frame {frame.name} as {baseline} and {candidate} predict it.",
            compare=(baseline, candidate),
            opacity=0.7,
            group=group,
            clicks=False,
        )
        st.caption(f"Left of the handle {baseline}, right of it {candidate}. All pictures share zoom and opacity.")
    _classes(counts, baseline, candidate)
    return event


def _shares(shares: analysis.FlipShares, baseline: str, candidate: str) -> None:
    """Show the four shares as metrics."""
    if not shares.pixels:
        st.caption("This frame has no labelled pixel, so there is nothing to compare.")
        return
    cells = (
        (shares.fixed, f"Only {candidate} is correct."),
        (shares.broken, f"Only {baseline} is correct."),
        (shares.both_wrong, "Neither is correct, with the same wrong class or with two."),
        (shares.both_right, "Both are correct."),
    )
    with st.container(horizontal=True, gap="small"):
        for name, (value, meaning) in zip(analysis.FLIP_NAMES, cells, strict=True):
            st.metric(
                name.capitalize(), percent_text(value), help=f"Share of the labelled pixels. {meaning}", width=150
            )
        st.metric(
            "Fixed − broken",
            f"{100 * (shares.fixed - shares.broken):+.1f} points".replace("-", "−"),
            help=f"Change of the pixel accuracy on this frame by {candidate}, in percentage points.",
            width=190,
        )


def _classes(counts: np.ndarray, baseline: str, candidate: str) -> None:
    """Show the pixels fixed and broken by class, the largest change first."""
    net = counts[:, analysis.FIXED] - counts[:, analysis.BROKEN]
    order = [int(i) for i in np.argsort(-np.abs(net), kind="stable") if counts[i].sum()]
    table = pd.DataFrame(
        {
            "color": "",
            "class": [CLASS_NAMES[i] for i in order],
            "net": net[order],
            "fixed": counts[order, analysis.FIXED],
            "broken": counts[order, analysis.BROKEN],
            "pixels": counts[order].sum(1),
        }
    )
    palette, column = session.palette(), st.column_config
    swatches = [f"background-color: {theme.class_color(i, palette=palette)}" for i in order]
    with st.expander("Pixels fixed and broken by class"):
        st.dataframe(
            table.style.apply(lambda _: swatches, subset=["color"])
            .map(lambda value: f"color: {theme.difference_color(value)}", subset=["net"])
            .format("{:+,}", subset=["net"]),
            hide_index=True,
            height="content",
            column_config={
                "color": column.TextColumn("", width=12),
                "net": column.NumberColumn("fixed − broken", help="In pixels; blue is a gain, orange a loss."),
                "fixed": column.NumberColumn(help=f"Pixels of the class that only {candidate} has right."),
                "broken": column.NumberColumn(help=f"Pixels of the class that only {baseline} has right."),
                "pixels": column.NumberColumn(help="Labelled pixels of the class in this frame, at the file's size."),
            },
            key="flips_classes",
        )
        export.table(table.drop(columns="color"), f"cityseg-flips-{baseline}-{candidate}", "flips_classes", ("net",))
