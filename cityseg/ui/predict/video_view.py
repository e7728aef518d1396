"""A finished overlay video on the Predict page: player, class shares over time, table and downloads."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import streamlit as st

from cityseg.api import VideoResult
from cityseg.classes import CLASS_NAMES
from cityseg.figures.class_shares import class_shares
from cityseg.figures.video import MAX_LINES, largest_classes, shares_over_time
from cityseg.markdown import escape
from cityseg.ui.app import session
from cityseg.ui.common import export
from cityseg.ui.common.charts import plain_chart
from cityseg.ui.predict.downloads import Download, buttons, zipped

_BARS = 10
_SHARES = [f"{name}_percent" for name in CLASS_NAMES]


@dataclass(frozen=True)
class OverlayVideo:
    """A finished overlay video (MP4) in memory with a table (CSV) of its frames.

    The files that ``result`` names are deleted. ``name`` is the base name of downloads.
    """

    result: VideoResult
    name: str
    video: bytes
    table: bytes

    @classmethod
    def read(cls, result: VideoResult, name: str) -> OverlayVideo:
        """Read the files written by ``api.predict_video``."""
        return cls(result, name, result.video.read_bytes(), result.table.read_bytes())

    @property
    def size(self) -> int:
        """Memory in bytes."""
        return len(self.video) + len(self.table)

    @cached_property
    def frames(self) -> pd.DataFrame:
        """The parsed table."""
        return pd.read_csv(io.BytesIO(self.table))


def show(video: OverlayVideo, model: str) -> None:
    """Show an overlay video of a model with its figures."""
    result, frames = video.result, video.frames
    if result.missing:
        st.warning(
            f"The video is incomplete: {result.frames:,} of {result.frames + result.missing:,} frames could be read. "
            "Copy or export it again for the rest.",
            icon=":material/content_cut:",
        )
    for remark in result.remarks:
        st.info(remark, icon=":material/info:")
    left, right = st.columns([7, 3], gap="medium")
    with left:
        st.video(video.video, loop=True, autoplay=True, muted=True, alt=f"The video with the prediction of {model}.")
        _downloads(video, model)
    with right:
        with st.container(horizontal=True, gap="small"):
            st.metric("Frames", f"{result.frames:,}", help=f"On average {result.rate:.3g} per second.", width=80)
            st.metric("Length", f"{result.seconds:.1f} s", width=80)
            confidence = f"{100 * frames['mean_confidence'].mean():.0f} %"
            meaning = "Probability of the predicted class, averaged over all frames. A confident model can be wrong."
            st.metric("Mean confidence", confidence, help=meaning, width=135)
        st.markdown(f"**{len(result.shares)} classes** :small[:gray[mean share over the frames]]")
        plain_chart(
            class_shares(dict(list(result.shares.items())[:_BARS]), session.palette()),
            "predict_clip_shares",
            "Mean share of the frames by class",
        )
    _over_time(video, model)
    _frame_table(frames)


def _downloads(video: OverlayVideo, model: str) -> None:
    files = [(f"{video.name}_overlay.mp4", video.video), (f"{video.name}_classes.csv", video.table)]
    downloads = [
        Download("Overlay video", files[0][0], "movie", video.video),
        Download("Frames as CSV", files[1][0], "table", video.table),
        Download("Both as zip", f"{video.name}_cityseg.zip", "folder_zip", lambda: zipped(files)),
    ]
    buttons(f"prediction of {model}, in the official colours", downloads, "clip")


def _over_time(video: OverlayVideo, model: str) -> None:
    shares, seconds = video.frames[_SHARES].to_numpy(), video.frames["second"].to_numpy()
    confidence = 100 * video.frames["mean_confidence"].to_numpy()
    how_to_read = (
        f"The share of the image that {escape(model)} predicts as each of the {MAX_LINES} largest classes. A line that "
        "jumps while the scene does not shows an unstable prediction. Click a name to hide its line."
    )
    st.header("Class shares over time", anchor=False, help=how_to_read)
    export.chart(
        shares_over_time(seconds, shares, confidence, session.palette(), dark=session.is_dark()),
        "predict_clip_over_time",
        f"{video.name}_classes_over_time",
        alt="Share of the image over time of "
        + ", ".join(CLASS_NAMES[index] for index in largest_classes(shares))
        + "; below, the mean confidence over time",
    )


def _frame_table(frames: pd.DataFrame) -> None:
    means = frames[_SHARES].mean().sort_values(ascending=False, kind="stable")
    columns = {"frame": frames["frame"], "second": frames["second"], "confidence": 100 * frames["mean_confidence"]}
    columns |= {column.removesuffix("_percent"): frames[column] for column in means.index[means > 0]}
    percent, second = (st.column_config.NumberColumn(format=text) for text in ("%.1f %%", "%.2f"))
    with st.expander(f"Frame by frame: {len(frames):,} frames", icon=":material/table:"):
        st.dataframe(
            pd.DataFrame(columns),
            hide_index=True,
            height=360,
            key="predict_clip_table",
            alt="Confidence and class shares frame by frame",
            column_config={**dict.fromkeys(list(columns)[2:], percent), "second": second},
        )
        st.caption("Confidence is the mean over the image; the other columns are class shares, the largest first.")
