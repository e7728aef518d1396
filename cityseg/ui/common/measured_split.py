"""A result on one split: its frames and confusion matrices, and the connected data if it holds the frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cityseg.analysis.comparison.comparability import Basis
from cityseg.analysis.errors.frame_errors import truth_pixels
from cityseg.api import DataInfo, FrameView, Result
from cityseg.api.types import FrameConfusions, Split, resize_label
from cityseg.errors import CitysegError
from cityseg.markdown import escape
from cityseg.ui.app import cache, session


@dataclass(frozen=True)
class MeasuredSplit:
    """A result on one split: N frames in stored order and their (N, 19, 19) int64 matrices, rows = ground truth."""

    result: Result
    split: Split
    names: tuple[str, ...]
    matrices: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """(19, 19) int64 matrix of the whole split."""
        total: np.ndarray = self.matrices.sum(0)
        return total

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) that the result was scored at, None for each label's own size."""
        return Basis.of(self.result.scores.get(self.split, {}), self.split).size

    @classmethod
    def load(cls, result: Result, split: Split) -> MeasuredSplit:
        """Read the stored matrices; raises CitysegError if the file is missing or damaged."""
        stored = stored_confusions(result, split)
        return cls(result, split, stored.frames, stored.matrices)


def confusions_version(result: Result) -> list[tuple[str, int]]:
    """Return path and mtime of the stored matrices, by which Streamlit caches what is computed from a result."""
    return [(str(path), path.stat().st_mtime_ns) for path in sorted(result.run.counts.glob("confusion-*.npz"))]


@st.cache_resource(show_spinner=False, max_entries=8, hash_funcs={Result: confusions_version})
def stored_confusions(result: Result, split: Split) -> FrameConfusions:
    """Read the per-frame matrices of a result, cached; raises what ``Run.confusions`` does."""
    return result.run.confusions(split)


def connected_data(measured: MeasuredSplit, offer: Callable[[], None] | None = None) -> DataInfo | None:
    """Return the connected data if it holds the measured frames; otherwise explain on the page and return None.

    ``offer`` then shows another way on, beside the link to connect the data.
    """
    spec = session.data_spec()
    try:
        info = cache.render_and_describe(spec)
        held = set(measured.names) <= set(cache.frame_names(spec, measured.split))
        if held and _same_truth(measured, cache.frame(spec, measured.split, measured.names[0])):
            return info
        found = f"{escape(info.name)}, which is connected, does not contain them"
    except CitysegError as error:
        found = f"the connected data cannot be opened. {escape(error)}"
    st.info(
        f"The pictures are missing: {escape(measured.result.id)} was measured on the {measured.split} frames of "
        f"{escape(measured.result.measured_on)}, and {found}. All scores are shown nevertheless.",
        icon=":material/hide_image:",
    )
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if offer is not None:
            offer()
        st.page_link("pages/dataset.py", label="Connect the data it was measured on", icon=":material/add_link:")
    return None


def _same_truth(measured: MeasuredSplit, first: FrameView) -> bool:
    """Whether the first frame's labels are those that were evaluated; synthetic datasets repeat frame names."""
    labels = resize_label(first.train_ids, measured.size) if measured.size else first.train_ids
    return bool(np.array_equal(truth_pixels(labels), measured.matrices[0].sum(1)))
