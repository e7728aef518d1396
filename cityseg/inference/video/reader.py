"""Reading of videos, animated images and folders of photos."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from cityseg.data.image_io import ENDINGS, read_photo_file
from cityseg.data.layouts.names import several
from cityseg.errors import DataError
from cityseg.inference.video.animation import Animation
from cityseg.inference.video.container import DEFAULT_RATE, VideoFile
from cityseg.inference.video.frame import KINDS, LONGEST, Frame, check_size
from cityseg.text import natural_order


def photos_in(folder: Path) -> list[Path]:
    """Return the photos directly in a folder, without hidden ones, sorted by name with numbers in numeric order.

    Raises:
        DataError: the folder contains none.
    """
    entries = sorted(folder.glob("[!.]*"))
    named = [path for path in entries if _is_photo(path)]
    if named:
        return sorted(named, key=lambda path: natural_order(path.name))
    below = [path.name for path in entries if path.is_dir() and any(map(_is_photo, path.glob("[!.]*")))]
    there = f"found photos only in {several(below)}; name that folder" if below else ""
    if entries and not below:
        there = f"found only {several([path.name for path in entries])}"
    raise DataError(f"{folder}: expected a folder of photos (.{', .'.join(ENDINGS)}), {there or 'found an empty one'}")


def _is_photo(path: Path) -> bool:
    return path.suffix.lower().removeprefix(".") in ENDINGS and path.is_file()


class Video:
    """A video, an animated image or a folder of photos; the content of a file decides, not its name.

    Attributes:
        rate: frames per second, on average.
        length: number of frames, None if unknown.
    """

    def __init__(self, path: Path, most_pixels: int | None = None) -> None:
        """Read the header; ``most_pixels`` limits the pixels of all frames together.

        Raises:
            DataError: the file is not a video, damaged, too large or too long.
        """
        self.path = path
        self._most_pixels = most_pixels
        self.rate: Fraction = Fraction(DEFAULT_RATE)
        self.length: int | None = None
        self._source: list[Path] | Animation | VideoFile
        width = height = 0
        try:
            is_folder, is_file = path.is_dir(), path.is_file()
        except OSError as error:  # such as a name that is too long
            raise DataError(f"{path}: expected {KINDS}, found {error.strerror}") from None
        if is_folder:
            self._source = photos_in(path)
            self.length = len(self._source)
        elif not is_file:
            raise DataError(f"{path}: expected {KINDS}, found {_absent(path)}")
        elif Animation.recognises(path):
            self._source = Animation(path)
            width, height = self._source.size
            check_size(path, width, height)
            self.rate, self.length = self._source.rate, self._source.length
        else:
            self._source = VideoFile(path)
            width, height = self._source.size
            self.rate, self.length = self._source.rate, self._source.length
        if self.length is not None and self.length > LONGEST:
            raise self._too_long(f"{self.length:,}")
        if self.length is not None:
            self._expect_room(self.length * width * height)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences for the user about what is done with an unusual video."""
        return () if isinstance(self._source, list) else tuple(self._source.remarks)

    @property
    def missing(self) -> int:
        """Number of frames that the header promises and the file lacks; known after the last frame."""
        return 0 if isinstance(self._source, list) else self._source.missing

    def frames(self) -> Iterator[Frame]:
        """Yield each frame, holding one or two at a time.

        Raises:
            DataError: the video is damaged, or exceeds ``LONGEST`` frames or the maximum of pixels.
        """
        pixels = 0
        source = _photo_frames(self._source) if isinstance(self._source, list) else self._source.frames()
        for number, frame in enumerate(source):
            if number == LONGEST:
                raise self._too_long("more")
            pixels += frame.pixels.shape[0] * frame.pixels.shape[1]
            self._expect_room(pixels)
            yield frame

    def _too_long(self, found: str) -> DataError:
        return DataError(f"{self.path}: expected a video of at most {LONGEST:,} frames, found {found}; cut it")

    def _expect_room(self, pixels: int) -> None:
        if self._most_pixels is not None and pixels > self._most_pixels:
            raise DataError(
                f"{self.path}: expected at most {self._most_pixels / 1e9:g} gigapixels in all its frames together, "
                f"found {'' if self.length else 'more than '}{pixels / 1e9:.1f}; cut it, or make its frames smaller"
            )


def _photo_frames(photos: list[Path]) -> Iterator[Frame]:
    duration = Fraction(1, DEFAULT_RATE)
    for number, path in enumerate(photos):
        yield Frame(read_photo_file(path), number * duration, duration)


def _absent(path: Path) -> str:
    """Describe what lies at a path that is neither a file nor a folder, and a file beside it with a similar name."""
    if path.exists():
        return "something that is no file"
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    similar = difflib.get_close_matches(path.name, beside, n=1)
    return f"no such file; beside it lies {similar[0]}" if similar else "no such file"
