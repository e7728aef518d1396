"""The one viewer: every picture with labels, on every page, is shown by ``viewer``.

The photo and the label maps go to the browser once; opacity, classes, palette, outlines, hovering, zooming and
the slider between two layers then work there without asking Python. Python hears of clicks, of next and previous,
and of another palette, which the whole app follows. Must not be placed inside ``st.form``, where Streamlit drops
such events.
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
from cityseg.ui.common.viewer.encode import Picture, encode_confidence, encode_map, encode_photo, pack

__all__ = ["PHOTO", "Layer", "ViewerEvent", "viewer"]

PHOTO = "photo"
"""What ``compare`` calls the bare photo."""

EventKind = Literal["click", "next", "previous"]
_SAFE = "colour-blind-safe"


@dataclass(frozen=True)
class Layer:
    """A map over the photo, stretched to the photo's rectangle whatever its own size.

    Attributes:
        name: shown to the user and used by ``compare``: "truth", "prediction", "experiment-3".
        train_ids: (H, W) uint8 train ids, 255 for void.
        confidence: (H, W) floats 0 to 1 or uint8 0 to 255, named while hovering; None if unknown.
        classes: what the values mean where they are not train ids, e.g. for an error map
            ``(("right", (90, 160, 90)), ("wrong", (220, 90, 20)))``; value i is entry i, 255 stays void.
        scale: the names of both ends where the values are a quantity, 0 to 255, e.g. ``("sure", "unsure")``.
    """

    name: str
    train_ids: np.ndarray
    confidence: np.ndarray | None = None
    classes: tuple[tuple[str, tuple[int, int, int]], ...] | None = None
    scale: tuple[str, str] | None = None


@dataclass(frozen=True)
class ViewerEvent:
    """What the user did, reported in the one script run that it caused.

    Attributes:
        kind: what happened.
        x: column of the clicked pixel in the photo as it was given; None for next and previous.
        y: row of the clicked pixel.
        layer: name of the layer drawn under the pointer; None over the bare photo.
        train_id: value of that layer there, 255 for void.
        nonce: grows with every event of a browser session, so that equal clicks are told apart.
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
    # One module: Streamlit takes a single JavaScript text, and these files share its scope.
    js="\n".join(_asset(name) for name in ("pixels.js", "controls.js", "viewer.js")),
)


def viewer(
    photo: np.ndarray,
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
    max_side: int = 1600,
) -> ViewerEvent | None:
    """Show a photo with its label maps.

    What the user sets (opacity, zoom, classes, slider) is kept for ``key`` in the browser; an argument takes
    over again only when the page changes it.

    Args:
        photo: (H, W, 3) uint8, red green blue.
        layers: maps to choose from, the first one shown first; names must differ.
        key: Streamlit key, unique on the page.
        alt: one sentence on what the picture shows; the largest classes are added to it.
        palette: (256, 3) uint8 colours to begin with, by default those chosen for the whole app, which the viewer's
            own switch changes too.
        opacity: of the labels over the photo, 0 to 1, to begin with.
        compare: the two sides of the slider, each ``PHOTO`` or a layer's name; None starts without the slider.
        navigation: show previous and next, also on the arrow keys.
        group: viewers of one group share zoom, opacity, classes, palette and outlines.
        legend: show the classes that are present.
        clicks: report clicks; each one runs the page, so say False where nothing comes of it.
        mark: (x, y) of a pixel of the photo to ring; the ring then follows the clicks.
        max_side: photo and maps are sent with at most this many pixels on the longer side.

    Returns:
        What the user did if that caused this run, else None.

    Raises:
        DataError: an array has the wrong shape or type, two layers share a name, or ``compare`` names no layer.
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
    result = _mount(key=key, data=payload, on_event_change=lambda: _adopt_colors(key))
    event = result.get("event")
    chosen = _chosen_palette(event)
    if chosen is not None:
        # The rest of the page was drawn before, or lies outside the fragment that runs.
        session.draw_again_in(safe=chosen == _SAFE)
    return _parse_event(event)


def _adopt_colors(key: str) -> None:
    """Let the whole app follow the switch in a viewer; runs before the page does."""
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
    photo: np.ndarray, layers: Sequence[Layer], palette: np.ndarray, max_side: int, options: Mapping[str, Any]
) -> bytes:
    """Encode the pictures and pack them; layers refer to pictures by their position."""
    pictures: list[Picture] = [encode_photo(photo, max_side)]
    described: list[dict[str, Any]] = []
    for layer in layers:
        entry: dict[str, Any] = {"name": layer.name, "ids": len(pictures), "confidence": None}
        entry["classes"] = [[name, list(color)] for name, color in layer.classes] if layer.classes else None
        entry["scale"] = list(layer.scale) if layer.scale else None
        pictures.append(encode_map(layer.train_ids, max_side))
        if layer.confidence is not None:
            entry["confidence"] = len(pictures)
            pictures.append(encode_confidence(layer.confidence, max_side))
        described.append(entry)
    header = {
        **options,
        "photo": {"width": photo.shape[1], "height": photo.shape[0]},
        "layers": described,
        "classNames": list(CLASS_NAMES),
        **_palettes(palette),
    }
    return pack(header, pictures)


def _palettes(palette: np.ndarray) -> dict[str, Any]:
    """List the palettes to choose from; one of the page's own takes the place of the official one."""
    used = len(CLASS_NAMES)
    safe = {"name": _SAFE, "colors": COLOR_BLIND_PALETTE[:used].tolist()}
    first = {"name": "official", "colors": PALETTE[:used].tolist()}
    if np.array_equal(palette[:used], COLOR_BLIND_PALETTE[:used]):
        return {"palettes": [first, safe], "palette": safe["name"]}
    if not np.array_equal(palette[:used], PALETTE[:used]):
        first = {"name": "custom", "colors": palette[:used].tolist()}
    return {"palettes": [first, safe], "palette": first["name"]}


def _parse_event(value: object) -> ViewerEvent | None:
    """Read an event; what comes from a browser is checked, and anything malformed counts as no event."""
    if not isinstance(value, Mapping) or value.get("kind") not in get_args(EventKind):
        return None

    def whole(name: str) -> int | None:
        number = value.get(name)
        return int(number) if isinstance(number, (int, float)) else None

    layer = value.get("layer")
    return ViewerEvent(
        kind=cast("EventKind", value["kind"]),
        x=whole("x"),
        y=whole("y"),
        layer=layer if isinstance(layer, str) else None,
        train_id=whole("train_id"),
        nonce=whole("nonce") or 0,
    )
