"""Colours and times of overlay videos in a real browser."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cityseg.classes import NUM_CLASSES, PALETTE
from cityseg.inference.video import VideoWriter

_READ = """async ([data, second]) => {
  const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0));
  const video = document.createElement('video');
  video.muted = true;
  video.src = URL.createObjectURL(new Blob([bytes], {type: 'video/mp4'}));
  await new Promise((resolve, reject) => { video.onloadeddata = resolve; video.onerror = reject; });
  await new Promise(resolve => { video.onseeked = resolve; video.currentTime = second; });
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const row = context.getImageData(0, canvas.height >> 1, canvas.width, 1).data;
  return {row: Array.from(row), duration: video.duration};
}"""


@pytest.mark.parametrize("rows", [360, 720, 1080])
def test_browsers_show_the_palette_at_the_right_times(browser: Any, tmp_path: Path, rows: int) -> None:
    colors = PALETTE[:NUM_CLASSES]
    stripes = np.repeat(np.repeat(colors[None], rows, 0), 32, 1)
    writer = VideoWriter(tmp_path / "v.mp4", Fraction(10))
    for number, duration in enumerate((1, Fraction(1, 10), Fraction(1, 10), 2)):
        writer.add(np.roll(stripes, 32 * number, axis=1), Fraction(duration))
    writer.close()
    data = base64.b64encode((tmp_path / "v.mp4").read_bytes()).decode()
    page = browser.new_page()
    try:
        for number, second in enumerate((0.9, 1.05, 1.15, 3.0)):
            # Rarely, on a busy machine, Chromium reports the end of a seek before it shows the frame.
            for _ in range(3):
                shown = page.evaluate(_READ, [data, second])
                found = np.array(shown["row"], int).reshape(-1, 4)[16::32, :3]
                difference = np.abs(found - np.roll(colors, number, axis=0)).max()
                if difference <= 4:
                    break
            assert difference <= 4
            assert shown["duration"] == pytest.approx(3.2, abs=1e-3)
    finally:
        page.close()
