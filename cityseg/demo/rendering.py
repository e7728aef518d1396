"""Images, text and files of a prediction in the demo."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from cityseg.analysis.prediction.summary import reduce_map
from cityseg.api.types import client_name, resize_photo
from cityseg.classes import CLASS_NAMES, PALETTE
from cityseg.demo.prediction_service import PhotoPrediction
from cityseg.figures.class_shares import percent_text
from cityseg.figures.images import prediction_files
from cityseg.figures.images.overlay import overlay
from cityseg.markdown import escape

_SLIDER_SIDE, _ANNOTATED_SIDE = 1280, 640
"""Longer side, in pixels, of the images in the page; label ids have the photo's own size."""


def color_map() -> dict[str, str]:
    """Return the official colour of every class as CSS."""
    return {name: "#" + bytes(PALETTE[index]).hex() for index, name in enumerate(CLASS_NAMES)}


def _displayed(found: PhotoPrediction, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return photo and train ids with at most ``side`` pixels on the longer side."""
    train_ids = reduce_map(found.prediction.train_ids, side)
    return resize_photo(found.photo, (train_ids.shape[0], train_ids.shape[1])), train_ids


def slider(found: PhotoPrediction, opacity: float) -> tuple[np.ndarray, np.ndarray]:
    """Return photo and overlay for the page, (H, W, 3) uint8 each."""
    photo, train_ids = _displayed(found, _SLIDER_SIDE)
    return photo, overlay(photo, train_ids, opacity)


def write_annotated(found: PhotoPrediction, opacity: float, folder: Path) -> tuple[str, list[tuple[str, str]]]:
    """Write the photo and a one-bit mask per predicted class; return the photo's path, and path and name of each mask.

    gradio would make an RGBA image per class, and encoding those takes as long as the model.
    """
    photo, train_ids = _displayed(found, _ANNOTATED_SIDE)
    target = Path(tempfile.mkdtemp(dir=folder))
    Image.fromarray(photo).save(target / "photo.jpeg")
    masks = []
    for name in found.prediction.shares():
        index = CLASS_NAMES.index(name)
        mask = train_ids == index
        if mask.any():
            image = Image.fromarray(mask.view(np.uint8), "P")
            image.putpalette(bytes(3) + bytes(PALETTE[index]))
            path = target / f"{name}.png"
            image.save(path, bits=1, transparency=bytes((0, round(255 * opacity))))
            masks.append((str(path), name))
    return str(target / "photo.jpeg"), masks


def summary(found: PhotoPrediction, model: str) -> str:
    """Describe timing, size and confidence in Markdown."""
    height, width = found.photo.shape[:2]
    prediction = found.prediction
    return (
        f"**{escape(model)}** took {found.milliseconds:,.0f} ms from file to label map, "
        f"{prediction.milliseconds:,.0f} ms of it in the model · {width:,} × {height:,} pixels · mean confidence "
        f"{100 * prediction.mean_confidence():.0f} %, the average probability of the predicted class; a confident "
        "model can be wrong."
    )


def bars(shares: dict[str, float]) -> str:
    """Render the class shares as an HTML list with bars."""
    colors = color_map()
    rows = "".join(
        f'<li><span>{name}</span><span><i style="width:{100 * share:.2f}%;background:{colors[name]}"></i></span>'
        f"<span>{percent_text(share)}</span></li>"
        for name, share in shares.items()
    )
    return f'<ul aria-label="Share of the image by class">{rows}</ul>'


def write_label_ids(found: PhotoPrediction, folder: Path) -> str:
    """Write the official label ids, 0 to 33, as ``cityseg predict`` does; gradio deletes the file later."""
    path = Path(tempfile.mkdtemp(dir=folder)) / f"{client_name(found.name, 'photo')}_labelIds.png"
    path.write_bytes(prediction_files.encoders(found.photo, found.prediction)["labelIds.png"]())
    return str(path)
