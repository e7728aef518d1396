"""Animated images, such as GIFs, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

from cityseg.data.image_io import DAMAGE, ENDINGS, upright
from cityseg.errors import DataError
from cityseg.inference.video.frame import KINDS, Frame

_FORMATS = ("GIF", "WEBP", "PNG")
_SHORTEST, _DEFAULT = 20, 100
"""Browsers show a frame for 100 ms if its file says less than 20 ms."""


class Animation:
    """An animated GIF, WebP or PNG: size (width, height), ``length`` in frames, and ``rate`` of the first one."""

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            DataError: damaged, or a still photo.
        """
        self.path = path
        with self._image() as image:
            self.length = int(getattr(image, "n_frames", 1))
            self.rate = 1 / _duration(image)
            self.size = upright(image).size
            if image.format != "GIF" and self.length == 1:
                raise still_photo(path)

    @staticmethod
    def recognises(path: Path) -> bool:
        """Whether a file begins like one of the formats."""
        try:
            with Image.open(path, formats=_FORMATS):
                return True
        except UnidentifiedImageError:
            return False
        except (*DAMAGE, Image.DecompressionBombError):
            return True

    def frames(self) -> Iterator[Frame]:
        """Yield every frame as a photo would be read: turned, in sRGB, and on white where it is transparent."""
        second = Fraction(0)
        with self._image() as image:
            for frame in ImageSequence.Iterator(image):
                pixels = np.asarray(upright(frame))
                duration = _duration(frame)  # known once the frame is decoded
                yield Frame(pixels, second, duration)
                second += duration

    @contextmanager
    def _image(self) -> Iterator[Any]:
        try:
            with Image.open(self.path, formats=_FORMATS) as image:
                yield image
        except (*DAMAGE, IndexError, KeyError, TypeError, Image.DecompressionBombError) as error:
            found = f"a damaged one ({' '.join(str(error).split())})"
            raise DataError(f"{self.path}: expected a whole GIF, WebP or PNG, found {found}; copy it again") from None


def _duration(image: Image.Image) -> Fraction:
    """Return the seconds for which browsers show the current frame."""
    milliseconds = Fraction(image.info.get("duration") or 0).limit_denominator(1000)
    return (milliseconds if milliseconds >= _SHORTEST else Fraction(_DEFAULT)) / 1000


def still_photo(path: Path) -> DataError:
    """Return the error for a photo in place of a video."""
    return DataError(f"{path}: expected {KINDS}, found a photo; predict photos as photos ({', '.join(ENDINGS)})")
