"""Pixel inspector: the label of one pixel, the predictions of several models, and how reliable they are."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

import numpy as np
import streamlit as st

from cityseg.analysis.errors.frame_errors import truth_given_prediction
from cityseg.api import FrameView, Result
from cityseg.api.types import Prediction, Split
from cityseg.classes import CLASS_NAMES, NUM_CLASSES
from cityseg.figures import theme
from cityseg.figures.class_shares import percent_text
from cityseg.ui.app import cache, history, session
from cityseg.ui.common import class_bars
from cityseg.ui.common.errors import errors_shown
from cityseg.ui.common.measured_split import MeasuredSplit, stored_confusions
from cityseg.ui.common.url_choice import choose_options
from cityseg.ui.common.viewer import ViewerEvent

_KEY, _PARAMETER, _ALSO = "inspect_pixel", "pixel", "also"
_TOP = 5
_MAX_MODELS = 3
_STYLE = """<style>
.pixel { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(240px, 100%), 1fr)); gap: 14px 22px; }
.pixel h2 { margin: 0 0 6px; padding: 0; font-size: 0.95rem; font-weight: 600; }
.pixel .dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 7px; }
.pixel p { margin: 8px 0 0; font-size: 0.85rem; opacity: 0.85; }
</style>"""


@dataclass(frozen=True)
class Pixel:
    """A pixel of the stored frame, clicked by the user or else the most confident error of the frame."""

    row: int
    column: int
    is_clicked: bool


def chosen_pixel(frame: FrameView, prediction: Prediction) -> Pixel:
    """Return the pixel clicked in this frame or named in the address, else the frame's most confident error."""
    height, width = frame.train_ids.shape
    linked = history.arriving(_KEY, _PARAMETER)
    if linked is not None or _KEY not in st.session_state:
        parts = (linked or "").split(",")
        is_valid = len(parts) == 2 and all(part.isdecimal() for part in parts)
        st.session_state[_KEY] = (frame.name, int(parts[0]), int(parts[1])) if is_valid else None
    name, row, column = st.session_state[_KEY] or ("", 0, 0)
    if name == frame.name and row < height and column < width:
        return Pixel(row, column, is_clicked=True)
    history.record(_PARAMETER, None)
    wrong = (frame.train_ids < NUM_CLASSES) & (frame.train_ids != prediction.train_ids)
    values = np.where(wrong, prediction.confidence, -1.0) if wrong.any() else prediction.entropy
    row, column = divmod(int(np.argmax(values)), width)
    return Pixel(row, column, is_clicked=False)


def clicked_pixel(event: ViewerEvent, frame: FrameView, shown_width: int) -> Pixel | None:
    """Store and return the clicked pixel; None if the event is no click into the photo, shown ``shown_width`` wide."""
    height, width = frame.train_ids.shape
    if event.x is None or event.y is None or not (0 <= event.x < shown_width and 0 <= event.y < height):
        return None
    row, column = event.y, event.x * width // shown_width
    st.session_state[_KEY] = (frame.name, row, column)
    history.record(_PARAMETER, f"{row},{column}")
    return Pixel(row, column, is_clicked=True)


def show(measured: MeasuredSplit, frame: FrameView, pixel: Pixel) -> None:
    """Show label and five most probable classes of a pixel, by this result and others."""
    truth = int(frame.train_ids[pixel.row, pixel.column])
    label = CLASS_NAMES[truth] if truth < NUM_CLASSES else "void"
    hint = (
        "" if pixel.is_clicked else " It is the most confident error of the frame; click the photo to choose another."
    )
    how_to_read = (
        "Bars: the five most probable classes, the labelled class in bold. Below them: the true classes of all pixels "
        "that the model predicts as the first class."
    )
    words = f"**The marked pixel** (row {pixel.row}, column {pixel.column}) is labelled **{label}**.{hint}"
    st.markdown(words, help=how_to_read)
    others = {result.id: result for result in cache.results() if result.id != measured.result.id and result.has_weights}
    picked = choose_options(
        "Compare with other models",
        list(others),
        _ALSO,
        _ALSO,
        max_selections=_MAX_MODELS,
        placeholder="choose up to three",
        help="Each predicts this frame once; its five most probable classes appear beside the first.",
    )
    cards = []
    for result in (measured.result, *(others[name] for name in picked if name in others)):
        with errors_shown(f"{result.id} cannot predict this frame."):
            probabilities = cache.probabilities(result.id, frame.photo, pixel.row, pixel.column)
            note = _reliability_note(result, measured.split, int(probabilities.argmax()))
            cards.append(_card(result, probabilities, truth, note))
    st.html(f'{class_bars.STYLE}{_STYLE}<div class="pixel">{"".join(cards)}</div>')


def _reliability_note(result: Result, split: Split, predicted: int) -> str:
    """Describe the true classes of pixels predicted as one class, on val or, if not evaluated there, on ``split``."""
    evaluated: Split = "val" if result.run.has_confusions("val") else split
    if not result.run.has_confusions(evaluated):
        return f"{result.id} was not evaluated on {evaluated}."
    confusion = stored_confusions(result, evaluated).matrices.sum(0)
    return reliability_sentence(result.id, confusion, predicted, evaluated)


def reliability_sentence(name: str, confusion: np.ndarray, predicted: int, split: Split) -> str:
    """Return "Pixels that ``name`` predicts as bus are bus 61 % of the time on val, truck 20 %".

    ``confusion`` holds (19, 19) counts, rows = ground truth, and ``predicted`` is the train id of the predicted class.
    """
    shares = truth_given_prediction(confusion, predicted)
    named = CLASS_NAMES[predicted]
    if np.isnan(shares).all():
        return f"{name} never predicts {named} on {split}."
    wrong = [int(index) for index in np.argsort(-shares, kind="stable") if index != predicted and shares[index] > 0]
    rest = "".join(f", {CLASS_NAMES[index]} {percent_text(float(shares[index]))}" for index in wrong[:3])
    correct = percent_text(float(shares[predicted]))
    return f"Pixels that {name} predicts as {named} are {named} {correct} of the time on {split}{rest}."


def _card(result: Result, probabilities: np.ndarray, truth: int, note: str) -> str:
    top = np.argsort(-probabilities, kind="stable")[:_TOP].tolist()
    rows = ""
    for index in top:
        share, color = float(probabilities[index]), theme.class_color(index, palette=session.palette())
        rows += f"<li>{class_bars.bar(index, share, percent_text(share), color, marked=index == truth)}</li>"
    dot = f'<span class="dot" style="background:{theme.run_color(result.id)}"></span>'
    return f'<section><h2>{dot}{escape(result.id)}</h2><ol class="bars">{rows}</ol><p>{escape(note)}</p></section>'
