"""An answer as pictures, words and files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from cityseg.api.types import resize_photo
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.demo.prediction_service import Answer
from cityseg.figures.class_shares import percent_text
from cityseg.figures.images import prediction_files
from cityseg.figures.images.overlay import overlay

_SHOWN, _ANNOTATED = 1280, 640
"""Longest side, in pixels, of the pictures in the page; label ids have the photo's own size."""


def color_map() -> dict[str, str]:
    """Return the official colour of every class as CSS."""
    return {name: "#" + bytes(PALETTE[index]).hex() for index, name in enumerate(CLASS_NAMES)}


def _shown_size(photo: np.ndarray, longest: int) -> tuple[int, int]:
    scale = min(1.0, longest / max(photo.shape[:2]))
    return max(1, round(photo.shape[0] * scale)), max(1, round(photo.shape[1] * scale))


def _nearest(train_ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = ((np.arange(wanted) * full) // wanted for wanted, full in zip(size, train_ids.shape, strict=True))
    return train_ids[rows[:, None], columns]


def slider(answer: Answer, opacity: float) -> tuple[np.ndarray, np.ndarray]:
    """Return photo and overlay, (H, W, 3) uint8 each, at the size of the page."""
    size = _shown_size(answer.photo, _SHOWN)
    photo = resize_photo(answer.photo, size)
    return photo, overlay(photo, _nearest(answer.prediction.train_ids, size), opacity)


def write_annotated(answer: Answer, opacity: float, folder: Path) -> tuple[str, list[tuple[str, str]]]:
    """Write the photo, and for each class that was seen a picture of two colours, one of them clear.

    gradio would make four bytes of every pixel and class, and spend as much time on packing them as the model takes.

    Returns:
        The photo's path, and by class the path of its picture and its name.
    """
    size = _shown_size(answer.photo, _ANNOTATED)
    train_ids = _nearest(answer.prediction.train_ids, size)
    place = Path(tempfile.mkdtemp(dir=folder))
    Image.fromarray(resize_photo(answer.photo, size)).save(place / "photo.jpeg")
    written = []
    for name in answer.prediction.shares():
        index = CLASS_NAMES.index(name)
        mask = train_ids == index
        if mask.any():
            picture = Image.fromarray(mask.view(np.uint8), "P")
            picture.putpalette(bytes(3) + bytes(PALETTE[index]))
            path = place / f"{name}.png"
            picture.save(path, bits=1, transparency=bytes((0, round(255 * opacity))))
            written.append((str(path), name))
    return str(place / "photo.jpeg"), written


def summary(answer: Answer, model: str) -> str:
    """Say in Markdown what was asked and how long it took."""
    height, width = answer.photo.shape[:2]
    prediction = answer.prediction
    return (
        f"**{model}** took {answer.milliseconds:,.0f} ms from file to label map, "
        f"{prediction.milliseconds:,.0f} ms of it for the model · {width:,} × {height:,} pixels · mean confidence "
        f"{100 * prediction.mean_confidence():.0f} %, which is how probable the model holds its own answer; "
        "sure is not always right."
    )


def bars(shares: dict[str, float]) -> str:
    """Draw the shares of the classes as an HTML list."""
    colors = color_map()
    rows = "".join(
        f'<li><span>{name}</span><span><i style="width:{100 * share:.2f}%;background:{colors[name]}"></i></span>'
        f"<span>{percent_text(share)}</span></li>"
        for name, share in shares.items()
    )
    return f'<ul aria-label="Share of the picture by class">{rows}</ul>'


def write_label_ids(answer: Answer, folder: Path) -> str:
    """Write the official ids, grey values 0 to 33, as ``cityseg predict`` does; gradio deletes the file in time."""
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{answer.name}_labelIds.png"
    path.write_bytes(prediction_files.makers(answer.photo, answer.prediction)["labelIds.png"]())
    return str(path)
