"""What can be taken from the predict page: the files that ``cityseg predict`` writes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from cityseg.api.types import Fit
from cityseg.figures.images import prediction_files
from cityseg.ui.app import cache
from cityseg.ui.predict.model_view import Opened
from cityseg.ui.predict.sources import Street

_OFFERS = (
    ("Overlay", "overlay.png", "image/png", ":material/layers:", "The photo with the classes laid over it."),
    ("Colours", "color.png", "image/png", ":material/palette:", "One official colour per class."),
    (
        "Label ids",
        "labelIds.png",
        "image/png",
        ":material/tag:",
        "Grey values are the official Cityscapes ids 0 to 33, ready for the official scripts; unknown pixels are 0, "
        "unlabeled.",
    ),
    ("Shares", "classes.csv", "text/csv", ":material/table:", "Pixels, share and objects of every class seen."),
)


def downloads(streets: Sequence[Street], model: str, fit: Fit, *, flip: bool, least: int) -> None:
    """Offer what ``cityseg predict`` writes, and all of it as one file; made when asked for.

    Args:
        streets: the one that is shown, then any others that were uploaded with it.
        model: whose view is written.
        fit: how photos are brought to its size.
        flip: whether the mirrored photo is looked at too.
        least: confidence in per cent below which a pixel is unknown, 0 for none.
    """
    street, many = streets[0], len(streets) > 1
    grey = f"unknown below {least} %, " if least else ""
    st.markdown(
        f"**Take it with you** :small[:gray[as {model} sees it, {grey}at the photo's own size, without its place and "
        "camera data]]"
    )
    with st.container(horizontal=True, gap="small"):
        for words, kind, mime, icon, meaning in _OFFERS:
            st.download_button(
                words,
                partial(one_file, street, kind, model, fit, flip=flip, least=least),
                f"{street.name}_{kind}",
                mime,
                key=f"predict_download_{kind}",
                icon=icon,
                help=meaning,
                on_click="ignore",
            )
        st.download_button(
            f"All {len(streets)} photos as zip" if many else "All as zip",
            partial(zipped, tuple(streets), model, fit, flip=flip, least=least),
            "photos_cityseg.zip" if many else f"{street.name}_cityseg.zip",
            "application/zip",
            key="predict_download_zip",
            icon=":material/folder_zip:",
            type="primary",
            on_click="ignore",
            help="Every photo you gave is predicted anew for this, which takes a moment each." if many else None,
        )


def one_file(street: Street, kind: str, model: str, fit: Fit, *, flip: bool, least: int = 0) -> bytes:
    """Return the file of a street with this ending."""
    opened = Opened(street)
    data = _makers(opened, model, fit, flip, least)[kind]()
    opened.close()
    return data


def _makers(opened: Opened, model: str, fit: Fit, flip: bool, least: int) -> dict[str, Callable[[], bytes]]:
    photo = opened.original.photo
    return prediction_files.makers(photo, cache.predictor(model).predict(photo, fit, flip=flip), least)


def zipped(streets: Sequence[Street], model: str, fit: Fit, *, flip: bool, least: int = 0) -> bytes:
    """Return every file of every street in one zip file; streets of one name are numbered."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, street in zip(_distinct([street.name for street in streets]), streets, strict=True):
            opened = Opened(street)
            for kind, make in _makers(opened, model, fit, flip, least).items():
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
