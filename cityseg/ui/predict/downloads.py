"""Downloads of the Predict page: the files that ``cityseg predict`` writes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from functools import partial

import streamlit as st

from cityseg import api
from cityseg.api.types import Fit
from cityseg.figures.images import prediction_files
from cityseg.ui.app import cache
from cityseg.ui.predict.sources import ImageSource, release_memory

_FILES = (
    ("Overlay", "overlay.png", "image/png", ":material/layers:", "The photo with the classes blended over it."),
    ("Colours", "color.png", "image/png", ":material/palette:", "The official colour of each class."),
    (
        "Label ids",
        "labelIds.png",
        "image/png",
        ":material/tag:",
        "Grey values are the official Cityscapes ids 0 to 33, ready for the official scripts; unknown pixels are 0, "
        "unlabeled.",
    ),
    ("Shares", "classes.csv", "text/csv", ":material/table:", "Pixels, share and objects of every predicted class."),
)


def show(sources: Sequence[ImageSource], model: str, fit: Fit, *, flip: bool, threshold: int) -> None:
    """Show download buttons for each file and for all of them as zip; contents are computed on click.

    Args:
        sources: the shown one, then the others that were uploaded with it.
        model: whose prediction is written.
        fit: how photos are resized to the model's input.
        flip: flip test-time augmentation.
        threshold: confidence in per cent below which a pixel is unknown, 0 for none.
    """
    source, several = sources[0], len(sources) > 1
    unknown = f"unknown below {threshold} %, " if threshold else ""
    st.markdown(
        f"**Download** :small[:gray[prediction of {model}, {unknown}at the photo's own size, without location and "
        "camera metadata]]"
    )
    with st.container(horizontal=True, gap="small"):
        for label, kind, mime, icon, meaning in _FILES:
            st.download_button(
                label,
                partial(file_content, source, kind, model, fit, flip=flip, threshold=threshold),
                f"{source.name}_{kind}",
                mime,
                key=f"predict_download_{kind}",
                icon=icon,
                help=meaning,
                on_click="ignore",
            )
        st.download_button(
            f"All {len(sources)} photos as zip" if several else "All as zip",
            partial(zipped_files, tuple(sources), model, fit, flip=flip, threshold=threshold),
            "photos_cityseg.zip" if several else f"{source.name}_cityseg.zip",
            "application/zip",
            key="predict_download_zip",
            icon=":material/folder_zip:",
            type="primary",
            on_click="ignore",
            help="Predicts every uploaded photo again, which takes a moment each." if several else None,
        )


def file_content(source: ImageSource, kind: str, model: str, fit: Fit, *, flip: bool, threshold: int = 0) -> bytes:
    """Return the content of one file of a source, by its ending."""
    return _contents(source, model, fit, flip, threshold, [kind])[kind]


def zipped_files(sources: Sequence[ImageSource], model: str, fit: Fit, *, flip: bool, threshold: int = 0) -> bytes:
    """Return all files of all sources as one zip file; sources of the same name are numbered."""
    names = api.distinct_names([source.name for source in sources])
    kinds = [kind for _, kind, *_ in _FILES]
    return zipped(
        (f"{name}_{kind}", content)
        for name, source in zip(names, sources, strict=True)
        for kind, content in _contents(source, model, fit, flip, threshold, kinds).items()
    )


def _contents(
    source: ImageSource, model: str, fit: Fit, flip: bool, threshold: int, kinds: Iterable[str]
) -> dict[str, bytes]:
    # Downloads run beside the page, so they decode for themselves instead of sharing the pixels held by the source.
    photo, _ = source.load()
    prediction = cache.predictor(model).predict(photo, fit, flip=flip)
    encoders = prediction_files.encoders(photo, prediction, threshold)
    contents = {kind: encoders[kind]() for kind in kinds}
    size = photo.size
    del photo, prediction, encoders
    release_memory(size)
    return contents


def zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return files, as name and content, as one uncompressed zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()
