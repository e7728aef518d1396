"""Videos uploaded to the Predict page: a video file, a GIF, or a folder of photos."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from cityseg.api.types import ENDINGS, LONGEST, client_name
from cityseg.markdown import escape
from cityseg.ui.common.url_choice import choose_option

Kind = Literal["video", "folder"]
_KINDS: dict[Kind, str] = {"video": "Video or GIF", "folder": "Folder of photos"}
_STORED = "predict clips"
_MAX_MEGABYTES = 100
"""Limit for a video, and for all photos of a folder together."""


@dataclass(frozen=True)
class VideoUpload:
    """An uploaded video file or folder: its files as name and content, in order, and a hash of them.

    The names come from a client. They are shown and name downloads, and never become paths on this machine.
    """

    name: str
    kind: Kind
    files: tuple[tuple[str, bytes], ...]
    digest: str

    def write(self, folder: Path) -> Path:
        """Write the files under names of our own into an empty folder; return the path for ``api.predict_video``."""
        target = folder / "video"
        if self.kind == "folder":
            target.mkdir()
        for path, (_, data) in zip(self._paths(target), self.files, strict=True):
            path.write_bytes(data)
        return target

    def renamed(self, message: str, path: Path) -> str:
        """Return an error message about the written ``path`` with the client's names."""
        if self.kind == "folder":
            for written, (name, _) in zip(self._paths(path), self.files, strict=True):
                message = message.replace(str(written), f"{self.name}/{name}")
        return message.replace(str(path), self.name)

    def _paths(self, target: Path) -> list[Path]:
        if self.kind == "video":
            return [target]
        return [target / f"{number:06}.{_suffix(name)}" for number, (name, _) in enumerate(self.files)]


def choose() -> VideoUpload | None:
    """Show the uploader; an upload stays until it is replaced or removed, also while another source is shown."""
    kind = choose_option(
        st.segmented_control, "Kind of video", _KINDS, "predict_clip", "clip", label_visibility="collapsed"
    )
    if kind == "video":
        label = (
            f"A street video (MP4, MOV, MTS, WebM, 3GP and others) or GIF: up to {LONGEST:,} frames and "
            f"{_MAX_MEGABYTES} MB."
        )
        # Any type: the content decides, and Streamlit would reject other endings with a stack trace.
        options: dict[str, Any] = {"max_upload_size": _MAX_MEGABYTES}
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
        st.error(escape(upload), icon=":material/folder_off:")
        return None
    if upload and not shown:
        # The uploader was hidden in between and has lost its files.
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"**{escape(upload.name)}** is still here.", width="content")
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
    paths = [([part for part in file.name.replace("\\", "/").split("/") if part], file) for file in files]
    if kind == "video":
        used = [(client_name(file.name, "video"), file) for file in files]
        name = used[0][0]
    else:
        # Subfolders and other files are left out, as on the command line.
        inside = [(parts, file) for parts, file in paths if 1 <= len(parts) <= 2 and not parts[-1].startswith(".")]
        named = sorted(((client_name(parts[-1]), file) for parts, file in inside), key=lambda pair: pair[0])
        used = [(name, file) for name, file in named if _suffix(name) in ENDINGS]
        if not used:
            return "Expected a folder of photos, found photos in its subfolders only; choose one of those."
        folders = [parts[0] for parts, _ in inside if len(parts) == 2]
        name = client_name(folders[0], "photos") if folders else "photos"
    contents = tuple((file_name, file.getvalue()) for file_name, file in used)
    digest = hashlib.sha256()
    for file_name, data in contents:
        digest.update(f"{len(file_name)} {file_name} {len(data)} ".encode())
        digest.update(data)
    return VideoUpload(name, kind, contents, digest.hexdigest())


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower().removeprefix(".")
