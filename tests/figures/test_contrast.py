"""Contrast as WCAG 2.2 defines it (1.4.3: at least 4.5), of the app's theme and of the numbers in heat maps."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cityseg.figures import theme
from cityseg.figures.confusion import confusion_change, confusion_heatmap

CONFIG = tomllib.loads((Path(__file__).parents[2] / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
NAMED = {"white": "#ffffff", "black": "#000000"}
Color = tuple[float, ...]


def _rgba(text: str) -> Color:
    text = NAMED.get(text, text)
    if text.startswith("#"):
        return (*(int(text[at : at + 2], 16) for at in (1, 3, 5)), 1.0)
    return tuple(float(part) for part in re.findall(r"[\d.]+", text))


def _over(color: Color, page: Color) -> Color:
    return tuple(color[3] * above + (1 - color[3]) * below for above, below in zip(color[:3], page[:3], strict=True))


def _luminance(color: Color) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in color[:3])]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


def _contrast(one: Color, other: Color) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_of_the_theme_is_readable(name: str) -> None:
    colors: dict[str, Any] = CONFIG[name]
    text, page = _rgba(colors["textColor"]), _rgba(colors["backgroundColor"])
    backgrounds = {"page": page, "widget": _rgba(colors["secondaryBackgroundColor"])}
    backgrounds |= {key: _rgba(value) for key, value in colors["sidebar"].items()}
    for place, background in backgrounds.items():
        faded = _over((*text[:3], 0.6), background)  # captions
        assert _contrast(faded, background) >= 4.5, f"captions on {place}"
        assert _contrast(_rgba(colors["grayTextColor"]), background) >= 4.5, f"grey on {place}"
    for key in ("primaryColor", "linkColor", "blueColor", "orangeColor"):
        assert _contrast(_rgba(colors[key]), page) >= 4.5, key
    primary = _rgba(colors["primaryColor"])
    assert _contrast(primary, _over((*primary[:3], 0.2), page)) >= 4.5, "a selected segment"
    on_primary = page if name == "dark" else _rgba("white")  # as the shell's style has it
    assert _contrast(on_primary, primary) >= 4.5
    for differences in (theme.BETTER_TEXT, theme.WORSE_TEXT):
        assert _contrast(_rgba(differences[name == "dark"]), page) >= 4.5
    assert theme.INK[name == "dark"] == colors["textColor"]


@pytest.mark.parametrize("dark", [False, True])
def test_numbers_in_heat_maps_are_readable(dark: bool) -> None:
    random = np.random.default_rng(0)
    first, second = (
        (random.random((19, 19)) ** 6 * 1000).astype(int) + np.diag(random.integers(0, 3000, 19)) for _ in "12"
    )
    page = _rgba(CONFIG["dark" if dark else "light"]["backgroundColor"])
    for figure in (confusion_heatmap(first, dark=dark), confusion_change(first, second, dark=dark)):
        cells = figure.data[0]
        stops = [place for place, _ in cells.colorscale]
        channels = np.array([_rgba(color) for _, color in cells.colorscale])
        names = list(cells.x)
        contrasts = []
        for numbers in figure.data[1:]:
            for column, row in zip(numbers.x, numbers.y, strict=True):
                value = float(cells.z[names.index(row)][names.index(column)])
                place = (value - cells.zmin) / (cells.zmax - cells.zmin)
                cell = _over(tuple(np.interp(place, stops, channel) for channel in channels.T), page)
                contrasts.append(_contrast(_rgba(numbers.textfont.color), cell))
        assert len(contrasts) > 100
        assert min(contrasts) >= 4.5
