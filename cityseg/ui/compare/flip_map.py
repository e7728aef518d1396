"""The flip map of one frame: pixels that the candidate fixes and breaks, and the classes they belong to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.analysis.comparison import flips as analysis
from cityseg.api import DataInfo, FrameView
from cityseg.classes import CLASS_NAMES
from cityseg.figures.class_shares import percent_text
from cityseg.markdown import escape
from cityseg.ui.app import glossary
from cityseg.ui.common import frames, tables
from cityseg.ui.common.layout import metric_row
from cityseg.ui.common.viewer import Layer, ViewerEvent, viewer

FLIP_CLASSES = tuple(
    zip(analysis.FLIP_NAMES, ((47, 125, 225), (229, 117, 43), (176, 160, 190), (38, 46, 62)), strict=True)
)
"""The four cases in the colours of better and worse; unchanged pixels are pale or dark."""


def show(
    frame: FrameView, predicted: dict[str, np.ndarray], baseline: str, candidate: str, info: DataInfo, group: str
) -> ViewerEvent | None:
    """Show the flip map beside the two predictions under a slider, its shares, and the classes affected.

    ``predicted`` holds (H, W) uint8 train ids by result, and viewers of one ``group`` move together. Returns the flip
    map's event, if there was one in this run.
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
        st.caption(
            f"Blue: {escape(candidate)} fixes an error of {escape(baseline)}. Orange: it breaks a correct pixel."
        )
    with right:
        st.markdown(f"**{escape(baseline)}** | **{escape(candidate)}**")
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
        st.caption(
            f"Left of the handle {escape(baseline)}, right of it {escape(candidate)}. All pictures share zoom and "
            "opacity."
        )
    _classes(counts, baseline, candidate)
    return event


def _shares(shares: analysis.FlipShares, baseline: str, candidate: str) -> None:
    if not shares.pixels:
        st.caption("This frame has no labelled pixel, so there is nothing to compare.")
        return
    cells = (
        (shares.fixed, f"Only {escape(candidate)} is correct."),
        (shares.broken, f"Only {escape(baseline)} is correct."),
        (shares.both_wrong, "Neither is correct, with the same wrong class or with two."),
        (shares.both_right, "Both are correct."),
    )
    change = f"{glossary.signed(100 * (shares.fixed - shares.broken))} points"
    meaning = f"Change of the pixel accuracy on this frame by {escape(candidate)}, in percentage points."
    metric_row(
        [
            *(
                (name.capitalize(), percent_text(value), f"Share of the labelled pixels. {meaning}")
                for name, (value, meaning) in zip(analysis.FLIP_NAMES, cells, strict=True)
            ),
            ("Fixed − broken", change, meaning),
        ],
        width=160,
    )


def _classes(counts: np.ndarray, baseline: str, candidate: str) -> None:
    """Show the pixels fixed and broken by class, the largest change first."""
    net = counts[:, analysis.FIXED] - counts[:, analysis.BROKEN]
    order = [int(i) for i in np.argsort(-np.abs(net), kind="stable") if counts[i].sum()]
    table = pd.DataFrame(
        {
            "class": [CLASS_NAMES[i] for i in order],
            "net": net[order],
            "fixed": counts[order, analysis.FIXED],
            "broken": counts[order, analysis.BROKEN],
            "pixels": counts[order].sum(1),
        }
    )
    number = tables.number
    with st.expander("Pixels fixed and broken by class"):
        tables.show(
            table,
            "flips_classes",
            {
                "net": number("fixed − broken", help="In pixels; blue is a gain, orange a loss."),
                "fixed": number(help=f"Pixels of the class that only {escape(candidate)} has right."),
                "broken": number(help=f"Pixels of the class that only {escape(baseline)} has right."),
                "pixels": number(help="Labelled pixels of the class in this frame, at the file's size."),
            },
            alt=f"Pixels fixed and broken by class from {baseline} to {candidate}",
            train_ids=order,
            signed=["net"],
            file=f"cityseg-flips-{baseline}-{candidate}",
        )
