"""Where a photo for the predict page comes from: the connected data, an upload or the camera."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import PurePath
from typing import cast

import numpy as np
import streamlit as st

from cityseg.api import DataInfo, FrameView
from cityseg.data.images import resize_photo
from cityseg.data.layout import Split
from cityseg.errors import CitysegError, DataError
from cityseg.photos import ENDINGS, KINDS, MAX_PIXELS, decode_photo
from cityseg.ui import cached, choices, pictures, state
from cityseg.ui.gallery import Thumbnail, encode_thumbnail, gallery

_SOURCES = {"data": "Street from the data", "photos": "Your photos", "camera": "Camera"}
_SPLITS: tuple[Split, ...] = ("val", "test")
_TYPES = list(ENDINGS)
_UPLOADS, _SHOT = "predict uploads", "predict shot"


@dataclass(frozen=True)
class Street:
    """What is to be predicted.

    Attributes:
        name: what downloads are named after.
        photo: (H, W, 3) uint8.
        shown: the same for the eye, (H, W', 3) uint8: stretched back where the files hold squashed frames.
        milliseconds: time from file to pixels.
        truth: (H, W) uint8 train ids where they are known.
    """

    name: str
    photo: np.ndarray
    shown: np.ndarray
    milliseconds: float
    truth: np.ndarray | None = None


def connected_data(spec: str) -> DataInfo | None:
    """Describe the connected data; None if it cannot be opened, which the sidebar says. Photos work without."""
    try:
        return cached.draw(spec)
    except CitysegError:
        return None


def explain_no_photo() -> None:
    """Say what will be here."""
    st.info("As soon as there is a photo, the model's view of it appears here.", icon=":material/add_a_photo:")


def choose_street(info: DataInfo | None) -> Street | None:
    """Let the user say where the photo comes from; None while there is none.

    Args:
        info: the connected data, or None if it cannot be opened.
    """
    sources = [name for name in _SOURCES if name != "data" or (info and any(info.frames[split] for split in _SPLITS))]
    key = "predict_from"
    choices.settle(key, "from", sources, sources[0])
    source = st.segmented_control(
        "Photo from",
        sources,
        format_func=lambda name: _SOURCES[name],
        key=key,
        required=True,
        persist_state="session",
    )
    source = source or sources[0]
    choices.keep(key, "from", source)
    if source == "photos":
        return _uploaded()
    if source == "camera":
        return _shot()
    return _frame(cast(DataInfo, info))


def _frame(info: DataInfo) -> Street | None:
    spec = state.data_spec()
    splits = [split for split in _SPLITS if info.frames[split]]
    left, middle, right = st.columns([2, 4, 3], vertical_alignment="bottom")
    choices.settle("predict_split", "split", splits, splits[0])
    with left:
        answer = st.segmented_control(
            "Split",
            splits,
            key="predict_split",
            required=True,
            persist_state="session",
            help="Streets that no model has learned from. val chose the best epoch of each run; test was kept back.",
        )
    split = answer or splits[0]
    choices.keep("predict_split", "split", split)
    names = pictures.frame_names(spec, split)
    position = names.index(choices.settle("predict_frame", "frame", names, names[0]))
    with middle:
        name = st.selectbox(f"Frame, {len(names):,} in all", names, key="predict_frame", persist_state="session")
    choices.keep("predict_frame", "frame", name)
    with right.container(horizontal=True, gap="small"):
        for words, icon, steps, end in (("Previous", "left", -1, 0), ("Next", "right", 1, len(names) - 1)):
            st.button(
                words,
                icon=f":material/chevron_{icon}:",
                key=f"predict_{words.lower()}",
                on_click=choices.walk,
                args=("predict_frame", steps),
                disabled=position == end,
                width="stretch",
            )
    try:
        frame, milliseconds = _timed_frame(spec, split, name)
    except CitysegError as error:
        st.error(f"This frame cannot be shown. {error}", icon=":material/broken_image:")
        return None
    return Street(name, frame.photo, pictures.unsquashed(frame.photo, info), milliseconds, frame.train_ids)


@st.cache_resource(show_spinner=False, max_entries=16)
def _timed_frame(spec: str, split: Split, name: str) -> tuple[FrameView, float]:
    begun = time.perf_counter()
    return cached.frame(spec, split, name), (time.perf_counter() - begun) * 1000


@dataclass(frozen=True)
class _Decoded:
    photo: np.ndarray
    milliseconds: float
    thumbnail: str


@st.cache_resource(show_spinner=False, max_entries=8)
def _decode(data: bytes, name: str) -> _Decoded:
    begun = time.perf_counter()
    photo = decode_photo(data, name)
    milliseconds = (time.perf_counter() - begun) * 1000
    height, width = photo.shape[:2]
    scale = 128 / height
    small = resize_photo(photo, (128, max(1, min(512, round(width * scale)))))
    return _Decoded(photo, milliseconds, encode_thumbnail(small))


def _uploaded() -> Street | None:
    """Take photos; what was uploaded stays until something else is, also while another source is looked at."""
    st.file_uploader(
        f"Photos of streets: {KINDS}, up to {MAX_PIXELS // 10**6} megapixels each. "
        "They stay on the machine this studio runs on, and are not stored.",
        type=_TYPES,
        accept_multiple_files=True,
        key="predict_uploader",
        on_change=_take_uploads,
    )
    photos: dict[str, _Decoded] = {}
    for name, data in st.session_state.get(_UPLOADS, {}).items():
        try:
            photos[name] = _decode(data, name)
        except DataError as error:
            st.error(str(error), icon=":material/broken_image:")
    if not photos:
        return None
    names = list(photos)
    name = choices.settle("predict_photo", "photo", names, names[0])
    choices.keep("predict_photo", "photo", name)
    if len(names) > 1:
        strip = [Thumbnail(name, name, _megapixels(shot.photo), shot.thumbnail) for name, shot in photos.items()]
        clicked = gallery(strip, key="predict_strip", label="Your photos", chosen=name, aspect=16 / 9, cell=120)
        if clicked and clicked != name:
            choices.wish("predict_photo", clicked)
            st.rerun()
    shot = photos[name]
    return Street(PurePath(name).stem, shot.photo, shot.photo, shot.milliseconds)


def _take_uploads() -> None:
    uploads: dict[str, bytes] = {}
    for file in st.session_state["predict_uploader"] or ():
        name, number = file.name, 2
        while name in uploads:
            path = PurePath(file.name)
            name, number = f"{path.stem}-{number}{path.suffix}", number + 1
        uploads[name] = file.getvalue()
    st.session_state[_UPLOADS] = uploads
    if uploads:
        choices.wish("predict_photo", list(uploads)[-1])


def _megapixels(photo: np.ndarray) -> str:
    return f"{photo.shape[1]} × {photo.shape[0]}"


def _shot() -> Street | None:
    if st.toggle("Turn the camera on", key="predict_camera_on", help="Your browser asks for permission first."):
        st.camera_input("Photo of a street", key="predict_camera", on_change=_take_shot, label_visibility="collapsed")
    data = st.session_state.get(_SHOT)
    if data is None:
        return None
    try:
        shot = _decode(data, "camera photo")
    except DataError as error:
        st.error(str(error), icon=":material/broken_image:")
        return None
    return Street("camera", shot.photo, shot.photo, shot.milliseconds)


def _take_shot() -> None:
    picture = st.session_state["predict_camera"]
    st.session_state[_SHOT] = picture.getvalue() if picture else None
