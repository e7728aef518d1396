"""The Splits tab: comparison of splits and cities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import streamlit as st

from cityseg.analysis.dataset.splits import Ratios, share_ratios, total_variation
from cityseg.api import DataInfo
from cityseg.api.types import Split, joined
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.brightness import percent_of_white
from cityseg.figures.dataset.classes import percent, rarest_first
from cityseg.figures.dataset.splits import city_classes, city_frames, split_ratios, times
from cityseg.markdown import escape
from cityseg.ui.app import cache, session
from cityseg.ui.dataset.charts import common

_NAMED = 4
"""Number of differing classes listed in a sentence; the chart shows all."""


def show(info: DataInfo, counted: common.Statistics) -> None:
    """Show the contents of each split, their differences from the first one, and the cities."""
    reference, *others = counted
    base = counted[reference]
    distances = {split: total_variation(counted[split].share, base.share) for split in others}
    left, right = st.columns(2, gap="medium")
    with left:
        common.title("Splits", "Models are trained on train; val selects the best epoch; test gives the final score.")
        st.dataframe(
            _table(info, counted, reference, distances),
            hide_index=True,
            height="content",
            column_config={split: st.column_config.TextColumn(alignment="right") for split in counted},
            alt="Frames, cities, sizes, labels and brightness of every split",
        )
        _show_missing(counted)
    together = joined([*counted.values()])
    if any(together.cities):
        with right:
            common.title("Frames by city", "Click a bar to see its frames.")
            cities = {split: Counter(sorted(part.cities)) for split, part in counted.items()}
            alt = "Number of frames of every city in every split"
            common.chart(city_frames(cities), "split_cities", alt, common.show_city)
    order = rarest_first({split: part.share for split, part in counted.items()})
    if others:
        ratios = {split: share_ratios(counted[split].pixels, base.pixels) for split in others}
        _show_ratios(reference, distances, ratios, order)
    if len(together.city_shares) > 1:
        common.title(
            "Class distribution by city",
            "Share of each class in the city's labelled pixels, relative to its share in all cities: green is more, "
            "brown is less. Empty cells are classes that the city lacks.",
        )
        figure = city_classes(together.city_shares, together.share, order)
        common.chart(figure, "city_classes", "Share of every class in every city, relative to all cities together")


def _table(
    info: DataInfo, counted: common.Statistics, reference: Split, distances: Mapping[Split, float]
) -> Mapping[str, list[str]]:
    prepared = cache.prepared(info.spec)
    columns: dict[str, dict[str, str]] = {}
    for split, part in counted.items():
        height, width = prepared[split].meta.native_size
        columns[split] = {
            "Frames": f"{len(part.frames):,}",
            "Cities": f"{len(set(part.cities) - {''}):,}",
            "Frame size on disk": f"{width} × {height} px",
            "Classes present": f"{np.count_nonzero(part.frequency)} of {len(CLASS_NAMES)}",
            "Void": percent(part.void_share),
            "Objects per frame": f"{len(part.objects) / len(part.frames):.0f}",
            "Median brightness": f"{np.median(percent_of_white(part.brightness)):.0f} %",
            f"Differs from {reference} in": f"{percent(distances[split])} of pixels" if split in distances else "–",
        }
    return {"": list(columns[reference]), **{split: list(column.values()) for split, column in columns.items()}}


def _show_missing(counted: common.Statistics) -> None:
    """Warn about classes that a split lacks."""
    for split, part in counted.items():
        if missing := common.absent_classes(part):
            effect = "models cannot learn them" if split == "train" else "scores do not cover them"
            st.warning(f"**{split}** has no {escape(', '.join(missing))}: {effect}.", icon=":material/search_off:")
    if not any(map(common.absent_classes, counted.values())):
        st.caption("Every split contains all 19 classes.")


def _show_ratios(
    reference: Split, distances: Mapping[Split, float], ratios: Mapping[Split, Ratios], order: list[int]
) -> None:
    common.title(
        f"Differences from {reference}",
        f"On the line, a class has the same share as in {reference}; to the right it has more, to the left less. Thin "
        "lines are 95 % intervals with frames as independent samples; hollow marks are not significantly different.  \n"
        "Pixels that would have to change class: half the sum of the absolute differences of the class shares (total "
        "variation distance). Frames of one city are similar, so the true intervals are wider.",
    )
    for split, distance in distances.items():
        st.markdown(_summary(split, distance, ratios[split], reference))
    figure = split_ratios(ratios, reference, order, session.palette(), dark=session.is_dark())
    common.chart(figure, "split_ratios", f"Share of every class relative to {reference}, with 95 % intervals")


def _summary(split: Split, distance: float, ratios: Ratios, reference: Split) -> str:
    """Return the distance of a split from the reference, and the classes that differ most."""
    differing = sorted(np.flatnonzero(ratios.differs), key=lambda index: -abs(np.log(ratios.ratio[index])))
    words = f"**{split}**: {percent(distance)} of its labelled pixels would have to change class to match {reference}"
    if not differing:
        return f"{words}; no class differs significantly."
    named = ", ".join(f"{CLASS_NAMES[index]} ({times(ratios.ratio[index])})" for index in differing[:_NAMED])
    return f"{words}. {len(differing)} of {len(CLASS_NAMES)} classes differ significantly, most of all {named}."
