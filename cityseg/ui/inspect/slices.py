"""Slices tab of the Inspect page: scores by city, brightness, contrast, object size and image row."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cityseg.analysis.errors import ranking_metric, slices
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.analysis.errors.slices import Kind, Slice, SliceScore
from cityseg.api import DataInfo
from cityseg.classes import CLASS_NAMES
from cityseg.figures import theme
from cityseg.figures.slices import slice_intervals
from cityseg.markdown import escape
from cityseg.ui.app import glossary
from cityseg.ui.common import export, tables
from cityseg.ui.common.charts import chart_title
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.inspect import label_audit, slice_filter

_KINDS: dict[Kind, str] = {
    "city": "Frames by the city they were recorded in.",
    "brightness": "Frames in three equal parts by the mean brightness of the photo.",
    "contrast": "Frames in three equal parts by contrast: how far the grey levels of a photo spread.",
    "object size": "Frames in three equal parts by the median size of their objects.",
    "single objects": "The pixels of every frame by the size of the object they belong to, a connected region of one "
    "class in the label. False alarms belong to no object, so only recall is defined.",
    "rows": "The rows of every frame in four equal bands. The road is the nearer the lower it is in the photo.",
}
_CHART = "inspect_slices"


def show(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo | None) -> None:
    """Show the score of every slice with its interval and its number of frames."""
    if metric.metric is None:
        metric = ranking_metric.parse_metric("mean IoU")
    if info is None:
        st.caption("Slices need the frames themselves; connect the data the result was measured on.")
        return
    meaning = "The score is that of all classes, or of one: the one chosen under Worst by, at the top of the page."
    kind = choose_option(
        st.segmented_control, "Cut the split by", list(_KINDS), "cut", "cut", "brightness", help=meaning
    )
    if kind == "single objects":
        metric = slices.recall_of(metric)
    found = _parts(measured, metric, info, kind)
    if found is None:
        return
    whole, *scores = slices.score_slices([Slice("whole split", measured.matrices), *found], metric)
    if not scores:
        st.info(f"No frame of {measured.split} can be cut by this.", icon=":material/filter_alt_off:")
        return
    chart_title(escape(_reading(scores, metric)), _how_to_read(kind, metric))
    sentences = [f"{score.name}: {glossary.score(score.value)} over {score.frames} frames." for score in scores]

    def clicked() -> None:
        points = st.session_state[_CHART].selection.points
        if points:
            slice_filter.choose(kind, str(points[0]["customdata"][0]))
        else:
            slice_filter.clear()

    has_frames = kind in slices.FRAME_KINDS
    export.chart(
        slice_intervals(scores, whole, metric.name, theme.run_color(measured.result.id)),
        _CHART,
        f"{measured.result.id}-{kind.replace(' ', '-')}",
        alt=f"{metric.name} of {measured.result.id} by {kind}. {' '.join(sentences)}",
        on_select=clicked if has_frames else "ignore",
        selection_mode="points",
    )
    if has_frames:
        _slice_buttons(kind, scores)
    _table(scores, metric)


def _slice_buttons(kind: Kind, scores: list[SliceScore]) -> None:
    st.caption("Click a dot or a slice here to see only its frames, worst first, at the top of the page.")
    with st.container(horizontal=True, gap="small"):
        for score in scores:
            st.button(
                f"{escape(score.label)} · {score.frames:,}",
                key=f"inspect_part_{kind}_{score.label}",
                icon=":material/photo_library:",
                type="primary" if slice_filter.is_chosen(kind, score.label) else "secondary",
                on_click=slice_filter.choose,
                args=(kind, score.label),
            )


def _parts(measured: MeasuredSplit, metric: RankingMetric, info: DataInfo, kind: Kind) -> list[Slice] | None:
    """Cut the split; None, after offering the label audit, if that needs counts which only the audit makes."""
    if kind in slices.PIXEL_KINDS:
        found = label_audit.stored(measured)
        if found is None:
            st.info(
                "This needs a pass over every pixel of the split, because the stored counts are those of whole frames. "
                "The label audit makes it on the way.",
                icon=":material/table_rows:",
            )
            label_audit.offer(measured, key="pixels")
            return None
        return slices.rows(found.bands) if kind == "rows" else slices.single_objects(found.sizes)
    return slice_filter.cut(measured, metric, info, kind)


def _reading(scores: list[SliceScore], metric: RankingMetric) -> str:
    """Return a sentence on whether the slices differ, judged by their intervals."""
    if len(scores) == 1:
        return f"All frames belong to one slice, {scores[0].name}, so there is nothing to compare."
    sure = [score for score in scores if score.is_sure]
    if len(sure) < 2:
        return "Fewer than two slices have an interval, so it is open whether they differ."
    best, worst = max(sure, key=lambda score: score.value), min(sure, key=lambda score: score.value)
    ends = f"Lowest: {worst.name} with {worst.value:.3f}; highest: {best.name} with {best.value:.3f}."
    if worst.high < best.low:
        return f"{ends} Their intervals do not touch, so {metric.name} does differ between them."
    return f"{ends} Their intervals overlap, so the difference may be chance."


def _how_to_read(kind: Kind, metric: RankingMetric) -> str:
    whose = "people and vehicles" if metric.train_id is None else CLASS_NAMES[metric.train_id]
    objects = f" Objects are connected regions of {whose}; frames without one are left out."
    is_mean = metric.train_id is None and metric.metric != "pixel_accuracy"
    unequal = " A slice that lacks a class is averaged over fewer classes." if is_mean else ""
    return (
        f"{_KINDS[kind]}{objects if kind == 'object size' else ''} A dot is the {escape(metric.name)} of a slice, "
        "the bar its 95 % bootstrap interval over other frames of the same kind; the dotted line is the whole split. "
        f"An open dot has no interval: fewer than {slices.FEWEST_FRAMES} frames count, or one or two of them "
        f"dominate.{unequal}"
    )


def _table(scores: list[SliceScore], metric: RankingMetric) -> None:
    table = pd.DataFrame(
        {
            "Slice": [score.name for score in scores],
            "Frames": [score.frames for score in scores],
            "Pixels": [score.pixels for score in scores],
            metric.name: [glossary.score(score.value) for score in scores],
            "95 % interval": [score.interval for score in scores],
        }
    )
    meaning = "labelled pixels" if metric.train_id is None else f"pixels of {CLASS_NAMES[metric.train_id]}"
    columns = {
        "Frames": tables.number(format="localized", help="Frames with a score."),
        "Pixels": tables.number(format="localized", help=f"Its {meaning}."),
    }
    tables.show(table, "inspect_slice_table", columns, alt=f"{metric.name} of each slice")
