"""What can be taken from the predict page: the files that ``cityseg predict`` writes, and the class shares."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image

from cityseg import labels
from cityseg.figures.overlay import overlay
from cityseg.inference import Prediction
from cityseg.labels import CLASS_NAMES, CLASSES
from cityseg.ui.streets import Street


def downloads(street: Street, prediction: Prediction) -> None:
    """Offer what ``cityseg predict`` writes, the shares, and all of it as one file; made when asked for."""
    st.markdown("**Take it with you** :small[:gray[at the photo's own size, without its place and camera data]]")
    makers = _file_makers(street, prediction)
    offers = [
        ("Overlay", "overlay.png", "image/png", ":material/layers:", "The photo with the classes laid over it."),
        ("Colours", "color.png", "image/png", ":material/palette:", "One official colour per class."),
        (
            "Label ids",
            "labelIds.png",
            "image/png",
            ":material/tag:",
            "Grey values are the official Cityscapes ids 0 to 33, ready for the official scripts.",
        ),
        ("Shares", "classes.csv", "text/csv", ":material/table:", "Pixels and share of every class that was seen."),
    ]
    with st.container(horizontal=True, gap="small"):
        for words, kind, mime, icon, meaning in offers:
            st.download_button(
                words,
                makers[kind],
                f"{street.name}_{kind}",
                mime,
                key=f"predict_download_{kind}",
                icon=icon,
                help=meaning,
                on_click="ignore",
            )
        st.download_button(
            "All as zip",
            partial(zipped, street, prediction),
            f"{street.name}_cityseg.zip",
            "application/zip",
            key="predict_download_zip",
            icon=":material/folder_zip:",
            type="primary",
            on_click="ignore",
        )


def files(street: Street, prediction: Prediction) -> dict[str, bytes]:
    """Return every download by its file name; the pictures equal what ``cityseg predict`` writes."""
    return {f"{street.name}_{kind}": make() for kind, make in _file_makers(street, prediction).items()}


def _file_makers(street: Street, prediction: Prediction) -> dict[str, Callable[[], bytes]]:
    train_ids = prediction.train_ids
    return {
        "overlay.png": lambda: png(overlay(street.photo, train_ids)),
        "color.png": lambda: png(labels.to_color(train_ids)),
        "labelIds.png": lambda: png(labels.to_label_ids(train_ids)),
        "classes.csv": lambda: _csv(prediction),
    }


def png(picture: np.ndarray) -> bytes:
    """Return a (H, W) or (H, W, 3) uint8 picture as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _csv(prediction: Prediction) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["class", "label_id", "pixels", "share_percent"])
    for name, share in prediction.shares().items():
        label = CLASSES[CLASS_NAMES.index(name)]
        writer.writerow([name, label.id, round(share * prediction.train_ids.size), f"{100 * share:.4f}"])
    return file.getvalue().encode()


def zipped(street: Street, prediction: Prediction) -> bytes:
    """Return every download in one zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in files(street, prediction).items():
            archive.writestr(name, data)
    return file.getvalue()
