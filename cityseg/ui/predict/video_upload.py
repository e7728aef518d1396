"""Clips that a visitor gives to the predict page: a film, a GIF, or a folder of photos."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from cityseg.api.types import ENDINGS, FILMS, LONGEST
from cityseg.ui.app import url_state

Kind = Literal["film", "folder"]
_KINDS: dict[Kind, str] = {"film": "A film or GIF", "folder": "A folder of photos"}
_KEPT = "predict clips"
_MOST_MEGABYTES = 100
"""Of a film, and of all photos of a folder together."""
_STAYS = "It stays on the machine this studio runs on, and is gone when you leave."


@dataclass(frozen=True)
class GivenClip:
    """A clip as it was uploaded.

    Attributes:
        name: of the file, or of the folder.
        kind: what it is.
        files: bytes by file name; one for a film.
        digest: names the content.
    """

    name: str
    kind: Kind
    files: dict[str, bytes]
    digest: str

    def write(self, folder: Path) -> Path:
        """Lay the clip into an empty folder and return what ``cityseg clip`` would be given."""
        place = folder / self.name if self.kind == "folder" else folder
        place.mkdir(exist_ok=True)
        for name, data in self.files.items():
            (place / name).write_bytes(data)
        return place if self.kind == "folder" else place / self.name


@dataclass(frozen=True)
class Kept:
    """What was uploaded last.

    Attributes:
        uploads: ids of the uploaded files.
        given: the clip, or in a sentence why it is refused.
    """

    uploads: tuple[str, ...]
    given: GivenClip | str


def uploaded() -> GivenClip | None:
    """Take a clip; it stays until another is given or it is let go, also while something else is looked at."""
    url_state.settle("predict_clip", "clip", list(_KINDS), "film")
    kind: Kind = (
        st.segmented_control(
            "Kind of clip",
            list(_KINDS),
            format_func=lambda name: _KINDS[name],
            key="predict_clip",
            required=True,
            persist_state="session",
            label_visibility="collapsed",
        )
        or "film"
    )
    url_state.keep("predict_clip", "clip", kind)
    if kind == "film":
        film = st.file_uploader(
            f"A film (MP4, MOV, WebM and others) or a GIF of a street: up to {LONGEST:,} frames and "
            f"{_MOST_MEGABYTES} MB. {_STAYS}",
            type=[*FILMS, "gif"],
            max_upload_size=_MOST_MEGABYTES,
            key="predict_clip_film",
        )
        shown = [film] if film else []
    else:
        shown = st.file_uploader(
            f"A folder of photos of a street, taken in the order of their names, ten a second: up to {LONGEST:,} "
            f"photos and {_MOST_MEGABYTES} MB together. {_STAYS}",
            type=list(ENDINGS),
            accept_multiple_files="directory",
            key="predict_clip_folder",
        )
    kept: dict[Kind, Kept] = st.session_state.setdefault(_KEPT, {})
    uploads = tuple(file.file_id for file in shown)
    if shown and (kind not in kept or kept[kind].uploads != uploads):
        kept[kind] = Kept(uploads, _given(kind, shown))
    if kind not in kept:
        return None
    given = kept[kind].given
    if isinstance(given, str):
        st.error(given, icon=":material/folder_off:")
        return None
    if not shown:
        # An uploader that was out of sight has forgotten its files, and looks as if they had been taken out of it.
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"**{given.name}** is still here.", width="content")
            st.button("Let it go", key="predict_clip_forget", type="tertiary", on_click=_forget, args=(kind,))
    return given


def _forget(kind: Kind) -> None:
    del st.session_state[_KEPT][kind]


def _given(kind: Kind, files: list[UploadedFile]) -> GivenClip | str:
    """Return the clip, or in a sentence why it is refused."""
    megabytes = sum(file.size for file in files) / 1e6
    if megabytes > _MOST_MEGABYTES * 1.05:
        return (
            f"Expected at most {_MOST_MEGABYTES} MB of photos, found {megabytes:,.0f} MB; make the photos smaller, "
            "or give fewer."
        )
    paths = [PurePosixPath(file.name) for file in files]
    # What lies in folders below is left out, as on the command line.
    chosen = [(path, file) for path, file in zip(paths, files, strict=True) if len(path.parts) <= 2]
    chosen = [(path, file) for path, file in chosen if not path.name.startswith(".")]
    if not chosen:
        return "Expected a folder with photos in it, found them in folders below it alone; choose one of those."
    contents = {path.name: file.getvalue() for path, file in sorted(chosen, key=lambda pair: pair[0].name)}
    first = chosen[0][0]
    name = first.name if kind == "film" else first.parts[0] if len(first.parts) == 2 else "photos"
    return GivenClip(name, kind, contents, _digest(contents.items()))


def _digest(contents: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, data in contents:
        digest.update(f"{len(name)} {name} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()
