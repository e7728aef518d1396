"""Class shares of one frame as plain HTML bars, which appear at once; a chart would load its library first."""

from __future__ import annotations

from html import escape

import numpy as np

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures.dataset.classes import percent
from cityseg.figures.theme import class_color

_STYLE = """<style>
.share-bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 5px 10px; margin: 0; padding: 0;
  align-items: center; font-size: 0.85rem; list-style: none; }
.share-bars li { display: contents; }
.share-bars .name { text-align: right; }
.share-bars .track { position: relative; height: 15px; }
.share-bars .bar { position: absolute; inset: 0 auto 0 0; box-sizing: border-box; min-width: 2px;
  border: 1px solid #7d8896; border-radius: 3px; }
.share-bars .usual { position: absolute; top: -3px; bottom: -3px; width: 3px; background: #7d8896; }
.share-bars .value { font-variant-numeric: tabular-nums; text-align: right; }
</style>"""


def share_bars(pixels: np.ndarray, usual: np.ndarray, palette: np.ndarray = PALETTE) -> str:
    """Return the class shares of a frame as an HTML list, largest first, with a tick at each class's mean share.

    Args:
        pixels: (19,) pixels of each class in the frame.
        usual: (19,) share of each class in all frames of the split.
        palette: (256, 3) uint8.
    """
    share = pixels / max(1, pixels.sum())
    usual = np.nan_to_num(usual)
    order = [int(index) for index in np.argsort(-share, kind="stable") if share[index] > 0]
    longest = max((max(share[index], usual[index]) for index in order), default=1.0)
    rows = "".join(_row(index, share[index], usual[index], longest, palette) for index in order)
    return f'{_STYLE}<ul class="share-bars">{rows}</ul>'


def _row(index: int, share: float, usual: float, longest: float, palette: np.ndarray) -> str:
    name = escape(CLASS_NAMES[index])
    meaning = f"{name}: {percent(share)} of this frame, usually {percent(usual)}"
    color = class_color(index, palette=palette)
    bar = f'<span class="bar" style="width:{100 * share / longest:.2f}%;background:{color}"></span>'
    tick = f'<span class="usual" style="left:calc({100 * usual / longest:.2f}% - 2px)"></span>'
    return (
        f'<li title="{meaning}"><span class="name">{name}</span><span class="track">{bar}{tick}</span>'
        f'<span class="value">{percent(share)}</span></li>'
    )
