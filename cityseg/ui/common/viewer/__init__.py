"""The viewer of images with label maps, used by every page.

Photo and label maps are sent to the browser once; opacity, classes, palette, outlines, hovering, zooming and the slider
between two layers then work there without Python. Python receives clicks, previous and next, and changes of the
palette, which the whole app follows. Do not place it inside ``st.form``, where Streamlit drops such events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import streamlit as st

from cityseg.classes import CLASS_NAMES, COLOR_BLIND_PALETTE, PALETTE
from cityseg.errors import DataError
from cityseg.ui.app import session
from cityseg.ui.common.viewer.encode import (
    MAX_SIDE,
    EncodedImage,
    encode_confidence,
    encode_map,
    encode_photo,
    pack,
)

__all__ = ["PHOTO", "Layer", "ViewerEvent", "viewer"]

PHOTO = "photo"
"""Name of the bare photo in ``compare``."""

EventKind = Literal["click", "next", "previous"]
_SAFE = "colour-blind-safe"


@dataclass(frozen=True)
class Layer:
    """A map over the photo, stretched to the photo's rectangle whatever its own size.

    Attributes:
        name: displayed, and used by ``compare``: "ground truth", "prediction", "experiment-3".
        values: (H, W) uint8 train ids, 255 for void; or the same from ``encode_map``.
        confidence: (H, W) floats 0 to 1 or uint8 per cent, displayed while hovering, or the same from
            ``encode_confidence``; None if unknown.
        classes: name and colour of each value if the values are not train ids, e.g. for an error map
            ``(("right", (90, 160, 90)), ("wrong", (220, 90, 20)))``; 255 stays void.
        scale: names of both ends if the values are a quantity from 0 to 254, e.g. ``("sure", "unsure")``.
    """

    name: str
    values: np.ndarray | EncodedImage
    confidence: np.ndarray | EncodedImage | None = None
    classes: tuple[tuple[str, tuple[int, int, int]], ...] | None = None
    scale: tuple[str, str] | None = None


@dataclass(frozen=True)
class ViewerEvent:
    """A user's action, reported in the one script run that it caused.

    Attributes:
        kind: of action.
        x, y: column and row of the clicked pixel in the photo as passed to ``viewer``; None for next and previous.
        layer: name of the layer under the pointer; None over the bare photo.
        train_id: value of that layer there, 255 for void.
        nonce: increases with every event of a browser session, which distinguishes equal clicks.
    """

    kind: EventKind
    x: int | None
    y: int | None
    layer: str | None
    train_id: int | None
    nonce: int


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
    palette: np.ndarray | None = None,
    opacity: float = 0.55,
    compare: tuple[str, str] | None = None,
    navigation: bool = False,
    group: str | None = None,
    legend: bool = True,
    clicks: bool = True,
    mark: tuple[int, int] | None = None,
    max_side: int = MAX_SIDE,
) -> ViewerEvent | None:
    """Show a photo with its label maps.

    The user's settings (opacity, zoom, classes, slider) are kept per ``key`` in the browser; an argument overrides them
    only when the page changes it.

    Args:
        photo: (H, W, 3) uint8 RGB, or the same from ``encode_photo``.
        layers: maps to choose from, the first one shown first; names must differ.
        key: Streamlit key, unique on the page.
        alt: one sentence that describes the image; the largest classes are appended.
        palette: initial (256, 3) uint8 colours, by default those chosen for the whole app, which the viewer's own
            switch changes too.
        opacity: initial opacity of the labels, 0 to 1.
        compare: the two sides of the slider, each ``PHOTO`` or a layer's name; None starts without the slider.
        navigation: show previous and next, also on the arrow keys.
        group: viewers of one group share zoom, opacity, classes, palette and outlines.
        legend: show the classes present.
        clicks: report clicks; each one reruns the page, so turn this off if the page ignores them.
        mark: (x, y) of a pixel of the photo to ring; the ring then follows the clicks.
        max_side: arrays are sent with at most this many pixels on the longer side.

    Returns:
        The user's action if it caused this run, else None.

    Raises:
        DataError: an array has the wrong shape or dtype, two layers share a name, or ``compare`` names no layer.
    """
    _check_names(layers, compare)
    options: dict[str, Any] = {
        "key": key,
        "alt": alt,
        "opacity": round(min(1.0, max(0.0, float(opacity))), 3),
        "compare": list(compare) if compare else None,
        "navigation": navigation,
        "group": group,
        "legend": legend,
        "clicks": clicks,
        "mark": list(mark) if mark else None,
    }
    payload = _payload(photo, layers, session.palette() if palette is None else palette, max_side, options)
    event = _mount(key=key, data=payload, on_event_change=lambda: _adopt_palette(key)).get("event")
    chosen = _chosen_palette(event)
    if chosen is not None:
        # Parts of the page ran before the viewer, or lie outside the fragment that runs.
        session.rerun_with_colors(safe=chosen == _SAFE)
    return _parse_event(event)


def _adopt_palette(key: str) -> None:
    """Apply the palette chosen in a viewer to the whole app; a callback, so it runs before the page."""
    name = _chosen_palette(st.session_state[key].get("event"))
    if name is not None:
        session.choose_colors(safe=name == _SAFE)


def _chosen_palette(event: object) -> str | None:
    if not isinstance(event, Mapping) or event.get("kind") != "palette":
        return None
    return str(event.get("palette"))


def _check_names(layers: Sequence[Layer], compare: tuple[str, str] | None) -> None:
    names = [PHOTO, *(layer.name for layer in layers)]
    if len(set(names)) != len(names):
        raise DataError(f'viewer layers: expected different names, none of them "{PHOTO}", found {names[1:]}')
    for name in compare or ():
        if name not in names:
            raise DataError(f"viewer compare: expected two of {names}, found {name!r}")


def _payload(
    photo: np.ndarray | EncodedImage,
    layers: Sequence[Layer],
    palette: np.ndarray,
    max_side: int,
    options: Mapping[str, Any],
) -> bytes:
    """Encode arrays and pack everything; layers refer to images by position."""
    encoded = photo if isinstance(photo, EncodedImage) else encode_photo(photo, max_side)
    width, height = (photo.width, photo.height) if isinstance(photo, EncodedImage) else photo.shape[1::-1]
    images, described = [encoded], []
    for layer in layers:
        entry: dict[str, Any] = {"name": layer.name, "ids": len(images), "confidence": None}
        entry["classes"] = [[name, list(color)] for name, color in layer.classes] if layer.classes else None
        entry["scale"] = list(layer.scale) if layer.scale else None
        images.append(encode_map(layer.values, max_side) if isinstance(layer.values, np.ndarray) else layer.values)
        if layer.confidence is not None:
            entry["confidence"] = len(images)
            confidence = layer.confidence
            images.append(encode_confidence(confidence, max_side) if isinstance(confidence, np.ndarray) else confidence)
        described.append(entry)
    header = {
        **options,
        "photo": {"width": width, "height": height},
        "layers": described,
        "classNames": list(CLASS_NAMES),
        **_palettes(palette),
    }
    return pack(header, images)


def _palettes(palette: np.ndarray) -> dict[str, Any]:
    """Return the palettes to choose from; a custom one replaces the official one."""
    used = len(CLASS_NAMES)
    safe = {"name": _SAFE, "colors": COLOR_BLIND_PALETTE[:used].tolist()}
    first = {"name": "official", "colors": PALETTE[:used].tolist()}
    if np.array_equal(palette[:used], COLOR_BLIND_PALETTE[:used]):
        return {"palettes": [first, safe], "palette": safe["name"]}
    if not np.array_equal(palette[:used], PALETTE[:used]):
        first = {"name": "custom", "colors": palette[:used].tolist()}
    return {"palettes": [first, safe], "palette": first["name"]}


def _parse_event(value: object) -> ViewerEvent | None:
    """Validate an event from the browser; a malformed one counts as none."""
    if not isinstance(value, Mapping) or value.get("kind") not in get_args(EventKind):
        return None

    def integer(name: str) -> int | None:
        number = value.get(name)
        return int(number) if isinstance(number, (int, float)) else None

    layer = value.get("layer")
    return ViewerEvent(
        kind=cast("EventKind", value["kind"]),
        x=integer("x"),
        y=integer("y"),
        layer=layer if isinstance(layer, str) else None,
        train_id=integer("train_id"),
        nonce=integer("nonce") or 0,
    )
