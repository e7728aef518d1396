"""Class shares as plain HTML bars, which appear at once; a chart would load its library first."""

from __future__ import annotations

from html import escape

import numpy as np

from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.figures.dataset.classes import percent
from cityseg.figures.theme import class_color

STYLE = """<style>
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 5px 10px; margin: 0; padding: 0;
  align-items: center; font-size: 0.85rem; list-style: none; }
.bars li { display: contents; }
.share-bars .name { text-align: right; }
.bars .true { font-weight: 700; }
.bars .track { position: relative; height: 14px; }
.bars .bar { position: absolute; inset: 0 auto 0 0; box-sizing: border-box; min-width: 2px; border: 1px solid #7d8896;
  border-radius: 3px; }
.bars .usual { position: absolute; top: -3px; bottom: -3px; width: 3px; background: #7d8896; }
.bars .value { font-variant-numeric: tabular-nums; text-align: right; }
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
    rows = ""
    for index in order:
        value, color = percent(share[index]), class_color(index, palette=palette)
        tick = f'<span class="usual" style="left:calc({100 * usual[index] / longest:.2f}% - 2px)"></span>'
        meaning = escape(f"{CLASS_NAMES[index]}: {value} of this frame, usually {percent(usual[index])}")
        rows += f'<li title="{meaning}">{bar(index, share[index] / longest, value, color, tick=tick)}</li>'
    return f'{STYLE}<ul class="bars share-bars">{rows}</ul>'


def bar(train_id: int, length: float, value: str, color: str, *, marked: bool = False, tick: str = "") -> str:
    """Return name, bar of ``length`` 0 to 1, and value of a class: the content of a list item with the class ``bars``.

    A ``marked`` name is bold, and ``tick`` is HTML in the bar's track.
    """
    kind, mark = ("name true", " ✓") if marked else ("name", "")
    track = f'<span class="bar" style="width:{100 * length:.2f}%;background:{color}"></span>{tick}'
    return (
        f'<span class="{kind}">{escape(CLASS_NAMES[train_id])}{mark}</span><span class="track">{track}</span>'
        f'<span class="value">{value}</span>'
    )
