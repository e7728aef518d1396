"""Splits and cities side by side: is a model tested on what it learned from?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import streamlit as st

from cityseg.analysis.dataset.frame_table import FrameFilter
from cityseg.analysis.dataset.splits import Ratios, share_ratios, total_variation
from cityseg.api import DataInfo
from cityseg.api.types import SPLITS, Split, joined
from cityseg.classes import CLASS_NAMES
from cityseg.figures.dataset.brightness import percent_of_white
from cityseg.figures.dataset.classes import percent, rarest_first
from cityseg.figures.dataset.splits import city_classes, city_frames, split_ratios, times
from cityseg.ui.app import cache, session
from cityseg.ui.dataset.charts.common import Point, Statistics, chart, is_dark, show_frames, title

_NAMED = 4
"""How many differing classes a sentence names; the chart shows all."""


@dataclass(frozen=True)
class _Comparison:
    reference: Split
    distances: dict[Split, float]
    ratios: dict[Split, Ratios]


def splits_tab(info: DataInfo, counted: Statistics) -> None:
    """Show what each split holds, how the others differ from train, and what each city gives."""
    comparison = _compared(counted)
    left, right = st.columns(2, gap="medium")
    with left:
        title("Splits side by side", "A model learns from train, val chooses its best epoch, test gives the score.")
        st.dataframe(
            _table(info, counted, comparison),
            hide_index=True,
            height="content",
            column_config={split: st.column_config.TextColumn(alignment="right") for split in counted},
            alt="Frames, cities, sizes, labels and light of every split",
        )
        _say_missing(counted)
    with right:
        title("Frames by city", "Click a bar to see its frames.")
        cities = {
            split: {
                str(city): int(number) for city, number in zip(*np.unique(part.cities, return_counts=True), strict=True)
            }
            for split, part in counted.items()
        }
        chart(city_frames(cities), "split_cities", "Number of frames of every city in every split", _to_city)
    order = rarest_first({split: part.share for split, part in counted.items()})
    if comparison.ratios:
        _show_ratios(comparison, order)
    together = joined([*counted.values()])
    if len(together.city_shares) > 1:
        title(
            "What each city has more or less of",
            "Each class's share of the city's labelled pixels, compared with its share in all of them: green is more "
            "than usual, brown is less. An empty cell is a class that the city lacks.",
        )
        chart(
            city_classes(together.city_shares, together.share, order),
            "city_classes",
            "Share of every class in every city, compared with all cities together",
        )


def _compared(counted: Statistics) -> _Comparison:
    reference = next(iter(counted))
    base = counted[reference]
    others = {split: part for split, part in counted.items() if split != reference}
    return _Comparison(
        reference,
        {split: total_variation(part.share, base.share) for split, part in others.items()},
        {split: share_ratios(part.pixels, base.pixels) for split, part in others.items()},
    )


def _table(info: DataInfo, counted: Statistics, comparison: _Comparison) -> Mapping[str, list[str]]:
    sizes = cache.prepared(info.spec)
    table: dict[str, list[str]] = {
        "": [
            "Frames",
            "Cities",
            "Frame size on disk",
            "Classes present",
            "Void, not scored",
            "Objects per frame",
            "Usual brightness",
            f"Differs from {comparison.reference} in",
        ]
    }
    for split, part in counted.items():
        height, width = sizes[split].meta.native_size
        distance = comparison.distances.get(split)
        table[split] = [
            f"{len(part.frames):,}",
            f"{len(set(part.cities)):,}",
            f"{width} × {height} px",
            f"{np.count_nonzero(part.frequency)} of {len(CLASS_NAMES)}",
            percent(part.void_share),
            f"{len(part.objects) / len(part.frames):.0f}",
            f"{np.median(percent_of_white(part.brightness)):.0f} %",
            "–" if distance is None else f"{percent(distance)} of pixels",
        ]
    return table


def _say_missing(counted: Statistics) -> None:
    """Name the classes that a split lacks: nothing can be learned or measured there."""
    said = False
    for split, part in counted.items():
        missing = [name for name, frames in zip(CLASS_NAMES, part.frequency, strict=True) if not frames]
        if missing:
            said = True
            st.warning(
                f"**{split}** has no {', '.join(missing)}: "
                + ("a model cannot learn that." if split == "train" else "a score says nothing about that."),
                icon=":material/search_off:",
            )
    if not said:
        st.caption("Every split holds all 19 classes.")


def _show_ratios(comparison: _Comparison, order: list[int]) -> None:
    reference = comparison.reference
    title(
        f"How the splits differ from {reference}",
        f"On the line, a class has the same share as in {reference}; on the right it has more, on the left less. Thin "
        "lines are 95 % intervals, taking frames as independent: a hollow mark is a difference that chance explains.",
    )
    for split, distance in comparison.distances.items():
        st.markdown(_sentence(split, distance, comparison.ratios[split], reference))
    chart(
        split_ratios(comparison.ratios, reference, order, session.palette(), dark=is_dark()),
        "split_ratios",
        f"Share of every class compared with {reference}, with 95 % intervals",
    )
    st.caption(
        "Pixels that would have to change class: half the sum of the differences between the two splits' class shares "
        "(total variation distance). Frames of one city look alike, so the true intervals are wider."
    )


def _sentence(split: Split, distance: float, ratios: Ratios, reference: Split) -> str:
    """Say how far a split is from the reference, and in which classes most."""
    differing = list(np.flatnonzero(ratios.differs))
    differing.sort(key=lambda index: -abs(np.log(ratios.ratio[index])))
    words = f"**{split}**: {percent(distance)} of its labelled pixels would have to change class to match {reference}"
    if not differing:
        return f"{words}; no single class differs by more than chance."
    named = ", ".join(f"{CLASS_NAMES[index]} ({times(ratios.ratio[index])})" for index in differing[:_NAMED])
    return f"{words}. Beyond chance in {len(differing)} of {len(CLASS_NAMES)} classes, most of all {named}."


def _to_city(point: Point) -> None:
    if not (data := point.get("customdata")):
        return
    show_frames(FrameFilter(splits=tuple(split for split in SPLITS if split == data[0]), cities=(data[1],)))
