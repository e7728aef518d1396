"""Problems of the connected files: from the file listing, and from a full verification."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo, Verification
from cityseg.api.types import Problem
from cityseg.markdown import escape
from cityseg.ui.app import background, cache
from cityseg.ui.common.job_panel import poll, show_end, show_work

_SHOWN = 5


def check(info: DataInfo) -> None:
    """Show the problems of the file listing, and a button that verifies every file."""
    if listed := cache.dataset(info.spec).problems:
        _show(listed, "The file listing has")

    is_running = partial(background.is_running, ("verify", info.spec))
    poll(is_running, partial(_verification, info.spec), running=is_running())


def doubts(spec: str) -> None:
    """Show the warnings about whole splits of the prepared data, if any."""
    for split in cache.prepared(spec).values():
        for warning in split.meta.warnings:
            st.warning(escape(warning), icon=":material/report:")


def left_out(spec: str) -> None:
    """Show which frames the prepared data leaves out, if any."""
    skipped = [path for split in cache.prepared(spec).values() for path in split.meta.skipped]
    if skipped:
        subject = "1 unusable frame is" if len(skipped) == 1 else f"{len(skipped):,} unusable frames are"
        listed = ", ".join(escape(path) for path in skipped[:_SHOWN]) + (", …" if len(skipped) > _SHOWN else "")
        st.info(f"{subject} left out: {listed}", icon=":material/playlist_remove:")


def _verification(spec: str) -> None:
    work = background.find(("verify", spec))
    if show_work(work, "Reading every photo and label", key="check", stop="Stop verification"):
        return
    st.button(
        "Verify every file",
        icon=":material/fact_check:",
        key="check_begin",
        on_click=background.begin,
        args=(("verify", spec), partial(api.verify, spec)),
        help="Reads every photo and label and reports damaged files, size mismatches and unknown label values. "
        "Full-size Cityscapes takes some minutes, in the background. Same as `cityseg data verify`.",
    )
    if work and show_end(work, f"Verification stopped after {work.done:,} of {work.total:,} frames."):
        verification: Verification = work.result
        if verification.problems:
            _show(verification.problems, f"Verification of {verification.frames:,} frames found")
        else:
            st.success(f"All {verification.frames:,} frames are valid.", icon=":material/check_circle:")


def _show(problems: Sequence[Problem], words: str) -> None:
    noun = "problem" if len(problems) == 1 else "problems"
    lines = "\n".join(f"- {escape(problem.message)}" for problem in problems[:_SHOWN])
    rest = len(problems) - _SHOWN
    more = f"\n\nand {rest:,} more; `cityseg data verify --data …` lists all." if rest > 0 else ""
    st.warning(f"{words} {len(problems):,} {noun}:\n{lines}{more}", icon=":material/report:")
