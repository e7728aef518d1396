"""What is wrong with the connected files: what their listing shows at once, and what a full check finds."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cityseg import api
from cityseg.api import DataInfo, Verification
from cityseg.api.types import Problem
from cityseg.ui.app import background, cache
from cityseg.ui.common.job_panel import poll, show_end, show_work

_SHOWN = 5


def check(info: DataInfo) -> None:
    """Show what the listing of the connected data lacks, and offer to read every file."""
    listed = cache.dataset(info.spec).problems
    if listed:
        _problems(listed, "The listing shows")

    def is_running() -> bool:
        work = background.find(_key(info.spec))
        return work is not None and work.is_running

    poll(is_running, lambda: _full_check(info.spec), running=is_running())


def left_out(spec: str) -> None:
    """Say which frames the prepared data leaves out, if any."""
    skipped = [path for split in cache.prepared(spec).values() for path in split.meta.skipped]
    if skipped:
        noun, verb = ("frame", "is") if len(skipped) == 1 else ("frames", "are")
        named = ", ".join(_plain(path) for path in skipped[:_SHOWN]) + (", …" if len(skipped) > _SHOWN else "")
        st.info(
            f"{len(skipped):,} {noun} that cannot be used {verb} left out: {named}", icon=":material/playlist_remove:"
        )


def _full_check(spec: str) -> None:
    work = background.find(_key(spec))
    if show_work(work, "Reading every photo and label", key="check", stop="Stop the check"):
        return
    st.button(
        "Check every file",
        icon=":material/fact_check:",
        key="check_begin",
        on_click=_begin,
        args=(spec,),
        help="Reads every photo and every label: damaged files, sizes that differ, unknown label values. Full-size "
        "Cityscapes takes some minutes; the rest of the studio works meanwhile. The same as `cityseg data verify`.",
    )
    if work and show_end(work, f"The check was stopped after {work.done:,} of {work.total:,} frames."):
        verification: Verification = work.result
        if verification.problems:
            _problems(verification.problems, f"Among {verification.frames:,} frames the check found")
        else:
            st.success(f"All {verification.frames:,} frames can be used.", icon=":material/check_circle:")


def _problems(problems: Sequence[Problem], words: str) -> None:
    noun = "problem" if len(problems) == 1 else "problems"
    lines = "\n".join(f"- {_plain(problem.message)}" for problem in problems[:_SHOWN])
    rest = len(problems) - _SHOWN
    more = f"\n\nand {rest:,} more; `cityseg data verify --data …` lists every one." if rest > 0 else ""
    st.warning(f"{words} {len(problems):,} {noun}:\n{lines}{more}", icon=":material/report:")


def _plain(message: str) -> str:
    """Keep file names from being read as Markdown."""
    return "".join(f"\\{letter}" if letter in "\\*_`[]<>$~#|:" else letter for letter in message)


def _begin(spec: str) -> None:
    background.begin(_key(spec), lambda note: api.verify(spec, note))


def _key(spec: str) -> tuple[str, str]:
    return ("verify", spec)
