"""Animated images, such as GIFs, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from cityseg.data.image_io import DAMAGE, ENDINGS, upright
from cityseg.data.photo_color import color_tags, scale_transparency
from cityseg.errors import DataError
from cityseg.inference.video.frame import KINDS, Frame

_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
_HEADER = 2**16
"""Bytes that state the colours of an AVIF."""
_SHORTEST, _DEFAULT = 20, 100
"""Browsers show a frame for 100 ms if its file says less than 20 ms."""


class Animation:
    """An animated GIF, WebP, PNG or AVIF: size (width, height), ``length`` in frames, and ``rate`` of the first one.

    ``missing`` counts the frames, after the last one was read, that a file lacks which ends early.
    """

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            DataError: damaged, or a still photo.
        """
        self.path = path
        self.remarks: list[str] = []
        self.missing = 0
        with self._image() as image:
            self.length = int(getattr(image, "n_frames", 1)) - _hidden(image)
            if image.format != "GIF" and self.length == 1:
                raise still_photo(path)
            image.seek(_hidden(image))
            self.size = upright(image).size
            self.rate = 1 / _duration(image)

    @staticmethod
    def recognises(path: Path) -> bool:
        """Whether a file begins like one of the formats."""
        try:
            with Image.open(path, formats=_FORMATS):
                return True
        except UnidentifiedImageError:
            # Of a damaged AVIF, FFmpeg would show its still image for its frames.
            with path.open("rb") as file:
                return file.read(12)[4:] == b"ftypavis"
        except (*DAMAGE, Image.DecompressionBombError):
            return True

    def frames(self) -> Iterator[Frame]:
        """Yield every frame as a photo would be read: turned, in sRGB, and on white where it is transparent.

        Of a file that ends early, the frames before its end, as of a video.

        Raises:
            DataError: the first frame is damaged.
        """
        second = Fraction(0)
        with self._image() as image:
            hidden = _hidden(image)
            tags = color_tags(self._header, image)
            for number in range(self.length):
                try:
                    image.seek(hidden + number)
                    pixels = np.asarray(upright(image, tags))
                except DAMAGE:
                    if not number:
                        raise
                    self.missing = self.length - number
                    return
                duration = _duration(image)  # known once the frame is decoded
                yield Frame(pixels, second, duration)
                second += duration

    @contextmanager
    def _image(self) -> Iterator[Any]:
        try:
            with self.path.open("rb") as file:
                self._header = file.read(_HEADER)
            with Image.open(self.path, formats=_FORMATS) as image:
                scale_transparency(image)
                yield image
        except (*DAMAGE, IndexError, KeyError, TypeError, Image.DecompressionBombError) as error:
            found = f"a damaged one ({' '.join(str(error).split())})"
            raise DataError(
                f"{self.path}: expected a whole GIF, WebP, PNG or AVIF, found {found}; copy it again"
            ) from None


def _hidden(image: Image.Image) -> bool:
    """Whether the first image of a PNG is no frame: it is shown where animations are not."""
    return bool(getattr(image, "default_image", False))


def _duration(image: Image.Image) -> Fraction:
    """Return the seconds for which browsers show the current frame."""
    milliseconds = Fraction(image.info.get("duration") or 0).limit_denominator(1000)
    return (milliseconds if milliseconds >= _SHORTEST else Fraction(_DEFAULT)) / 1000


def still_photo(path: Path) -> DataError:
    """Return the error for a photo in place of a video."""
    return DataError(f"{path}: expected {KINDS}, found a photo; predict photos as photos ({', '.join(ENDINGS)})")
