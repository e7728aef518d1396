"""What can be taken from the predict page: the files that ``cityseg predict`` writes, and the class shares."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import streamlit as st

from cityseg import labels
from cityseg.analysis import things
from cityseg.figures.overlay import overlay
from cityseg.figures.png import png
from cityseg.fit import Fit
from cityseg.inference import Prediction
from cityseg.labels import CLASS_NAMES, CLASSES, IGNORE_INDEX
from cityseg.ui import cached
from cityseg.ui.seeing import Opened
from cityseg.ui.streets import Street

_OFFERS = (
    ("Overlay", "overlay.png", "image/png", ":material/layers:", "The photo with the classes laid over it."),
    ("Colours", "color.png", "image/png", ":material/palette:", "One official colour per class."),
    (
        "Label ids",
        "labelIds.png",
        "image/png",
        ":material/tag:",
        "Grey values are the official Cityscapes ids 0 to 33, ready for the official scripts.",
    ),
    ("Shares", "classes.csv", "text/csv", ":material/table:", "Pixels, share and objects of every class seen."),
)


def downloads(streets: Sequence[Street], model: str, fit: Fit, *, flip: bool) -> None:
    """Offer what ``cityseg predict`` writes, the shares, and all of it as one file; made when asked for.

    Args:
        streets: the one that is shown, then any others that were uploaded with it.
        model: whose view is written.
        fit: how photos are brought to its size.
        flip: whether the mirrored photo is looked at too.
    """
    street, many = streets[0], len(streets) > 1
    st.markdown(
        f"**Take it with you** :small[:gray[as {model} sees it, at the photo's own size, without its place and camera "
        "data]]"
    )
    with st.container(horizontal=True, gap="small"):
        for words, kind, mime, icon, meaning in _OFFERS:
            st.download_button(
                words,
                partial(_one_file, street, model, fit, flip, kind),
                f"{street.name}_{kind}",
                mime,
                key=f"predict_download_{kind}",
                icon=icon,
                help=meaning,
                on_click="ignore",
            )
        st.download_button(
            f"All {len(streets)} photos as zip" if many else "All as zip",
            partial(zipped, tuple(streets), model, fit, flip=flip),
            "photos_cityseg.zip" if many else f"{street.name}_cityseg.zip",
            "application/zip",
            key="predict_download_zip",
            icon=":material/folder_zip:",
            type="primary",
            on_click="ignore",
            help="Every photo you gave is predicted anew for this, which takes a moment each." if many else None,
        )


def _one_file(street: Street, model: str, fit: Fit, flip: bool, kind: str) -> bytes:
    opened = Opened(street)
    data = _makers_of(opened, model, fit, flip)[kind]()
    opened.close()
    return data


def _makers_of(opened: Opened, model: str, fit: Fit, flip: bool) -> dict[str, Callable[[], bytes]]:
    photo = opened.original.photo
    return makers(photo, cached.predictor(model).predict(photo, fit, flip=flip))


def zipped(streets: Sequence[Street], model: str, fit: Fit, *, flip: bool) -> bytes:
    """Return every file of every street in one zip file; streets of one name are numbered."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, street in zip(_distinct([street.name for street in streets]), streets, strict=True):
            opened = Opened(street)
            for kind, make in _makers_of(opened, model, fit, flip).items():
                archive.writestr(f"{name}_{kind}", make())
            opened.close()
    return file.getvalue()


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that occur again: two photos may differ in their endings alone."""
    found: list[str] = []
    for name in names:
        distinct, number = name, 2
        while distinct in found:
            distinct, number = f"{name}-{number}", number + 1
        found.append(distinct)
    return found


def makers(photo: np.ndarray, prediction: Prediction) -> dict[str, Callable[[], bytes]]:
    """Return by its ending what makes each file; the pictures equal what ``cityseg predict`` writes.

    Args:
        photo: (H, W, 3) uint8.
        prediction: of that photo.
    """
    train_ids = prediction.train_ids
    return {
        "overlay.png": lambda: png(overlay(photo, train_ids)),
        "color.png": lambda: png(labels.to_color(train_ids)),
        "labelIds.png": lambda: png(labels.to_label_ids(train_ids)),
        "classes.csv": lambda: _csv(prediction),
    }


def _csv(prediction: Prediction) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["class", "label_id", "pixels", "share_percent", "objects"])
    objects = things.count(prediction.train_ids)
    looked = int(np.count_nonzero(prediction.train_ids != IGNORE_INDEX))
    for name, share in prediction.shares().items():
        label = CLASSES[CLASS_NAMES.index(name)]
        counted = objects.get(name, 0) if label.has_instances else ""
        writer.writerow([name, label.id, round(share * looked), f"{100 * share:.4f}", counted])
    return file.getvalue().encode()
