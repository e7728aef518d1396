"""Reading and writing of short videos, one frame at a time.

``reader`` opens a video, an animated image or a folder of photos. ``container`` decodes video files and ``animation``
GIFs and their like; ``pixels`` turns a decoded frame into the picture that players show, HDR by ``data.tone_mapping``.
``writer`` encodes overlays.
"""

from cityseg.inference.video.frame import LONGEST, Frame
from cityseg.inference.video.reader import Video, photos_in
from cityseg.inference.video.writer import VideoWriter

__all__ = ["LONGEST", "Frame", "Video", "VideoWriter", "photos_in"]
