"""Video files made for tests, with PyAV alone."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, Interpolation

EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
MATRICES = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 9: Colorspace.BT2020}


def encode(path: Path, images: Sequence[np.ndarray], *, metadata: dict[str, str] | None = None, **track: Any) -> Path:
    """Encode (H, W, C) images as a video of one track; see ``open_track`` and ``fill``."""
    return encode_tracks(path, [{"images": images, **track}], metadata)


def encode_tracks(path: Path, tracks: Sequence[dict[str, Any]], metadata: dict[str, str] | None = None) -> Path:
    """Encode several tracks."""
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        # The header is written with the first packet, so all tracks are opened first.
        for stream, track in [(open_track(container, **track), track) for track in tracks]:
            fill(container, stream, **track)
    return path


def open_track(
    container: Any,
    images: Sequence[np.ndarray],
    codec: str = "ffv1",
    pix_fmt: str = "yuv444p",
    rate: Fraction | int = 10,
    seconds: Sequence[float] | None = None,
    aspect: Fraction | None = None,
    tags: dict[str, int] | None = None,
    rotation: tuple[int, bool, bool] | None = None,
    disposition: int | None = None,
    **_: Any,
) -> Any:
    """Add a track; ``rotation`` is (degrees counter-clockwise, mirrored, flipped)."""
    stream = container.add_stream(codec, rate=rate)
    stream.height, stream.width = images[0].shape[:2]
    stream.pix_fmt = pix_fmt
    context = stream.codec_context
    if seconds is not None:
        context.time_base = Fraction(1, 90_000)
        if codec == "libx264":
            context.max_b_frames = 0
    if aspect is not None:
        context.sample_aspect_ratio = aspect
    for name, value in (tags or {}).items():
        setattr(context, name, value)
    if rotation is not None:
        stream.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
    if disposition is not None:
        stream.disposition = disposition
    return stream


def fill(
    container: Any,
    stream: Any,
    images: Sequence[np.ndarray],
    pix_fmt: str = "yuv444p",
    seconds: Sequence[float] | None = None,
    end: float | None = None,
    matrix: int = 5,
    tags: dict[str, int] | None = None,
    **_: Any,
) -> None:
    """Encode the images of a track.

    Args:
        container: open for writing.
        stream: its track.
        images: (H, W, 3 or 4) uint8, or (H, W, 3) uint16.
        pix_fmt: pixel format of PyAV.
        seconds: times of the images; by default the rate gives them.
        end: end of the last image, with ``seconds``.
        matrix: matrix coefficients of ITU-T H.273 by which RGB is converted.
        tags: what the file says about its colours, which may be something else.
    """
    ticks = [round(second * 90_000) for second in seconds] if seconds is not None else list(range(len(images)))
    full = 2 if (tags or {}).get("color_range") == 2 else 1
    for image, pts in zip(images, ticks, strict=True):
        kind = {3: "rgb24", 4: "rgba"}[image.shape[2]] if image.dtype == np.uint8 else "rgb48le"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=kind)
        if kind != pix_fmt:
            frame = frame.reformat(
                format=pix_fmt, dst_colorspace=MATRICES[matrix], dst_color_range=full, interpolation=EXACT
            )
        for name, value in (tags or {}).items():
            setattr(frame, name, value)
        frame.pts = pts
        write(container, stream.encode(frame), ticks, end)
    write(container, stream.encode(), ticks, end)


def write(container: Any, packets: Sequence[Any], ticks: Sequence[int], end: float | None) -> None:
    """Write packets with the durations that their times imply."""
    for packet in packets:
        if end is not None:
            following = [tick for tick in ticks if tick > packet.pts] + [round(end * 90_000)]
            packet.duration = following[0] - packet.pts
        container.mux(packet)


def plain(color: Sequence[int], size: tuple[int, int] = (32, 64)) -> np.ndarray:
    """A picture of one colour."""
    return np.full((*size, len(color)), color, np.uint8)
