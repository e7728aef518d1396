"""The Brightness and contrast tab."""

from __future__ import annotations

import math
from functools import partial

import streamlit as st

from cityseg.analysis.dataset.frame_table import DARKEST, FrameFilter
from cityseg.api import DataInfo
from cityseg.figures.dataset.brightness import city_brightness, histogram_by_split, percent_of_white
from cityseg.ui.dataset.charts import common


def show(_info: DataInfo, counted: common.Statistics) -> None:
    """Show brightness and contrast per split, and brightness per city."""
    left, right = st.columns(2, gap="medium")
    with left:
        common.title(
            "Brightness",
            "Distribution of the frames' mean grey level. Where the curves differ, a model is tested under other light "
            "than it was trained with. Click a mark to see its frames.  \n"
            "Grey level: 0.299 red + 0.587 green + 0.114 blue (luma, ITU-R BT.601).",
        )
        values = {split: percent_of_white(part.brightness) for split, part in counted.items()}
        figure = histogram_by_split(values, "Mean grey level (white is 100 %)")
        common.chart(figure, "light_brightness", "Distribution of the frames' brightness per split", _to_brightness)
    with right:
        common.title(
            "Contrast",
            "Distribution of the standard deviation of the grey levels within a frame: fog and dusk on the left, hard "
            "sunlight and deep shadows on the right.",
        )
        values = {split: percent_of_white(part.contrast) for split, part in counted.items()}
        figure = histogram_by_split(values, "Standard deviation of a frame's grey levels")
        common.chart(figure, "light_contrast", "Distribution of the frames' contrast per split")
    if any(city for part in counted.values() for city in part.cities):
        common.title(
            "Brightness by city",
            "Darkest city first. The bar covers the middle half of a city's frames, the mark is the median, and the "
            "colour is that of the split. Click a bar to see its frames, darkest first.",
        )
        alt = "Distribution of the brightness of each city's frames"
        common.chart(city_brightness(counted), "light_cities", alt, partial(common.show_city, order=DARKEST))


def _to_brightness(point: common.Point) -> None:
    split, low, high = point["customdata"][:3]
    common.show_frames(FrameFilter(splits=(split,), brightness=(math.floor(low), math.ceil(high)), order=DARKEST))
