"""A finished overlay film on the page: it plays, its classes are charted over time, and all of it can be taken away."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import streamlit as st

from cityseg.api import ClipResult
from cityseg.classes import CLASS_NAMES
from cityseg.figures.class_shares import class_shares
from cityseg.figures.video import MOST_LINES, largest, over_time
from cityseg.ui.app import session
from cityseg.ui.common import export

_BARS = 10
_SHARES = [f"{name}_percent" for name in CLASS_NAMES]


@dataclass(frozen=True)
class Film:
    """What came of a clip, in memory.

    Attributes:
        result: figures, and the names of the files it was read from, which are gone.
        film: the overlay, MP4.
        table: a line per frame, CSV.
    """

    result: ClipResult
    film: bytes
    table: bytes

    @classmethod
    def read(cls, result: ClipResult) -> Film:
        """Read the files that ``api.predict_clip`` wrote."""
        return cls(result, result.film.read_bytes(), result.table.read_bytes())

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return len(self.film) + len(self.table)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return self.result.frames

    @cached_property
    def lines(self) -> pd.DataFrame:
        """The table, parsed once."""
        return pd.read_csv(io.BytesIO(self.table))


def show(film: Film, model: str) -> None:
    """Show a film with its figures.

    Args:
        film: what was made.
        model: whose view it is.
    """
    result = film.result
    if result.missing:
        st.warning(
            f"The clip ends early: its head promises {result.frames + result.missing:,} frames, and "
            f"{result.frames:,} could be read. These are shown; copy or export it again for the rest.",
            icon=":material/content_cut:",
        )
    left, right = st.columns([7, 3], gap="medium")
    with left:
        st.video(film.film, loop=True, autoplay=True, muted=True, alt=f"The clip with what {model} sees laid over it.")
        _downloads(film, model)
    with right:
        with st.container(horizontal=True, gap="small"):
            st.metric("Frames", f"{result.frames:,}", help=f"At {result.rate:.3g} a second.", width=80)
            st.metric("Length", f"{result.frames / result.rate:.1f} s", width=80)
            st.metric(
                "Mean confidence",
                f"{100 * film.lines['mean_confidence'].mean():.0f} %",
                help="How probable the model holds the class it chose, averaged over all pixels of all frames. Sure is "
                "not always right.",
                width=135,
            )
        st.markdown(f"**{len(result.shares)} classes seen** :small[:gray[share of the pictures, mean over the clip]]")
        st.plotly_chart(
            class_shares(dict(list(result.shares.items())[:_BARS]), session.palette()),
            key="predict_clip_shares",
            config={"displayModeBar": False},
            alt="Mean share of the pictures by class",
        )
    _over_time(film, model)
    _table(film)


def _downloads(film: Film, model: str) -> None:
    st.markdown(f"**Take it with you** :small[:gray[as {model} sees it, in the official colours]]")
    offers = (
        ("Overlay film", film.film, film.result.film.name, "video/mp4", ":material/movie:"),
        ("Frames as CSV", film.table, film.result.table.name, "text/csv", ":material/table:"),
    )
    with st.container(horizontal=True, gap="small"):
        for words, data, name, mime, icon in offers:
            st.download_button(words, data, name, mime, key=f"clip_{mime}", icon=icon, on_click="ignore")
        st.download_button(
            "Both as zip",
            lambda: zipped({name: data for _, data, name, _, _ in offers}),
            f"{film.result.film.stem.removesuffix('_overlay')}_cityseg.zip",
            "application/zip",
            key="clip_zip",
            icon=":material/folder_zip:",
            type="primary",
            on_click="ignore",
        )


def zipped(files: dict[str, bytes]) -> bytes:
    """Return files by their names as one zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def _over_time(film: Film, model: str) -> None:
    shares = film.lines[_SHARES].to_numpy()
    seconds, confidence = film.lines["second"].to_numpy(), 100 * film.lines["mean_confidence"].to_numpy()
    st.subheader("What comes and goes", anchor=False)
    st.plotly_chart(
        over_time(seconds, shares, confidence, session.palette(), dark=st.context.theme.type == "dark"),
        key="predict_clip_over_time",
        config=export.chart(f"{film.result.table.stem}_over_time"),
        alt="Share of the picture over time of "
        + ", ".join(CLASS_NAMES[place] for place in largest(shares))
        + "; below, the mean confidence over time",
    )
    st.caption(
        f"How to read it: each line is the share of the picture that {model} gives to a class, of the {MOST_LINES} "
        "largest. A line that jumps from one frame to the next while the street does not is the model changing its "
        "mind: every frame is looked at by itself. A click on a name hides its line."
    )


def _table(film: Film) -> None:
    means = film.lines[_SHARES].mean()
    order = [CLASS_NAMES[place] for place in np.argsort(-means.to_numpy(), kind="stable") if means.iloc[place]]
    columns = {"frame": film.lines["frame"], "second": film.lines["second"]}
    columns["confidence"] = 100 * film.lines["mean_confidence"]
    columns |= {name: film.lines[f"{name}_percent"] for name in order}
    with st.expander(f"Frame by frame: {film.frames:,} frames", icon=":material/table:"):
        st.dataframe(
            pd.DataFrame(columns),
            hide_index=True,
            height=360,
            key="predict_clip_table",
            column_config={
                "second": st.column_config.NumberColumn("second", format="%.2f"),
                **{
                    name: st.column_config.NumberColumn(name, format="%.1f %%")
                    for name in columns
                    if name not in ("frame", "second")
                },
            },
        )
        st.caption("Confidence is the mean over the picture; the other columns are shares of it, the largest first.")
