"""The viewer of images with label maps, used by every page.

Photo and label maps are sent to the browser once; opacity, classes, palette, outlines, hovering, zooming and the slider
between two layers then work there without Python. Python receives clicks, previous and next, and changes of the
palette, which the whole app follows. Do not place it inside ``st.form``, where Streamlit drops such events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import streamlit as st
from pydantic import TypeAdapter, ValidationError

from cityseg.classes import CLASS_NAMES, COLOR_BLIND_PALETTE, NUM_CLASSES, PALETTE
from cityseg.errors import DataError
from cityseg.ui.app import session
from cityseg.ui.common.viewer.encode import MAX_SIDE, EncodedImage, encode_confidence, encode_map, encode_photo, pack

__all__ = ["PHOTO", "Layer", "ViewerEvent", "viewer"]

PHOTO = "photo"
"""Name of the bare photo in ``compare``."""
_SAFE = "colour-blind-safe"
_PALETTES = {"official": PALETTE, _SAFE: COLOR_BLIND_PALETTE}


@dataclass(frozen=True)
class Layer:
    """A map over the photo, stretched to the photo's rectangle whatever its own size."""

    name: str
    """Displayed, and used by ``compare``: "ground truth", "prediction", "experiment-3"."""
    values: np.ndarray | EncodedImage
    """(H, W) uint8 train ids, 255 for void; or the same from ``encode_map``."""
    confidence: np.ndarray | EncodedImage | None = None
    """(H, W) floats 0 to 1 or uint8 per cent, displayed while hovering, or the same from ``encode_confidence``."""
    classes: tuple[tuple[str, tuple[int, int, int]], ...] | None = None
    """Name and colour of each value if the values are not train ids, e.g. for an error map
    ``(("right", (90, 160, 90)), ("wrong", (220, 90, 20)))``; 255 stays void."""
    scale: tuple[str, str] | None = None
    """Names of both ends if the values are a quantity from 0 to 254, e.g. ``("sure", "unsure")``."""


@dataclass(frozen=True)
class ViewerEvent:
    """A user's action, reported in the one script run that it caused."""

    kind: Literal["click", "next", "previous"]
    x: int | None = None
    """Column of the clicked pixel in the photo as passed to ``viewer``; None for next and previous."""
    y: int | None = None
    """Its row."""


_EVENT = TypeAdapter(ViewerEvent)


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "cityseg_viewer",
    html=_asset("viewer.html"),
    css=_asset("viewer.css"),
    # Streamlit takes a single JavaScript text, so the files share one scope.
    js="\n".join(_asset(name) for name in ("pixels.js", "controls.js", "viewer.js")),
)


def viewer(
    photo: np.ndarray | EncodedImage,
    layers: Sequence[Layer],
    *,
    key: str,
    alt: str,
    opacity: float = 0.55,
    compare: tuple[str, str] | None = None,
    navigation: bool = False,
    group: str | None = None,
    legend: bool = True,
    clicks: bool = True,
    mark: tuple[int, int] | None = None,
    max_side: int = MAX_SIDE,
) -> ViewerEvent | None:
    """Show a photo with its label maps; return the user's action if it caused this run, else None.

    The user's settings (opacity, zoom, classes, slider) are kept per ``key`` in the browser; an argument overrides them
    only when the page changes it.

    Args:
        photo: (H, W, 3) uint8 RGB, or the same from ``encode_photo``.
        layers: maps to choose from, the first one shown first; names must differ.
        key: Streamlit key, unique on the page.
        alt: one sentence that describes the image; the largest classes are appended.
        opacity: initial opacity of the labels, 0 to 1.
        compare: the two sides of the slider, each ``PHOTO`` or a layer's name; None starts without the slider.
        navigation: show previous and next, also on the arrow keys.
        group: viewers of one group share zoom, opacity, classes, palette and outlines.
        legend: show the classes present.
        clicks: report clicks; each one reruns the page, so turn this off if the page ignores them.
        mark: (x, y) of a pixel of the photo to ring; the ring then follows the clicks.
        max_side: arrays are sent with at most this many pixels on the longer side.

    Raises:
        DataError: an array has the wrong shape or dtype, two layers share a name, or ``compare`` names no layer.
    """
    _check_names(layers, compare)
    palette = _SAFE if session.palette() is COLOR_BLIND_PALETTE else "official"
    options = {"key": key, "alt": alt, "navigation": navigation, "legend": legend, "clicks": clicks}
    initial = {"palette": palette, "opacity": opacity, "compare": compare, "group": group, "mark": mark}
    data = _payload(photo, layers, max_side, options | initial)
    event = _mount(key=key, data=data, on_event_change=lambda: _adopt_palette(key)).get("event")
    safe = _safe_colors(event)
    if safe is not None:
        # Parts of the page ran before the viewer, or lie outside the fragment that runs.
        session.rerun_with_colors(safe=safe)
    return _parse_event(event)


def _adopt_palette(key: str) -> None:
    """Apply the palette chosen in a viewer to the whole app; a callback, so it runs before the page."""
    safe = _safe_colors(st.session_state[key].get("event"))
    if safe is not None:
        session.choose_colors(safe=safe)


def _safe_colors(event: object) -> bool | None:
    """Return whether the user chose the colour-blind-safe palette; None for other events."""
    return event.get("palette") == _SAFE if isinstance(event, Mapping) and event.get("kind") == "palette" else None


def _check_names(layers: Sequence[Layer], compare: tuple[str, str] | None) -> None:
    names = [PHOTO, *(layer.name for layer in layers)]
    if len(set(names)) != len(names):
        raise DataError(f'viewer layers: expected different names, none of them "{PHOTO}", found {names[1:]}')
    for name in compare or ():
        if name not in names:
            raise DataError(f"viewer compare: expected two of {names}, found {name!r}")


def _payload(
    photo: np.ndarray | EncodedImage, layers: Sequence[Layer], max_side: int, options: Mapping[str, Any]
) -> bytes:
    """Encode arrays and pack everything; layers refer to images by position."""
    width, height = photo.shape[1::-1] if isinstance(photo, np.ndarray) else (photo.width, photo.height)
    images = [encode_photo(photo, max_side) if isinstance(photo, np.ndarray) else photo]
    described = []
    for layer in layers:
        entry: dict[str, Any] = {"name": layer.name, "classes": layer.classes, "scale": layer.scale}
        maps = ("ids", layer.values, encode_map), ("confidence", layer.confidence, encode_confidence)
        for name, image, encode in maps:
            entry[name] = None if image is None else len(images)
            if image is not None:
                images.append(encode(image, max_side) if isinstance(image, np.ndarray) else image)
        described.append(entry)
    header = {
        **options,
        "photo": {"width": width, "height": height},
        "layers": described,
        "classNames": CLASS_NAMES,
        "palettes": [{"name": name, "colors": rgb[:NUM_CLASSES].tolist()} for name, rgb in _PALETTES.items()],
    }
    return pack(header, images)


def _parse_event(value: object) -> ViewerEvent | None:
    """Validate an event from the browser; a malformed one counts as none."""
    try:
        return _EVENT.validate_python(value)
    except ValidationError:
        return None
