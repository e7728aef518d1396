"""Photos that a visitor gives to the predict page, as files or from the camera."""

from __future__ import annotations

import hashlib
import time
from pathlib import PurePath

import streamlit as st

from cityseg.api.types import ENDINGS, KINDS, MAX_PIXELS, decode_photo, give_back_freed_memory, resize_photo
from cityseg.errors import DataError
from cityseg.ui.app import url_state
from cityseg.ui.common.gallery import Thumbnail, encode_thumbnail, gallery
from cityseg.ui.predict.model_view import LARGE
from cityseg.ui.predict.sources import Original, Street

_FILES, _SHOT = "predict uploads", "predict shot"
_THUMBNAIL_HEIGHT = 128
File = tuple[bytes, str]
"""A file's bytes and their digest."""


def uploaded() -> list[Street]:
    """Take photos; what was uploaded stays until something else is, also while another source is looked at.

    Returns:
        Every photo that can be read, the chosen one first. What is wrong with the others is said.
    """
    st.file_uploader(
        f"Photos of streets: {KINDS}, up to {MAX_PIXELS // 10**6} megapixels each. "
        "They stay on the machine this studio runs on, and are not stored.",
        # Any picture, too: Streamlit would answer a file of another ending with a stack trace, here it gets a sentence.
        type=["image/*", *ENDINGS],
        accept_multiple_files=True,
        key="predict_uploader",
        on_change=_take_files,
    )
    files: dict[str, File] = st.session_state.get(_FILES, {})
    strip = []
    for name, (data, digest) in files.items():
        found = _thumbnail(digest, name, data)
        if isinstance(found, Thumbnail):
            strip.append(found)
        else:
            st.error(found, icon=":material/broken_image:")
    if not strip:
        return []
    names = [thumbnail.name for thumbnail in strip]
    chosen = url_state.settle("predict_photo", "photo", names, names[0])
    url_state.keep("predict_photo", "photo", chosen)
    if len(names) > 1:
        clicked = gallery(strip, key="predict_strip", label="Your photos", chosen=chosen, aspect=16 / 9, cell=120)
        if clicked and clicked != chosen:
            url_state.wish("predict_photo", clicked)
            st.rerun()
    return [_street(name, files[name]) for name in (chosen, *(other for other in names if other != chosen))]


def shot() -> Street | None:
    """Take a photo with the camera, which is turned on by hand, so that nobody is asked for permission on arrival."""
    if st.toggle("Turn the camera on", key="predict_camera_on", help="Your browser asks for permission first."):
        st.camera_input("Photo of a street", key="predict_camera", on_change=_take_shot, label_visibility="collapsed")
    file: File | None = st.session_state.get(_SHOT)
    if file is None:
        return None
    found = _thumbnail(file[1], "camera photo", file[0])
    if isinstance(found, str):
        st.error(found, icon=":material/broken_image:")
        return None
    return _street("camera.jpg", file)


def _street(name: str, file: File) -> Street:
    data, digest = file

    def load() -> Original:
        begun = time.perf_counter()
        photo = decode_photo(data, name)
        return Original(photo, (time.perf_counter() - begun) * 1000)

    return Street(PurePath(name).stem, f"photo {digest}", load)


@st.cache_data(show_spinner="Looking at the photos", max_entries=500)
def _thumbnail(digest: str, name: str, _data: bytes) -> Thumbnail | str:
    """Return a small picture of a file, or in a sentence why there is none: both are found out once."""
    try:
        photo = decode_photo(_data, name)
    except DataError as error:
        return str(error)
    height, width = photo.shape[:2]
    columns = max(1, min(4 * _THUMBNAIL_HEIGHT, round(width * _THUMBNAIL_HEIGHT / height)))
    small = resize_photo(photo, (_THUMBNAIL_HEIGHT, columns))
    large = photo.size > LARGE
    del photo
    if large:
        give_back_freed_memory()
    return Thumbnail(name, name, f"{width} × {height}", encode_thumbnail(small))


def _take_files() -> None:
    files: dict[str, File] = {}
    for file in st.session_state["predict_uploader"] or ():
        name, number = file.name, 2
        while name in files:
            path = PurePath(file.name)
            name, number = f"{path.stem}-{number}{path.suffix}", number + 1
        files[name] = _file(file.getvalue())
    st.session_state[_FILES] = files
    if files:
        url_state.wish("predict_photo", list(files)[-1])


def _take_shot() -> None:
    picture = st.session_state["predict_camera"]
    st.session_state[_SHOT] = _file(picture.getvalue()) if picture else None


def _file(data: bytes) -> File:
    return data, hashlib.sha256(data).hexdigest()
