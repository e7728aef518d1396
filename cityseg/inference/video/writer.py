"""Writing of overlay videos for browsers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation

LARGEST_FRAME = 4096 * 2160
"""Maximum pixels of a written frame: more exceeds H.264 level 5.1, which players do not support."""
LONGEST_SIDE = 8192
_TICK = Fraction(1, 90_000)
"""Times are written in multiples of this, seconds."""


class VideoWriter:
    """Writes an MP4 (H.264) for browsers, a frame at a time; frames of other sizes are resized to the first.

    Frames keep their size up to ``LARGEST_FRAME`` and ``LONGEST_SIDE``; larger ones are downscaled. Colours are
    converted with the matrix of BT.709 and tagged so, because players guess the matrix of untagged videos. The range is
    full, as in videos of many phones: browsers without a GPU show the blues of a limited range up to 12 levels darker.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        """Create the file; a frame without a duration lasts 1 / ``rate`` seconds."""
        # The index comes first, so that browsers start playing before the download ends.
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._rate, self._second = rate, Fraction(0)
        self._stream: Any = None
        self._durations: dict[int, int] = {}

    def add(self, frame: np.ndarray, duration: Fraction | None = None) -> None:
        """Append (H, W, 3) uint8 sRGB, shown for ``duration`` seconds."""
        if self._stream is None:
            self._stream = self._open(*frame.shape[:2])
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture = picture.reformat(
            width=self._stream.width,
            height=self._stream.height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
        )
        picture.color_primaries, picture.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        picture.pts, picture.time_base = round(self._second / _TICK), _TICK
        self._second += duration or 1 / self._rate
        self._durations[picture.pts] = max(1, round(self._second / _TICK) - picture.pts)
        self._write(picture)

    def close(self) -> None:
        """Finish the file."""
        try:
            if self._stream is not None:
                self._write(None)
        finally:
            self._container.close()

    def _open(self, height: int, width: int) -> Any:
        stream: Any = self._container.add_stream("libx264", rate=self._rate.limit_denominator(60_000))
        scale = min(1.0, (LARGEST_FRAME / (height * width)) ** 0.5, LONGEST_SIDE / max(height, width))
        # 4:2:0 chroma subsampling requires even sides.
        stream.width, stream.height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = _TICK
        # In display order, the last packet is that of the last frame, and its duration ends the video.
        context.max_b_frames = 0
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.JPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _write(self, picture: Any) -> None:
        for packet in self._stream.encode(picture):
            packet.duration = self._durations.pop(packet.pts)
            self._container.mux(packet)
