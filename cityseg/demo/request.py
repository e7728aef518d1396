"""What a visitor or a program asks for, checked before anything is done: gradio's own checks leave tracebacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cityseg.api.types import FITS, Fit
from cityseg.errors import UsageError

NOT_UPLOADED = (
    "expected an uploaded photo file, found something else; in Python, send handle_file(PATH) of gradio_client"
)
_LONGEST = 60
"""Characters of a wrong value that are told back."""


@dataclass(frozen=True)
class Asked:
    """A photo file and how to look at it.

    Attributes:
        photo: an uploaded file.
        model: id of one of the models.
        fit: how the photo is brought to the model's size.
        flip: whether the mirrored photo is looked at too.
        opacity: of the colours, 0 to 1.
    """

    photo: Path
    model: str
    fit: Fit
    flip: bool
    opacity: float


def calls_itself_uploaded(photo: Any) -> bool:
    """Tell whether a value has the form of gradio's description of an uploaded file."""
    return (
        isinstance(photo, dict)
        and isinstance(photo.get("path"), str)
        and isinstance(photo.get("meta"), dict)
        and photo["meta"].get("_type") == "gradio.FileData"
    )


def asked(photo: Any, model: Any, fit: Any, flip: Any, opacity: Any, models: Sequence[str], uploads: Path) -> Asked:
    """Check what came in as JSON.

    Args:
        photo: gradio's description of an uploaded file.
        model, fit, flip, opacity: the settings.
        models: ids of the models there are.
        uploads: where uploaded files lie; no other file is read for anyone.

    Raises:
        UsageError: a value that none of these can have.
    """
    if photo is None:
        raise UsageError("expected a photo, found none; choose one, or click a drawn street")
    if not calls_itself_uploaded(photo) or not Path(photo["path"]).resolve().is_relative_to(uploads.resolve()):
        raise UsageError(NOT_UPLOADED)
    if model not in models:
        raise UsageError(f"expected a model, one of {', '.join(models)}; found {_told(model)}")
    if fit not in FITS:
        raise UsageError(f"expected a fit, one of {', '.join(FITS)}; found {_told(fit)}")
    if not isinstance(flip, bool):
        raise UsageError(f"expected true or false for flip, found {_told(flip)}")
    if isinstance(opacity, bool) or not isinstance(opacity, int | float) or not 0 <= opacity <= 1:
        raise UsageError(f"expected an opacity from 0 to 1, found {_told(opacity)}")
    return Asked(Path(photo["path"]), model, fit, flip, float(opacity))


def _told(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
