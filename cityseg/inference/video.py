"""Reading and writing of short videos, one frame at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from cityseg.data.image_io import DAMAGE, ENDINGS, MAX_PIXELS, read_photo_file
from cityseg.errors import DataError

VIDEO_SUFFIXES = ("mp4", "mov", "m4v", "mkv", "webm", "avi")
"""Suffixes of video files, in lower case; ``Video`` also reads a GIF and a folder of photos."""
LONGEST = 3000
"""Maximum number of frames of a video."""
LARGEST_FRAME = 4096 * 2160
"""Maximum pixels of a written frame: more exceeds H.264 level 5.1, which players do not support."""
LONGEST_SIDE = 8192
_RATE = 10
"""Frames per second of a folder of photos."""


def is_video(path: Path) -> bool:
    """Whether a file has the suffix of a video."""
    return path.suffix.lower().removeprefix(".") in VIDEO_SUFFIXES


def photos_in(folder: Path) -> list[Path]:
    """Return the photos directly in a folder, sorted by name, without hidden ones.

    Raises:
        DataError: the folder contains none.
    """
    named = (path for path in folder.glob("[!.]*") if path.suffix.lower().removeprefix(".") in ENDINGS)
    found = sorted(path for path in named if path.is_file())
    if not found:
        raise DataError(f"{folder}: expected a folder of photos, found no file that ends in .{', .'.join(ENDINGS)}")
    return found


class Video:
    """A video, a GIF or a folder of photos: ``rate`` in frames per second, ``length`` in frames, None if unknown."""

    def __init__(self, path: Path, most_pixels: int | None = None) -> None:
        """Read the header; ``most_pixels`` limits the pixels of all frames together.

        Raises:
            DataError: the file is not a video, damaged, too large or too long.
        """
        self.path = path
        self._most_pixels = most_pixels
        self.rate: Fraction = Fraction(_RATE)
        self.length: int | None = None
        if path.is_dir():
            self._photos = photos_in(path)
            self.length = len(self._photos)
        elif is_video(path):
            with self._video() as (_, stream):
                width, height = stream.width, stream.height
                self.rate = Fraction(stream.average_rate or _RATE)
                self.length = stream.frames or None
            self._expect_pixels(width, height)
        else:
            with self._gif() as image:
                width, height = image.size
                self._expect_pixels(width, height)
                self.length = image.n_frames
                self.rate = Fraction(1000, max(20, int(image.info.get("duration", 0)) or 1000 // _RATE))
        if self.length is not None and self.length > LONGEST:
            raise self._too_long(f"{self.length:,}")
        if self.length is not None and not path.is_dir():
            self._expect_room(self.length * width * height)

    def frames(self) -> Iterator[np.ndarray]:
        """Yield each frame as (H, W, 3) uint8 RGB, holding one at a time.

        Raises:
            DataError: the video is damaged, or exceeds ``LONGEST`` frames or the maximum of pixels.
        """
        pixels = 0
        for number, frame in enumerate(self._frames()):
            if number == LONGEST:
                raise self._too_long("more")
            pixels += frame.shape[0] * frame.shape[1]
            self._expect_room(pixels)
            yield frame

    def _frames(self) -> Iterator[np.ndarray]:
        if self.path.is_dir():
            yield from map(read_photo_file, self._photos)
        elif is_video(self.path):
            with self._video() as (container, stream):
                for frame in container.decode(stream):
                    # Phones store frames as the sensor is held, and the rotation as metadata.
                    yield np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
        else:
            with self._gif() as image:
                for frame in ImageSequence.Iterator(image):
                    yield np.asarray(frame.convert("RGB"))

    @contextmanager
    def _video(self) -> Iterator[tuple[Any, Any]]:
        try:
            with av.open(str(self.path)) as container:
                if not container.streams.video:
                    raise DataError(f"{self.path}: expected a video, found no pictures in it; choose another file")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                yield container, stream
        except (av.FFmpegError, OSError) as error:
            raise DataError(
                f"{self.path}: expected a video ({', '.join(VIDEO_SUFFIXES)}), found none that can be read "
                f"({error.strerror}); copy or export it again"
            ) from None

    @contextmanager
    def _gif(self) -> Iterator[Any]:
        try:
            with Image.open(self.path, formats=("GIF",)) as image:
                yield image
        except UnidentifiedImageError:
            expected = f"a video ({', '.join(VIDEO_SUFFIXES)}), a GIF or a folder of photos"
            raise DataError(f"{self.path}: expected {expected}, found another file") from None
        except (*DAMAGE, IndexError, Image.DecompressionBombError) as error:
            found = f"a damaged one ({error})"
            raise DataError(f"{self.path}: expected a whole GIF, found {found}; copy it again") from None

    def _too_long(self, found: str) -> DataError:
        return DataError(f"{self.path}: expected a video of at most {LONGEST:,} frames, found {found}; cut it")

    def _expect_pixels(self, width: int, height: int) -> None:
        if width * height > MAX_PIXELS:
            raise DataError(
                f"{self.path}: expected frames of at most {MAX_PIXELS // 10**6} megapixels, found {width}x{height}; "
                "make them smaller first"
            )

    def _expect_room(self, pixels: int) -> None:
        if self._most_pixels is not None and pixels > self._most_pixels:
            raise DataError(
                f"{self.path}: expected at most {self._most_pixels / 1e9:g} gigapixels in all its frames together, "
                f"found {'' if self.length else 'more than '}{pixels / 1e9:.1f}; cut it, or make its frames smaller"
            )


class VideoWriter:
    """Writes an MP4 (H.264) for browsers, a frame at a time; frames of other sizes are resized to the first.

    Frames keep their size up to ``LARGEST_FRAME`` and ``LONGEST_SIDE``; larger ones are downscaled.
    """

    def __init__(self, path: Path, rate: Fraction) -> None:
        # The index comes first, so that browsers start playing before the download ends.
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._rate = rate
        self._stream: Any = None

    def add(self, frame: np.ndarray) -> None:
        """Append (H, W, 3) uint8 RGB."""
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._rate.limit_denominator(60_000))
            height, width = frame.shape[:2]
            scale = min(1.0, (LARGEST_FRAME / (height * width)) ** 0.5, LONGEST_SIDE / max(height, width))
            # 4:2:0 chroma subsampling requires even sides.
            self._stream.width, self._stream.height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
            self._stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture = picture.reformat(width=self._stream.width, height=self._stream.height, format="yuv420p")
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Finish the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()
