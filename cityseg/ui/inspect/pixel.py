"""The pixel inspector: what one pixel is, what the models think it is, and how far to believe them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from cityseg.analysis.errors.frame_errors import truth_given_prediction
from cityseg.api import FrameView, Result
from cityseg.api.types import Prediction, Split
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.errors import CitysegError
from cityseg.figures import theme
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import cache, session
from cityseg.ui.common.measured_split import MeasuredSplit, stored_confusions
from cityseg.ui.common.viewer import ViewerEvent

_KEY, _PARAMETER, _ALSO = "inspect_pixel", "pixel", "also"
_TOP = 5
_MOST_MODELS = 3
_STYLE = """<style>
.pixel { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(240px, 100%), 1fr)); gap: 14px 22px; }
.pixel h4 { margin: 0 0 6px; padding: 0; font-size: 0.95rem; font-weight: 600; }
.pixel .dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 7px; }
.pixel ol { display: grid; grid-template-columns: max-content 1fr max-content; gap: 4px 9px; margin: 0; padding: 0;
  align-items: center; font-size: 0.85rem; list-style: none; }
.pixel li { display: contents; }
.pixel .true { font-weight: 700; }
.pixel .track { height: 13px; }
.pixel .bar { display: block; height: 100%; box-sizing: border-box; min-width: 2px; border: 1px solid #7d8896;
  border-radius: 3px; }
.pixel .value { font-variant-numeric: tabular-nums; text-align: right; }
.pixel p { margin: 8px 0 0; font-size: 0.85rem; opacity: 0.85; }
</style>"""


@dataclass(frozen=True)
class Pixel:
    """The pixel that is looked at.

    Attributes:
        row: from the top of the frame as it is stored.
        column: from its left.
        asked: whether the user chose it; else it is the surest mistake of the frame.
    """

    row: int
    column: int
    asked: bool


def chosen(frame: FrameView, prediction: Prediction) -> Pixel:
    """Return the pixel that was clicked in this frame or named by the link, else the frame's surest mistake."""
    height, width = frame.train_ids.shape
    if _KEY not in st.session_state:
        st.session_state[_KEY] = _named(frame.name)
    name, row, column = st.session_state[_KEY] or ("", 0, 0)
    if name == frame.name and row < height and column < width:
        return Pixel(row, column, asked=True)
    session.remember(_PARAMETER, None)
    wrong = (frame.train_ids < NUM_CLASSES) & (frame.train_ids != prediction.train_ids)
    sure = np.where(wrong, prediction.confidence, -1.0) if wrong.any() else prediction.entropy
    row, column = divmod(int(np.argmax(sure)), width)
    return Pixel(row, column, asked=False)


def _named(frame: str) -> tuple[str, int, int] | None:
    row, _, column = st.query_params.get(_PARAMETER, "").partition(",")
    return (frame, int(row), int(column)) if row.isdecimal() and column.isdecimal() else None


def take(event: ViewerEvent, frame: FrameView, shown_width: int) -> Pixel | None:
    """Choose the clicked pixel; None where the event says nothing of use.

    Args:
        event: a click.
        frame: what was shown.
        shown_width: of the photo in the viewer, which may be wider than it is stored.
    """
    height, width = frame.train_ids.shape
    if event.x is None or event.y is None or not (0 <= event.x < shown_width and 0 <= event.y < height):
        return None
    row, column = event.y, event.x * width // shown_width
    st.session_state[_KEY] = (frame.name, row, column)
    session.remember(_PARAMETER, f"{row},{column}")
    return Pixel(row, column, asked=True)


def show(subject: MeasuredSplit, frame: FrameView, pixel: Pixel) -> None:
    """Show truth and the five most probable classes of a pixel, for this and other results."""
    truth = int(frame.train_ids[pixel.row, pixel.column])
    label = CLASS_NAMES[truth] if truth < NUM_CLASSES else "nothing that is scored (void)"
    which = "" if pixel.asked else " The model's surest mistake in this frame; click the picture to ask about another."
    st.markdown(f"**The ringed pixel** (row {pixel.row}, column {pixel.column}) is labelled **{label}**.{which}")
    others = {result.id: result for result in cache.results() if result.id != subject.result.id and _weights(result)}
    picked = st.multiselect(
        "Ask other models as well",
        list(others),
        key=_ALSO,
        bind="query-params",
        max_selections=_MOST_MODELS,
        placeholder="choose up to three",
        help="Each looks at this frame once; its five most probable classes appear beside those of the first.",
    )
    cards = []
    for result in (subject.result, *(others[name] for name in picked if name in others)):
        try:
            shares = cache.probabilities(result.id, frame.photo, pixel.row, pixel.column)
        except CitysegError as error:
            st.error(f"{result.id} cannot be asked. {error}", icon=":material/error:")
            continue
        cards.append(_card(result, shares, truth, _belief(result, subject.split, int(shares.argmax()))))
    st.html(f'{_STYLE}<div class="pixel">{"".join(cards)}</div>')
    st.caption(
        "Bars: probability of the five likeliest classes of this pixel, the true one in bold. The sentence below them "
        "says how far to believe the first: what pixels called so turn out to be over the whole split."
    )


def _weights(result: Result) -> bool:
    return (result.run.checkpoint / "model.safetensors").is_file()


def _belief(result: Result, split: Split, predicted: int) -> str:
    """Say what pixels are that this result calls one class: on val, or on ``split`` where val was not measured."""
    where: Split = "val" if result.run.has_confusions("val") else split
    if not result.run.has_confusions(where):
        return f"{result.id} was not measured on {where}, so how often it is right cannot be said."
    return belief_words(result.id, stored_confusions(result, where).matrices.sum(0), predicted, where)


def belief_words(name: str, confusion: np.ndarray, predicted: int, split: Split) -> str:
    """Write "when MODEL says bus, it is bus 61 % of the time on val, truck 20 %".

    Args:
        name: of the result.
        confusion: (19, 19) counts of the split, rows = truth.
        predicted: train id of what it says.
        split: where that was counted.
    """
    shares = truth_given_prediction(confusion, predicted)
    said = CLASS_NAMES[predicted]
    if np.isnan(shares).all():
        return f"On {split} {name} never says {said}."
    wrong = [int(index) for index in np.argsort(-shares, kind="stable") if index != predicted and shares[index] > 0]
    rest = "".join(f", {CLASS_NAMES[index]} {percent_text(float(shares[index]))}" for index in wrong[:3])
    return (
        f"When {name} says {said}, it is {said} {percent_text(float(shares[predicted]))} of the time on {split}{rest}."
    )


def _card(result: Result, shares: np.ndarray, truth: int, belief: str) -> str:
    rows = "".join(_row(index, float(shares[index]), truth) for index in _likeliest(shares))
    dot = f'<span class="dot" style="background:{theme.run_color(result.id)}"></span>'
    return f"<section><h4>{dot}{escape(result.id)}</h4><ol>{rows}</ol><p>{escape(belief)}</p></section>"


def _likeliest(shares: np.ndarray) -> Sequence[int]:
    order: list[int] = np.argsort(-shares, kind="stable")[:_TOP].tolist()
    return order


def _row(index: int, share: float, truth: int) -> str:
    color = theme.class_color(index, palette=session.palette())
    mark = ' class="true"' if index == truth else ""
    bar = f'<span class="bar" style="width:{100 * share:.1f}%;background:{color}"></span>'
    name = f"{escape(CLASS_NAMES[index])} ✓" if index == truth else escape(CLASS_NAMES[index])
    return (
        f'<li><span{mark}>{name}</span><span class="track">{bar}</span>'
        f'<span class="value">{percent_text(share)}</span></li>'
    )
