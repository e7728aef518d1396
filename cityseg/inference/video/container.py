"""Video files of any container and codec that PyAV decodes."""

from __future__ import annotations

import errno
import heapq
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.stream import Disposition

from cityseg.data.image_io import MAX_PIXELS
from cityseg.data.tone_mapping import TRANSFERS
from cityseg.errors import DataError
from cityseg.inference.video.animation import still_photo
from cityseg.inference.video.frame import KINDS, Frame, check_size
from cityseg.inference.video.pixels import UnsupportedColors, display_size, displayed, transfer_of
from cityseg.inference.video.timestamps import Timestamps

DEFAULT_RATE = 10
"""Frames per second where a file states neither times nor a rate."""
_EXPORT = "export it as H.264 (MP4)"
_NOT_A_VIDEO = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
_PHOTO_BRANDS = ("heic", "heix", "heim", "heis", "mif1", "avif")
_SEQUENCE_BRANDS = ("hevc", "hevx", "hevm", "hevs", "msf1")
_JPEG, _SEVERAL_PHOTOS = b"\xff\xd8", b"MPF\0"
_LONGEST_GAP = 6 * 3600
"""Seconds between two frames; an MP4 in 90,000ths of a second can hold half an hour more."""
_TIMES_JUMP = 0x0200  # AVFMT_TS_DISCONT
_TIMES_JUMP = 0x0200  # AVFMT_TS_DISCONT of FFmpeg
_CLOCK = re.compile(r"(\d+):(\d\d):(\d\d\.?\d*)")
_LONGEST_LAST = 3
"""Seconds of a last frame that are believed because the header counts them; longer, the end of the file is missing."""
_MIN_MISSING = 0.01
"""Share of missing frames that is reported; a header may count a few frames that were never meant to be shown."""


class _Timed(NamedTuple):
    frame: Any
    second: Fraction
    nominal: Fraction


class _PacketError(Exception):
    """A packet that the decoder refuses; with threads that decode ahead, PyAV loses good frames before it."""


class _Nameless:
    """A file without its name, so that FFmpeg looks at its content alone; and it opens no further file or URL."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.read, self.tell = file.read, file.tell

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek, or return an error number; PyAV would print the traceback of an exception."""
        try:
            return int(self._file.seek(offset, whence))
        except (OSError, ValueError, OverflowError):
            return -errno.EINVAL


class VideoFile:
    """A video file: display size (width, height), ``rate``, ``length`` in frames or None, ``remarks`` for the user.

    ``missing`` counts the frames, after the last one was read, that the header promises and the file lacks. Frames that
    cannot be decoded are left out, as players do; a remark counts them.
    """

    def __init__(self, path: Path) -> None:
        """Read the header.

        Raises:
            DataError: not a video, damaged, too large, or of an unknown codec.
        """
        self.path = path
        self.remarks: list[str] = []
        self.missing = 0
        with self._opened() as (container, stream, context):
            self.size = display_size(context.width, context.height, stream.sample_aspect_ratio)
            check_size(path, *self.size)
            self.rate = Fraction(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
            self.length = stream.frames or None
            self._note_ignored_tracks(container, stream)
            self._note_hdr(int(context.color_trc))

    def frames(self) -> Iterator[Frame]:
        """Yield every frame with its real time; the last one lasts to the end of the video.

        Raises:
            DataError: no frame can be decoded, or colours cannot be converted.
        """
        done = 0
        try:
            for frame in self._frames("AUTO"):
                yield frame
                done += 1
        except _PacketError:
            yield from islice(self._frames("SLICE"), done, None)

    def _frames(self, threads: str) -> Iterator[Frame]:
        with self._opened() as (container, stream, context):
            context.thread_type = threads
            aspect = stream.sample_aspect_ratio
            previous: _Timed | None = None
            count, longest = 0, Fraction(0)
            for timed in self._timed(container, stream, context):
                check_size(self.path, *display_size(timed.frame.width, timed.frame.height, aspect))
                self._note_hdr(transfer_of(timed.frame, context))
                if previous is not None:
                    duration = timed.second - previous.second
                    longest = max(longest, duration)
                    yield Frame(displayed(previous.frame, context, aspect), previous.second, duration)
                previous, count = timed, count + 1
            if previous is not None:
                duration = self._last_duration(container, stream, previous, count, longest)
                yield Frame(displayed(previous.frame, context, aspect), previous.second, duration)
                self._note_damaged()

    def _timed(self, container: Any, stream: Any, context: Any) -> Iterator[_Timed]:
        """Yield the decoded frames with their seconds from the first one."""
        in_avi = container.format.name == "avi"
        nominal = 1 / self.rate
        self._times = times = Timestamps(nominal, bool(container.format.flags & _TIMES_JUMP))
        waiting: list[int] = []
        refused: av.FFmpegError | None = None
        found = False
        self._damaged = self._trailing = 0
        for packet in _packets(container, stream):
            if in_avi and packet.dts is not None:
                heapq.heappush(waiting, packet.dts)
            decoded: list[Any] = []
            try:
                decoded = context.decode(packet if packet.size else None)
            except (av.InvalidDataError, av.ExternalError) as error:
                if context.thread_type.name != "SLICE":
                    raise _PacketError from None
                refused = error
                waiting = [dts for dts in waiting if dts != packet.dts]
                heapq.heapify(waiting)
                self._damaged += 1
                self._trailing += 1
            for frame in decoded:
                found, self._trailing = True, 0
                nominal = frame.duration * stream.time_base if frame.duration else nominal
                # An AVI stores the order of decoding only: frames are shown at the same times in their own order.
                pts = heapq.heappop(waiting) if waiting else frame.pts
                second = times.add(None if pts is None else pts * stream.time_base, nominal)
                if times.gap > _LONGEST_GAP:
                    raise DataError(
                        f"{self.path}: expected frames less than {_LONGEST_GAP // 3600} hours apart, found "
                        f"{float(times.gap) / 3600:,.0f} hours; its timestamps are damaged: {_EXPORT}"
                    )
                yield _Timed(frame, second, nominal)
        if refused is not None and not found:
            raise refused

    def _last_duration(self, container: Any, stream: Any, last: _Timed, count: int, longest: Fraction) -> Fraction:
        """Return the duration of the last frame, and set ``missing``."""
        end = self._end(container, stream)
        within = self._damaged - self._trailing
        if container.format.name == "avi":
            # It counts frames that show the one before for longer, and stores nothing of them.
            count = max(count, round(last.second * self.rate) + 1 - within)
        count += within
        complete = count >= (1 - _MIN_MISSING) * stream.frames
        rest = end - last.second if end is not None else None
        # Without a count, a much longer last frame is believed where the others differ in length too.
        constant = not stream.frames and longest < 2 * last.nominal
        longest_last = 2 * last.nominal if constant else max(Fraction(_LONGEST_LAST), longest)
        if rest is not None and complete and 0 < rest <= longest_last:
            return rest
        # An AVI has no list of the parts that are shown, so every frame that it counts is meant to be.
        if (rest is not None and rest > 2 * last.nominal) or (container.format.name == "avi" and not complete):
            self.missing = stream.frames - count if stream.frames else round((rest or 0) * self.rate) - 1
            self.missing = self.missing if self.missing >= _MIN_MISSING * count else 0
            self._damaged = within if self.missing else self._damaged
        return last.nominal

    def _end(self, container: Any, stream: Any) -> Fraction | None:
        """Return the end of the video, in seconds from its first frame, as its header states it."""
        start = self._times.start or Fraction(0)
        if self._times.joined:
            return None  # it is that of one of the recordings
        if stream.duration:
            return Fraction((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base) - start
        # Matroska notes the duration of each track as a tag.
        if found := _CLOCK.fullmatch(stream.metadata.get("DURATION", "")):
            hours, minutes, seconds = (Fraction(part) for part in found.groups())
            return 3600 * hours + 60 * minutes + seconds - start
        # The container's duration is that of its longest track.
        if container.duration and len(container.streams) == 1:
            return Fraction((container.start_time or 0) + container.duration, av.time_base) - start
        return None

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any, Any]]:
        """Open the file; yield the container, the video track and its decoder."""
        options = {"protocol_whitelist": "none", "max_pixels": str(2 * MAX_PIXELS)}
        try:
            with (
                self.path.open("rb") as file,
                # Titles may be in any encoding.
                av.open(_Nameless(file), metadata_errors="replace", options=options, buffer_size=2**18) as container,
            ):
                stream = self._track(container)
                context = _decoder(stream)
                yield container, stream, context
        except UnsupportedColors as error:
            raise DataError(f"{self.path}: expected colours of SDR, HLG or PQ, found {error}; {_EXPORT}") from None
        except MemoryError:
            raise DataError(f"{self.path}: expected enough memory for it, found too little; make it smaller") from None
        except (av.FFmpegError, OSError, ValueError, ArithmeticError, EOFError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DataError(
                f"{self.path}: expected {KINDS}, found none that can be read ({reason}); copy or export it again"
            ) from None

    def _track(self, container: Any) -> Any:
        """Return the track to predict: the default one, or the largest."""
        brand = container.metadata.get("major_brand")
        if container.format.name.endswith(("_pipe", "ico")) or brand in _PHOTO_BRANDS:
            raise still_photo(self.path)
        if container.format.name == "mjpeg":
            self._expect_jpegs()
        tracks = _tracks(container)
        if not tracks:
            found = "only a cover picture" if container.streams.video else "no pictures"
            raise DataError(f"{self.path}: expected {KINDS}, found a file with {found} in it; choose another file")
        known = [track for track in tracks if track.codec_context is not None]
        if not known:
            raise DataError(f"{self.path}: expected a video of a known codec, found an unknown one; {_EXPORT}")
        if brand in _SEQUENCE_BRANDS:  # a still image precedes its frames
            known = [track for track in known if track.frames > 1] or known
        return max(known, key=lambda track: (bool(track.disposition & Disposition.default), track.width * track.height))

    def _expect_jpegs(self) -> None:
        """Raise DataError unless the file is a sequence of JPEGs: FFmpeg finds those in documents and photos too."""
        with self.path.open("rb") as file:
            start = file.read(2**16)
        if _SEVERAL_PHOTOS in start:
            raise still_photo(self.path)
        if not start.startswith(_JPEG):
            raise DataError(f"{self.path}: expected {KINDS}, found a file with pictures in it; choose another file")

    def _note_ignored_tracks(self, container: Any, stream: Any) -> None:
        if (count := len(_tracks(container))) > 1:
            self.remarks.append(
                f"The file has {count} video tracks: number {stream.index + 1}, {stream.width}x{stream.height}, is "
                "predicted, and the others are ignored."
            )

    def _note_damaged(self) -> None:
        if self._damaged:
            frames = "1 frame is" if self._damaged == 1 else f"{self._damaged:,} frames are"
            self.remarks.append(f"{frames} damaged and left out.")

    def _note_hdr(self, transfer: int) -> None:
        if transfer in TRANSFERS:
            remark = f"The video is HDR ({TRANSFERS[transfer]}): its colours are mapped to SDR."
            if remark not in self.remarks:
                self.remarks.append(remark)


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    """Yield the packets of a track, and at their end, which damage may bring early, an empty one."""
    # A file that is cut inside a packet.
    with suppress(av.error.InvalidDataError):
        yield from (packet for packet in container.demux(stream) if packet.size)
    yield av.Packet()


def _tracks(container: Any) -> list[Any]:
    return [track for track in container.streams.video if not track.disposition & _NOT_A_VIDEO]


def _decoder(stream: Any) -> Any:
    """Return the decoder of a track; FFmpeg's own ones of VP8 and VP9 ignore transparency."""
    context = stream.codec_context
    transparent = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(context.name, "")
    if stream.metadata.get("alpha_mode") == "1" and transparent in av.codecs_available:
        found: Any = av.CodecContext.create(transparent, "r")
        found.width, found.height = context.width, context.height
        return found
    return context
