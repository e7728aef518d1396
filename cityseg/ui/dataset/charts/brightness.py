"""How bright and how contrasty the photos are."""

from __future__ import annotations

import math

import streamlit as st

from cityseg.analysis.dataset.frame_table import DARKEST, FrameFilter
from cityseg.api.types import SPLITS
from cityseg.figures.dataset.brightness import city_brightness, histogram_by_split, percent_of_white
from cityseg.ui.dataset.charts.common import Point, Statistics, chart, show_frames, title


def light_tab(counted: Statistics) -> None:
    """Show brightness and contrast per split, and brightness per city."""
    left, right = st.columns(2, gap="medium")
    with left:
        title(
            "Brightness",
            "How many frames have which mean grey level. Where curves lie apart, a model is tested in another light "
            "than it learned in. Click a mark to see its frames.",
        )
        chart(
            histogram_by_split(
                {split: percent_of_white(part.brightness) for split, part in counted.items()},
                "Mean grey level (white is 100 %)",
            ),
            "light_brightness",
            "Distribution of the frames' brightness per split",
            _to_brightness,
        )
    with right:
        title(
            "Contrast",
            "How far pixels scatter around their frame's mean grey level (standard deviation): fog and dusk are on the "
            "left, hard sun and deep shadow on the right.",
        )
        chart(
            histogram_by_split(
                {split: percent_of_white(part.contrast) for split, part in counted.items()},
                "Spread of a frame's grey levels",
            ),
            "light_contrast",
            "Distribution of the frames' contrast per split",
        )
    title(
        "Brightness by city",
        "Darkest city on top. Half of a city's frames lie within its bar, the usual one at the mark; the colour is the "
        "split's, as above. Click a bar to see its frames, darkest first.",
    )
    chart(city_brightness(counted), "light_cities", "Spread of the brightness of each city's frames", _to_city)
    st.caption("Grey level: 0.299 red + 0.587 green + 0.114 blue (luma, ITU-R BT.601).")


def _to_brightness(point: Point) -> None:
    name, low, high = point["customdata"][:3]
    splits = tuple(split for split in SPLITS if split == name)
    show_frames(FrameFilter(splits=splits, brightness=(math.floor(low), math.ceil(high)), order=DARKEST))


def _to_city(point: Point) -> None:
    if not (data := point.get("customdata")):
        return
    splits = tuple(split for split in SPLITS if split == data[0])
    show_frames(FrameFilter(splits=splits, cities=(data[1],), order=DARKEST))
