"""Scores of parts of a split: where, in which light, at which size and distance a result does worse."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cityseg.analysis.errors import ranking_metric, slices
from cityseg.analysis.errors.ranking_metric import RankingMetric
from cityseg.analysis.errors.slices import Kind, Slice, SliceScore
from cityseg.api import DataInfo
from cityseg.classes import CLASS_NAMES
from cityseg.errors import CitysegError
from cityseg.figures import theme
from cityseg.figures.slices import slice_intervals
from cityseg.ui.app import glossary
from cityseg.ui.common.measured_split import MeasuredSplit
from cityseg.ui.inspect import label_audit, slice_filter

_KINDS: dict[Kind, str] = {
    "city": "Frames by the city they were recorded in.",
    "brightness": "Frames in three equal parts by the mean brightness of the photo.",
    "contrast": "Frames in three equal parts by contrast: how far the grey levels of a photo spread.",
    "object size": "Frames in three equal parts by the median size of their objects.",
    "single objects": "The pixels of every frame by the size of the object they belong to, a connected region of one "
    "class in the label. What is called a class by mistake belongs to no object, so only recall can be told: the "
    "share that was found.",
    "rows": "The rows of every frame in four equal bands. A street lies the nearer the lower it is in the picture.",
}
_CUT = "cut"


def show(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo | None) -> None:
    """Show the score of every slice with its interval and its number of frames."""
    if measure.metric is None:
        measure = ranking_metric.parse_metric("mean IoU")
    if info is None:
        st.caption("Slices need the frames themselves; connect the data the result was measured on.")
        return
    kind: Kind = (
        st.segmented_control(
            "Cut the split by",
            list(_KINDS),
            key=_CUT,
            bind="query-params",
            default="brightness",
            required=True,
            help="The score is that of all classes, or of one: the one chosen under Worst by, at the top of the page.",
        )
        or "brightness"
    )
    if kind == "single objects":
        measure = slices.recall_of(measure)
    found = _parts(subject, measure, info, kind)
    if found is None:
        return
    whole, *scores = slices.score_slices([Slice("whole split", subject.matrices), *found], measure)
    if not scores:
        st.info(f"No frame of {subject.split} can be cut by this.", icon=":material/filter_alt_off:")
        return
    st.markdown(f"**{_reading(scores, measure)}**")
    color = theme.run_color(subject.result.id)
    key = "inspect_slices"

    def clicked() -> None:
        points = st.session_state[key].selection.points
        if points:
            slice_filter.choose(kind, str(points[0]["customdata"][0]))
        else:
            slice_filter.clear()

    leads = kind in slices.FRAME_KINDS
    st.plotly_chart(
        slice_intervals(scores, whole, measure.name, color),
        key=key,
        config={"displayModeBar": False},
        on_select=clicked if leads else "ignore",
        selection_mode="points",
        alt=f"{measure.name} of {subject.result.id} by {kind}. " + " ".join(map(_sentence, scores)),
    )
    st.caption(_how_to_read(kind, measure))
    if leads:
        _ways(kind, scores)
    _table(scores, measure)


def _ways(kind: Kind, scores: list[SliceScore]) -> None:
    """Lead to the frames of each slice."""
    st.caption("Click a dot, or a slice here, to walk through its frames alone, worst first, at the top of the page.")
    with st.container(horizontal=True, gap="small"):
        for score in scores:
            st.button(
                f"{score.label} · {score.frames:,}",
                key=f"inspect_part_{kind}_{score.label}",
                icon=":material/photo_library:",
                type="primary" if slice_filter.is_chosen(kind, score.label) else "secondary",
                on_click=slice_filter.choose,
                args=(kind, score.label),
            )


def _parts(subject: MeasuredSplit, measure: RankingMetric, info: DataInfo, kind: Kind) -> list[Slice] | None:
    """Cut the split; None while what that needs is not there, which is then said."""
    if kind in slices.PIXEL_KINDS:
        found = label_audit.stored(subject)
        if found is None:
            st.info(
                "This needs every pixel of the split once more; the counts of whole frames do not know where a pixel "
                "lies. The label audit looks through all frames and counts this on the way.",
                icon=":material/table_rows:",
            )
            label_audit.offer(subject, key="pixels")
            return None
        return slices.rows(found.bands) if kind == "rows" else slices.single_objects(found.sizes)
    try:
        return slice_filter.cut(subject, measure, info, kind)
    except CitysegError as error:
        st.error(f"The split cannot be cut. {error}", icon=":material/error:")
        return None


def _reading(scores: list[SliceScore], measure: RankingMetric) -> str:
    """Say in a sentence whether the slices differ, as far as their intervals tell."""
    if len(scores) == 1:
        return f"All frames belong to one slice, {scores[0].name}, so there is nothing to compare."
    sure = [score for score in scores if score.is_sure]
    if len(sure) < 2:
        return "Fewer than two slices have an interval, so it cannot be said whether they differ."
    best, worst = max(sure, key=lambda score: score.value), min(sure, key=lambda score: score.value)
    ends = f"Lowest: {worst.name} with {worst.value:.3f}; highest: {best.name} with {best.value:.3f}."
    if worst.high < best.low:
        return f"{ends} Their intervals do not touch, so {measure.name} does differ between them."
    return f"{ends} Their intervals overlap, so the difference may be chance."


def _sentence(score: SliceScore) -> str:
    return f"{score.name}: {glossary.score(score.value)} over {score.frames} frames."


def _how_to_read(kind: Kind, measure: RankingMetric) -> str:
    whose = "people and vehicles" if measure.train_id is None else CLASS_NAMES[measure.train_id]
    objects = f" Objects are connected regions of {whose}; frames without one are left out."
    unequal = (
        " A slice that lacks a class is averaged over fewer classes; a class in only a few frames widens the interval."
    ) * (measure.train_id is None and measure.metric != "pixel_accuracy")
    return (
        f"{_KINDS[kind]}{objects if kind == 'object size' else ''} A dot is the {measure.name} of a slice, the bar "
        "its 95 % bootstrap interval: how far the score would move with other frames of the same kind. The dotted line "
        f"is the whole split. An open dot has no interval: fewer than {slices.FEWEST_FRAMES} frames count, or one or "
        f"two of them dominate.{unequal}"
    )


def _table(scores: list[SliceScore], measure: RankingMetric) -> None:
    table = pd.DataFrame(
        {
            "Slice": [score.name for score in scores],
            "Frames": [score.frames for score in scores],
            "Pixels": [score.pixels for score in scores],
            measure.name: [glossary.score(score.value) for score in scores],
            "95 % interval": [score.interval for score in scores],
        }
    )
    number = st.column_config.NumberColumn
    meaning = "labelled pixels" if measure.train_id is None else f"pixels of {CLASS_NAMES[measure.train_id]}"
    st.dataframe(
        table,
        hide_index=True,
        key="inspect_slice_table",
        column_config={
            "Frames": number(format="localized", help="Frames the score rests on."),
            "Pixels": number(format="localized", help=f"Its {meaning}, at the model's size."),
        },
    )
