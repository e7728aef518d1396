"""Photos uploaded to the Predict page or taken with the camera."""

from __future__ import annotations

import hashlib
from pathlib import PurePath

import numpy as np
import streamlit as st

from cityseg import api
from cityseg.api.types import ENDINGS, KINDS, MAX_PIXELS, client_name, decode_photo, resize_photo
from cityseg.errors import DataError
from cityseg.markdown import code, escape
from cityseg.ui.app import history, url_state
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.predict.sources import ImageSource

_UPLOADS, _SHOT = "predict uploads", "predict shot"
_LISTED = "predict uploads listed by the uploader"
_THUMBNAIL_HEIGHT = 128


def uploaded() -> list[ImageSource]:
    """Show the uploader and the thumbnails; return the valid photos, the chosen one first.

    Uploads stay until they are removed, also while another page is shown, which empties the uploader.
    """
    files = st.file_uploader(
        f"Street photos: {KINDS}, up to {MAX_PIXELS // 10**6} megapixels each. "
        "They stay on the machine that runs this studio and are not stored.",
        # Any image type: Streamlit would reject other endings with a stack trace instead of an error message.
        type=["image/*", *ENDINGS],
        accept_multiple_files=True,
        key="predict_uploader",
        on_change=_store_files,
    )
    uploads = _stored(_UPLOADS)
    if not files:
        st.session_state[_LISTED] = []
        if uploads:
            _offer_removal(list(uploads))
    thumbnails = _thumbnails(uploads)
    if not thumbnails:
        if lost := history.arriving("predict_photo", "photo"):
            st.info(f"A reload keeps no uploaded file: choose {code(lost)} again.", icon=":material/upload_file:")
        url_state.keep("photo", None)
        return []
    names = [thumbnail.name for thumbnail in thumbnails]
    chosen = url_state.settle("predict_photo", "photo", names, names[0])
    url_state.keep("photo", chosen)
    if len(names) > 1:
        clicked = gallery(thumbnails, key="predict_strip", label="Your photos", chosen=chosen, aspect=16 / 9, cell=120)
        if clicked and clicked != chosen:
            url_state.request("predict_photo", clicked)
            st.rerun()
    others = [uploads[name] for name in names if name != chosen]
    for source in others:
        source.release()
    return [uploads[chosen], *others]


def camera_shot() -> list[ImageSource]:
    """Show the camera and return the photo, if any; the browser asks for permission when it is turned on."""
    if st.toggle("Turn the camera on", key="predict_camera_on", help="Your browser asks for permission first."):
        st.camera_input("Street photo", key="predict_camera", on_change=_store_shot, label_visibility="collapsed")
    shots = _stored(_SHOT)
    return [shots[thumbnail.name] for thumbnail in _thumbnails(shots)]


def release() -> None:
    """Drop the pixels of all uploads; the page calls this at the end of a run, also of an interrupted one."""
    for source in (*_stored(_UPLOADS).values(), *_stored(_SHOT).values()):
        source.release()


def _stored(key: str) -> dict[str, ImageSource]:
    """Return the uploads of this session by file name."""
    uploads: dict[str, ImageSource] = st.session_state.get(key, {})
    return uploads


def _thumbnails(uploads: dict[str, ImageSource]) -> list[Thumbnail]:
    """Return the thumbnails of valid photos, and report the others; the last photo stays decoded."""
    thumbnails = []
    previous: ImageSource | None = None
    for name, source in uploads.items():
        # One decoded photo at a time. The last one stays for its prediction: after an upload it is the chosen one.
        if previous:
            previous.release()
        found = _thumbnail(source.key, name, source)
        previous = source
        if isinstance(found, Thumbnail):
            thumbnails.append(found)
        else:
            st.error(escape(found), icon=":material/broken_image:")
    return thumbnails


@st.cache_data(show_spinner="Reading the photos", max_entries=500)
def _thumbnail(key: str, name: str, _source: ImageSource) -> Thumbnail | str:
    """Return a thumbnail, or the error message of a file that is not a photo; both are cached."""
    try:
        photo, _ = _source.pixels
    except DataError as error:
        return str(error)
    height, width = photo.shape[:2]
    columns = max(1, min(4 * _THUMBNAIL_HEIGHT, round(width * _THUMBNAIL_HEIGHT / height)))
    small = resize_photo(photo, (_THUMBNAIL_HEIGHT, columns))
    return Thumbnail(name, name, f"{width} × {height}", encode_thumbnail(small))


def _offer_removal(names: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        photos = names[0] if len(names) == 1 else f"{len(names)} photos"
        st.markdown(f"{escape(photos)}, uploaded before", width="content")
        st.button("Remove", key="predict_remove", icon=":material/close:", on_click=_stored(_UPLOADS).clear)


def _store_files() -> None:
    files = st.session_state["predict_uploader"] or ()
    listed = st.session_state.get(_LISTED, [])
    uploads = {name: source for name, source in _stored(_UPLOADS).items() if name not in listed}
    names = [*uploads, *(client_name(file.name, "photo") for file in files)]
    names = api.distinct_names(names, with_suffix=True)[len(uploads) :]
    uploads |= {name: _source(name, file.getvalue()) for name, file in zip(names, files, strict=True)}
    st.session_state[_UPLOADS], st.session_state[_LISTED] = uploads, names
    if names:
        url_state.request("predict_photo", names[-1])


def _store_shot() -> None:
    shot = st.session_state["predict_camera"]
    st.session_state[_SHOT] = {"camera photo": _source("camera.jpg", shot.getvalue())} if shot else {}


def _source(name: str, data: bytes) -> ImageSource:
    def load() -> tuple[np.ndarray, None]:
        return decode_photo(data, name), None

    return ImageSource(PurePath(name).stem, f"photo {hashlib.sha256(data).hexdigest()}", load)
