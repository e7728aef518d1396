"""Robustness tab of the Inspect page: scores under image corruptions."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cityseg import api
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.api import DataInfo, Robustness
from cityseg.figures import robustness as figures
from cityseg.figures import theme
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import glossary
from cityseg.ui.common import export, tables
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.inspect.stored_findings import offer_pass, stored_finding


def show(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> None:
    """Show the score under each corruption, or the button that measures it."""
    found = stored_finding(measured, api.robustness_files, api.find_robustness)
    if found is None:
        st.markdown(
            "**How does the model do with another camera?** The scores of a result come from the camera it was trained "
            f"with. Here every frame of {measured.split} is corrupted in light, colour, sharpness, noise, lens or "
            "tilt, one at a time; the remaining score shows how far to trust the model elsewhere."
        )
        if info is None:
            st.caption("Measuring it needs the frames; connect the data the result was measured on.")
            return
        offer_pass(
            measured,
            api.measure_robustness,
            key="robustness",
            label=f"Measure robustness on {len(measured.names):,} frames",
            icon=":material/photo_camera:",
            title=f"{measured.result.id} predicts corrupted frames of {measured.split}",
            meaning="The model predicts the split fifteen times in the background, which takes minutes on a CPU. The "
            "result is stored. Equivalent to `cityseg robustness`.",
        )
        return
    file = f"{measured.result.id}-{found.split}-robustness"
    worst = min(found.changed, key=lambda each: each.f1[0])
    st.markdown(
        f"**Mean macro F1 {found.mean_f1:.3f} of {found.plain.f1[0]:.3f}: {percent_text(found.retained)} retained.** "
        f"Lowest: {worst.name} ({worst.words}), {worst.f1[0]:.3f}.",
        help=f"Bars: macro F1 over {found.frames:,} frames of {found.split} at {glossary.scored_size(found.size)}, all "
        "corrupted in the same way; thin lines: 95 % interval (bootstrap over the frames).",
    )
    export.chart(
        figures.robustness(
            [(x.name, x.words, x.f1) for x in found.changed], found.plain.f1[0], theme.run_color(measured.result.id)
        ),
        "inspect_robustness",
        file,
        alt=f"Macro F1 of {measured.result.id} under each corruption. "
        + " ".join(f"{each.name}: {each.f1[0]:.3f}." for each in found.changed),
    )
    tables.show(_table(found), "inspect_robustness_table", alt="Scores under each corruption", file=file)


def _table(found: Robustness) -> pd.DataFrame:
    rows = (found.plain, *found.changed)
    return pd.DataFrame(
        {
            "Corruption": [each.name or "none" for each in rows],
            "Description": [each.words for each in rows],
            "Macro F1": [glossary.score(each.f1[0]) for each in rows],
            "95 % interval": [
                "too few frames" if low is None else f"{low:.3f} to {high:.3f}" for _, low, high in (x.f1 for x in rows)
            ],
            "Mean IoU": [glossary.score(each.iou[0]) for each in rows],
        }
    )
