"""Videos uploaded to the Predict page: a video file, a GIF, or a folder of photos."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from cityseg.api.types import ENDINGS, LONGEST, VIDEO_SUFFIXES
from cityseg.ui.common.url_choice import choose_option

Kind = Literal["film", "folder"]
_KINDS: dict[Kind, str] = {"film": "Video or GIF", "folder": "Folder of photos"}
_STORED = "predict clips"
_MAX_MEGABYTES = 100
"""Limit for a video, and for all photos of a folder together."""


@dataclass(frozen=True)
class VideoUpload:
    """An uploaded video file or folder: its files' contents by name, and a hash of them."""

    name: str
    kind: Kind
    files: dict[str, bytes]
    digest: str

    def write(self, folder: Path) -> Path:
        """Write the files into an empty folder; return the path of the video, as for ``api.predict_video``."""
        target = folder / self.name if self.kind == "folder" else folder
        target.mkdir(exist_ok=True)
        for name, data in self.files.items():
            (target / name).write_bytes(data)
        return target if self.kind == "folder" else target / self.name


def choose() -> VideoUpload | None:
    """Show the uploader; an upload stays until it is replaced or removed, also while another source is shown."""
    kind = choose_option(
        st.segmented_control, "Kind of video", _KINDS, "predict_clip", "clip", label_visibility="collapsed"
    )
    if kind == "film":
        label = f"A street video (MP4, MOV, WebM and others) or GIF: up to {LONGEST:,} frames and {_MAX_MEGABYTES} MB."
        options: dict[str, Any] = {"type": [*VIDEO_SUFFIXES, "gif"], "max_upload_size": _MAX_MEGABYTES}
    else:
        label = (
            "A folder of street photos, played in the order of their names at ten frames per second: up to "
            f"{LONGEST:,} photos and {_MAX_MEGABYTES} MB together."
        )
        options = {"type": list(ENDINGS), "accept_multiple_files": "directory"}
    label += " Files stay on the machine that runs this studio and are deleted when you leave."
    shown = st.file_uploader(label, key=f"predict_clip_{kind}", on_change=_store, args=(kind,), **options)
    upload: VideoUpload | str | None = st.session_state.get(_STORED, {}).get(kind)
    if isinstance(upload, str):
        st.error(upload, icon=":material/folder_off:")
        return None
    if upload and not shown:
        # The uploader was hidden in between and has lost its files.
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"**{upload.name}** is still here.", width="content")
            st.button("Remove", key="predict_clip_forget", type="tertiary", on_click=_store, args=(kind,))
    return upload


def _store(kind: Kind) -> None:
    """Keep the upload, or its error message, in the session; without files, remove it."""
    shown = st.session_state[f"predict_clip_{kind}"] or []
    files = shown if isinstance(shown, list) else [shown]
    st.session_state.setdefault(_STORED, {})[kind] = _read(kind, files) if files else None


def _read(kind: Kind, files: list[UploadedFile]) -> VideoUpload | str:
    """Return the uploaded video, or an error message."""
    megabytes = sum(file.size for file in files) / 1e6
    if megabytes > _MAX_MEGABYTES * 1.05:
        return (
            f"Expected at most {_MAX_MEGABYTES} MB of photos, found {megabytes:,.0f} MB; make the photos smaller, or "
            "upload fewer."
        )
    paths = [(PurePosixPath(file.name), file) for file in files]
    # Subfolders are left out, as on the command line.
    used = [(path, file) for path, file in paths if len(path.parts) <= 2 and not path.name.startswith(".")]
    if not used:
        return "Expected a folder of photos, found photos in its subfolders only; choose one of those."
    contents = {path.name: file.getvalue() for path, file in sorted(used, key=lambda pair: pair[0].name)}
    first = used[0][0]
    name = first.name if kind == "film" else first.parts[0] if len(first.parts) == 2 else "photos"
    digest = hashlib.sha256()
    for file_name, data in contents.items():
        digest.update(f"{len(file_name)} {file_name} {len(data)} ".encode())
        digest.update(data)
    return VideoUpload(name, kind, contents, digest.hexdigest())
