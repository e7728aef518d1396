"""Downloads of the Predict page: the files that ``cityseg predict`` writes."""

from __future__ import annotations

import io
import mimetypes
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import streamlit as st

from cityseg import api
from cityseg.api.types import Prediction
from cityseg.figures.images import prediction_files
from cityseg.markdown import escape
from cityseg.ui.app import cache
from cityseg.ui.common.url_choice import choose_option
from cityseg.ui.predict.model_view import ModelView
from cityseg.ui.predict.sources import ImageSource, release_memory

_FILES = (
    ("Overlay", "overlay.png", "layers", "The photo with the classes blended over it."),
    ("Colours", "color.png", "palette", "The official colour of each class."),
    ("Label ids", "labelIds.png", "tag", "Official Cityscapes ids 0 to 33 as grey values; unknown pixels are 0."),
    ("Shares", "classes.csv", "table", "Pixels, share and objects of every predicted class."),
)
Predict = Callable[[np.ndarray], Prediction]
"""Predicts a (H, W, 3) uint8 photo."""


class Download(NamedTuple):
    """A file to download; a callable content is computed on click."""

    label: str
    name: str
    icon: str
    content: bytes | Callable[[], bytes]
    help: str | None = None


def buttons(title: str, files: Iterable[Download], key: str) -> None:
    """Show a row of download buttons under a title; a zip file is the primary one."""
    st.markdown(f"**Download** :small[:gray[{escape(title)}]]")
    with st.container(horizontal=True, gap="small"):
        for file in files:
            st.download_button(
                file.label,
                file.content,
                file.name,
                mimetypes.guess_type(file.name)[0],
                key=f"{key}_{file.icon}",
                icon=f":material/{file.icon}:",
                type="primary" if file.name.endswith(".zip") else "secondary",
                on_click="ignore",
                help=file.help,
            )


def show(sources: Sequence[ImageSource], views: Sequence[ModelView], threshold: int) -> None:
    """Show download buttons for each file of the first source and one model, and for all sources and models as zip."""
    source, several = sources[0], len(sources) > 1
    predictions = {view.model.id: _predict_with(view) for view in views}
    model = views[0].model.id
    if len(views) > 1:
        model = choose_option(
            st.segmented_control, "Prediction of", list(predictions), "predict_download_of", "save", omit_default=True
        )

    def content(kind: str) -> bytes:
        return file_contents(source, predictions[model], threshold, [kind])[kind]

    base = source.name if len(views) == 1 else f"{source.name}_{model}"
    files = [
        Download(label, f"{base}_{kind}", icon, partial(content, kind), meaning)
        for label, kind, icon, meaning in _FILES
    ]
    everything = [f"{len(sources)} photos"] * several + [f"{len(views)} models"] * (len(views) > 1)
    files.append(
        Download(
            f"All {' of '.join(everything)} as zip" if everything else "All as zip",
            "photos_cityseg.zip" if several else f"{source.name}_cityseg.zip",
            "folder_zip",
            partial(zipped_files, sources, predictions, threshold),
            "Predicts every uploaded photo again, which takes a moment each." if several else None,
        )
    )
    unknown = f"unknown below {threshold} %, " if threshold else ""
    title = f"prediction of {model}, {unknown}at the photo's own size, without location and camera metadata"
    buttons(title, files, "predict_download")


def _predict_with(view: ModelView) -> Predict:
    def predict(photo: np.ndarray) -> Prediction:
        return cache.predictor(view.model.id).predict(photo, view.fit, flip=view.flip)

    return predict


def zipped_files(sources: Sequence[ImageSource], predictions: Mapping[str, Predict], threshold: int) -> bytes:
    """Return all files of all sources and models as one zip file; sources of the same name are numbered.

    With several models, the names of the files hold the model.
    """
    names = api.distinct_names([source.name for source in sources])
    kinds = [kind for _, kind, *_ in _FILES]
    return zipped(
        (f"{name}_{model}_{kind}" if len(predictions) > 1 else f"{name}_{kind}", content)
        for name, source in zip(names, sources, strict=True)
        for model, predict in predictions.items()
        for kind, content in file_contents(source, predict, threshold, kinds).items()
    )


def file_contents(source: ImageSource, predict: Predict, threshold: int, kinds: Iterable[str]) -> dict[str, bytes]:
    """Return files of a source by kind, the ending of their names."""
    # Downloads run beside the page, so they decode for themselves instead of sharing the pixels held by the source.
    photo, _ = source.load()
    encoders = prediction_files.encoders(photo, predict(photo), threshold)
    contents = {kind: encoders[kind]() for kind in kinds}
    size = photo.size
    del photo, encoders
    release_memory(size)
    return contents


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return files, as name and content, as one uncompressed zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()
