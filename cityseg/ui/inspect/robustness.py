"""Other cameras: what is left of a result's score when its frames look as another camera would show them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from cityseg import api
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.api import DataInfo, Robustness
from cityseg.errors import CitysegError
from cityseg.figures import robustness as figures
from cityseg.figures import theme
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import glossary, session
from cityseg.ui.common import export, job_panel
from cityseg.ui.common.measured_split import MeasuredSplit


def show(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None) -> None:
    """Show the score under every change, or the way to it."""
    found = _stored(subject)
    if found is None:
        st.markdown(
            "**Will it do on another car?** A model is scored on frames of the camera it was trained with. Here every "
            f"frame of {subject.split} is changed as another camera would show it, one change at a time: light, "
            "colour, sharpness, noise, lens and tilt; what is left of the score says how far to trust the model "
            "elsewhere."
        )
        if info is None:
            st.caption("This needs the frames themselves; connect the data the result was measured on.")
        else:
            _offer(subject)
        return
    values = [each.f1[0] for each in found.changed]
    worst = min(found.changed, key=lambda each: each.f1[0])
    st.markdown(
        f"**{percent_text(found.retained)} of the macro F1 is left on average: {found.mean_f1:.3f} of "
        f"{found.plain.f1[0]:.3f}.** It bears least: {worst.name} ({worst.words}), {worst.f1[0]:.3f}."
    )
    st.plotly_chart(
        figures.robustness(
            [each.name for each in found.changed],
            [each.words for each in found.changed],
            values,
            [_ends(each.f1) for each in found.changed],
            found.plain.f1[0],
            theme.run_color(subject.result.id),
        ),
        key="inspect_robustness",
        config={"displayModeBar": False},
        alt=f"Macro F1 of {subject.result.id} under each change. "
        + " ".join(f"{each.name}: {each.f1[0]:.3f}." for each in found.changed),
    )
    st.caption(
        f"Bars: macro F1 over {found.frames:,} frames of {found.split} at {glossary.size(found.size)}, all changed "
        "alike; thin lines: its 95 % interval (bootstrap over the frames). Streets of other countries differ in more "
        "than their cameras; what that costs, only labelled frames from there can tell."
    )
    table = _table(found)
    st.dataframe(table, hide_index=True, height="content", key="inspect_robustness_table")
    export.table(table, f"{subject.result.id}-{found.split}-robustness", "robustness")


def _offer(subject: MeasuredSplit) -> None:
    model, spec, split = subject.result.id, session.data_spec(), subject.split
    job_panel.offer(
        ("robustness", spec, model, split),
        lambda note: api.measure_robustness(model, spec, split, on_progress=note),
        key="robustness",
        label=f"Change and score {len(subject.names):,} frames",
        icon=":material/photo_camera:",
        title=f"{model} looks at changed frames of {split}",
        meaning="The model predicts the split fifteen times, beside the page, which takes minutes on a processor. The "
        "result is kept. The same as `cityseg robustness`.",
        stale=f"The frames were scored, but {model} has other weights by now, or was measured on other labels than "
        "those connected. Connect the data it was measured on, or score them once more.",
    )


def _stored(subject: MeasuredSplit) -> Robustness | None:
    """Return the figures of the result's present weights on this split's frames, if there are any."""
    fingerprint = str(subject.result.scores.get(subject.split, {}).get("fingerprint", ""))
    try:
        run = subject.result.run
        files = [file for file in api.robustness_files(run, subject.split) if file.is_file()]
        versions = tuple(file.stat().st_mtime_ns for file in (*files, run.checkpoint / "model.safetensors"))
    except (CitysegError, OSError):
        # A run that is being deleted.
        return None
    return _read(subject.result.id, subject.split, fingerprint, versions) if files else None


@st.cache_data(show_spinner=False, max_entries=16)
def _read(model: str, split: Any, fingerprint: str, versions: tuple[int, ...]) -> Robustness | None:
    return api.find_robustness(model, split, fingerprint)


def _ends(score: tuple[float, float | None, float | None]) -> tuple[float, float] | None:
    _, low, high = score
    return None if low is None or high is None else (low, high)


def _table(found: Robustness) -> pd.DataFrame:
    rows = (found.plain, *found.changed)
    intervals = [_ends(each.f1) for each in rows]
    return pd.DataFrame(
        {
            "Change": [each.name or "none" for each in rows],
            "What is done": [each.words for each in rows],
            "Macro F1": [glossary.score(each.f1[0]) for each in rows],
            "95 % interval": [f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else "too few to tell" for ends in intervals],
            "Mean IoU": [glossary.score(each.iou[0]) for each in rows],
        }
    )
