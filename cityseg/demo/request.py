"""Validation of requests to the demo; gradio's own checks end in tracebacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cityseg.api.types import FITS
from cityseg.demo.cleanup import KEEP_SECONDS
from cityseg.errors import UsageError

NOT_UPLOADED = (
    "expected an uploaded photo file, found something else; in Python, send handle_file(PATH) of gradio_client"
)
DELETED = f"expected a photo of the last {KEEP_SECONDS // 60} minutes, found a deleted one; upload it again"
_MAX_QUOTED = 60
"""Characters of a wrong value that an error quotes."""


def is_upload(photo: Any) -> bool:
    """Whether a value has the form of gradio's description of an uploaded file."""
    return (
        isinstance(photo, dict)
        and isinstance(photo.get("path"), str)
        and isinstance(photo.get("meta"), dict)
        and photo["meta"].get("_type") == "gradio.FileData"
    )


def uploads(values: Any) -> Iterator[str]:
    """Yield the path of every description of an uploaded file, at any depth."""
    left = [values]
    while left:
        value = left.pop()
        if is_upload(value):
            yield value["path"]
        elif isinstance(value, dict | list):
            left += value.values() if isinstance(value, dict) else value


def check_request(
    photo: Any, model: Any, fit: Any, flip: Any, opacity: Any, models: Sequence[str], folder: Path
) -> None:
    """Raise UsageError unless the values, which arrived as JSON, are valid.

    The photo is gradio's description of a file in ``folder``, outside of which no file is read.
    """
    if photo is None:
        raise UsageError("expected a photo, found none; choose one, or click an example")
    if not is_upload(photo) or not Path(photo["path"]).resolve().is_relative_to(folder.resolve()):
        raise UsageError(NOT_UPLOADED)
    if Path(photo["path"]).is_dir():
        raise UsageError(NOT_UPLOADED)
    if model not in models:
        raise UsageError(f"expected a model, one of {', '.join(models)}; found {_quoted(model)}")
    if fit not in FITS:
        raise UsageError(f"expected a fit, one of {', '.join(FITS)}; found {_quoted(fit)}")
    if not isinstance(flip, bool):
        raise UsageError(f"expected true or false for flip, found {_quoted(flip)}")
    if isinstance(opacity, bool) or not isinstance(opacity, int | float) or not 0 <= opacity <= 1:
        raise UsageError(f"expected an opacity from 0 to 1, found {_quoted(opacity)}")


def _quoted(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_QUOTED else f"{text[: _MAX_QUOTED - 1]}…"
