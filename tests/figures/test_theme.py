from __future__ import annotations

import colorsys

import numpy as np
import pytest

from cityseg.classes import CLASS_NAMES, COLOR_BLIND_PALETTE, PALETTE
from cityseg.figures.theme import class_ticks, visible_color

LIGHT_PAGE, DARK_PAGE = (255, 255, 255), (15, 20, 27)


def contrast(first, second):
    """Contrast ratio of two colours as the Web Content Accessibility Guidelines define it, 1 to 21."""

    def luminance(color):
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in np.divide(color, 255)
        ]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    brighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("palette", [PALETTE, COLOR_BLIND_PALETTE], ids=["official", "colour-blind-safe"])
@pytest.mark.parametrize(("dark", "page"), [(False, LIGHT_PAGE), (True, DARK_PAGE)], ids=["light", "dark"])
def test_visible_colours_contrast_with_the_page_and_keep_their_hue(palette, dark, page):
    for train_id, name in enumerate(CLASS_NAMES):
        color = visible_color(train_id, palette, dark=dark)
        assert contrast(color, page) > 2.5, name
        official = colorsys.rgb_to_hls(*np.divide(palette[train_id], 255))
        visible = colorsys.rgb_to_hls(*np.divide(color, 255))
        if official[2] > 0.1:
            assert visible[0] == pytest.approx(official[0], abs=0.03), name


def test_colours_with_enough_contrast_stay_unchanged():
    assert visible_color(0) == (128, 64, 128)
    assert visible_color(9, dark=True) == (152, 251, 152)


def test_ticks_name_the_class_and_show_its_colour():
    assert class_ticks([0]) == ['road <span style="color:rgb(128, 64, 128);font-size:16px">■</span>']
