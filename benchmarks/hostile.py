"""Unusual and damaged generated files: every front must predict them correctly or refuse them in one sentence.

    python -m benchmarks.hostile [--files N] [--seed S] [--photos FOLDER] [--small] [--only api|demo|page]

Every file goes through ``api.predict_photos``, through the demo's ``/predict`` with gradio's client, and through an
upload to the Predict page without a browser (``benchmarks.visitor``); the servers are subprocesses. A file is *wrong*
if the answer has neither the photo's size nor the form of the studio's errors; the exit code is 0 only without wrong
files. The output is JSON: ``grown_mib`` is the resident memory (VmRSS) after the last file, less that after a usual
1280x720 photo before the first, which loads everything, and ``peak_mib`` is the peak (VmHWM), less the same.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import typer
from PIL import Image, ImageOps
from streamlit.proto.Alert_pb2 import Alert

from benchmarks import servers
from benchmarks.predict import synthetic_photo
from benchmarks.visitor import Visitor
from cityseg import api
from cityseg.errors import CitysegError

MODEL = "better-1"
"""The smallest reasonable shipped model; the benchmark tests file handling, not predictions."""


class Hostile(NamedTuple):
    """A file and its expected outcome."""

    name: str  # file name, whose suffix may be wrong
    data: bytes
    size: Any  # (height, width) of the label map, None if the file must be refused, ``...`` if either is correct


def files(count: int, seed: int = 0, *, small: bool = False) -> Iterator[Hostile]:
    """Generate ``count`` files, all kinds in turn; ``small`` limits the largest to 1 megapixel."""
    chance = random.Random(seed)
    for number in range(count):
        made = MAKERS[number % len(MAKERS)](chance, 0.02 if small else 1.0)
        yield made._replace(name=f"{number:03d}-{made.name}")


def real(folder: Path, seed: int = 0) -> Iterator[Hostile]:
    """Yield every photo of a folder unchanged, truncated, and with random bytes in its header and anywhere."""
    chance = random.Random(seed)
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            size = ImageOps.exif_transpose(image).size[::-1]
        yield Hostile(f"real-{path.name}", data, size)
        yield Hostile(f"torn-{path.name}", data[: chance.randrange(1, len(data))], ...)
        for reach in (600, len(data)):
            bitten = bytearray(data)
            for _ in range(20):
                bitten[chance.randrange(reach)] = chance.randrange(256)
            yield Hostile(f"bitten-{reach}-{path.name}", bytes(bitten), ...)


_FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF")
_SUFFIXES = (".svg", ".exe", ".txt", "", ".HEIC", ".gif", ".pdf")


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return an image file as bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _noise(chance: random.Random, height: int, width: int) -> Image.Image:
    generator = np.random.default_rng(chance.randrange(2**32))
    cells = generator.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.NEAREST)


def _any(chance: random.Random) -> Image.Image:
    return _noise(chance, chance.randrange(1, 300), chance.randrange(1, 400))


def _whole(chance: random.Random, _: float) -> Hostile:
    image, kind = _any(chance), chance.choice(_FORMATS)
    return Hostile(f"whole.{kind.lower()}", encoded(image, kind), image.size[::-1])


def _wrong_suffix(chance: random.Random, _: float) -> Hostile:
    image, kind = _any(chance), chance.choice(_FORMATS)
    return Hostile(f"lying{chance.choice(_SUFFIXES)}", encoded(image, kind), image.size[::-1])


def _mode(chance: random.Random, _: float) -> Hostile:
    image, mode = _any(chance), chance.choice(("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"))
    if mode in ("I;16", "I", "F"):
        grey = np.asarray(image.convert("L")).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode])
        data = encoded(Image.fromarray(grey if mode == "F" else grey * 257), "TIFF")
    else:
        data = encoded(image.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    return Hostile(f"mode-{mode.replace(';', '-')}.png", data, image.size[::-1])


def _transparent_palette(chance: random.Random, _: float) -> Hostile:
    image = _any(chance).quantize(16)
    return Hostile("palette.png", encoded(image, transparency=chance.randrange(16)), image.size[::-1])


def _rotated(chance: random.Random, _: float) -> Hostile:
    image, exif, orientation = _any(chance), Image.Exif(), chance.randrange(0, 12)
    exif[0x0112], exif[0x013B] = orientation, "Jane Q. Public"
    size = image.size if orientation in (5, 6, 7, 8) else image.size[::-1]
    return Hostile(f"turned-{orientation}.jpg", encoded(image, "JPEG", exif=exif), size)


def _animated(chance: random.Random, _: float) -> Hostile:
    first, *others = (_noise(chance, 40, 60) for _ in range(3))
    kind = chance.choice(("GIF", "WEBP", "PNG", "TIFF"))
    return Hostile(f"moving.{kind.lower()}", encoded(first, kind, save_all=True, append_images=others), (40, 60))


def _shape(chance: random.Random, scale: float) -> Hostile:
    long = max(2, round(20_000 * scale))
    size = chance.choice(((1, 1), (1, long), (long, 1), (2, 3), (1, 2)))
    return Hostile("shape.png", encoded(_noise(chance, *size)), size)


def _large(chance: random.Random, scale: float) -> Hostile:
    height = round(5_000 * scale**0.5)
    size = (height, 2 * height)
    return Hostile("large.jpg", encoded(_noise(chance, *size), "JPEG", quality=chance.choice((30, 80))), size)


def _png(width: int, height: int, packed: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _too_large(chance: random.Random, scale: float) -> Hostile:
    width, height = chance.choice(((10_000, 5_001), (14_000, 14_000)))
    packed = zlib.compress(bytes(round(height * (3 * width + 1) * scale**2)), 1)
    return Hostile("sky.png", _png(width, height, packed), None)


def _bomb(chance: random.Random, _: float) -> Hostile:
    """Return a small PNG whose header declares a huge size, up to the largest that it can encode."""
    side = chance.choice((30_000, 65_535, 2**31 - 1))
    return Hostile("bomb.png", _png(side, side, zlib.compress(bytes(1 << 20))), None)


def _short(chance: random.Random, _: float) -> Hostile:
    """Return a PNG that declares 6 megapixels and holds hardly any."""
    return Hostile("short.png", _png(3_000, 2_000, zlib.compress(bytes(chance.randrange(1, 9_000)))), None)


def _truncated(chance: random.Random, _: float) -> Hostile:
    data = encoded(_any(chance), chance.choice(_FORMATS))
    return Hostile("torn.jpg", data[: chance.randrange(1, len(data))], ...)


def _corrupted(chance: random.Random, _: float) -> Hostile:
    data = bytearray(encoded(_any(chance), chance.choice(_FORMATS)))
    for _times in range(chance.choice((1, 3, 20, 200))):
        data[chance.randrange(chance.choice((64, len(data))) if len(data) > 64 else len(data))] = chance.randrange(256)
    return Hostile("bitten.webp", bytes(data), ...)


def _other(chance: random.Random, _: float) -> Hostile:
    others: tuple[tuple[str, bytes], ...] = (
        ("empty.png", b""),
        ("zeros.jpg", bytes(10_000)),
        ("words.jpg", b"just some words\n" * 100),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("<img src=x onerror=alert(1)>.png", b"<html></html>"),
        ("paper.pdf", encoded(_any(chance), "PDF")),
        ("paper.eps", encoded(_any(chance), "EPS")),
        ("icon.ico", encoded(_noise(chance, 32, 32), "ICO")),
        ("plain.ppm", encoded(_any(chance), "PPM")),
        ("archive.zip", b"PK\x05\x06" + bytes(18)),
        ("chance.png", chance.randbytes(5_000)),
        ("head.png", b"\x89PNG\r\n\x1a\n"),
        ("head.jpg", b"\xff\xd8\xff\xe0"),
    )
    return Hostile(*chance.choice(others), None)


MAKERS: tuple[Callable[[random.Random, float], Hostile], ...] = (
    *(_whole, _wrong_suffix, _mode, _transparent_palette, _rotated, _animated, _shape, _truncated, _corrupted, _other),
    *(_truncated, _corrupted, _other, _too_large, _bomb, _short, _other, _mode, _corrupted, _large),
)
"""A cycle of twenty files."""


def verdict(expected: Any, found: tuple[int, int] | str) -> str:
    """Return ``right``, ``refused`` or ``wrong`` for a label map's size or an error message."""
    if isinstance(found, str):
        sentence = ": expected " in found and ", found " in found and "\n" not in found
        return "refused" if sentence and expected in (None, ...) else "wrong"
    return "right" if expected in (found, ...) else "wrong"


def attack(
    predict: Callable[[Path], tuple[int, int] | str], hostile: Iterator[Hostile], folder: Path, pid: int | str = "self"
) -> dict[str, Any]:
    """Predict every file; return the counts of verdicts, the wrong files and the growth of a process's memory."""
    counts = {"right": 0, "refused": 0, "wrong": 0}
    wrong: list[str] = []
    usual = folder / "usual.jpg"
    usual.write_bytes(synthetic_photo())
    predict(usual)
    first = servers.memory(pid)
    for one in hostile:
        path = folder / one.name.replace("/", "-")
        path.write_bytes(one.data)
        found = predict(path)
        outcome = verdict(one.size, found)
        counts[outcome] += 1
        if outcome == "wrong":
            wrong.append(f"{one.name}: {one.size} expected, {found}")
        path.unlink()
    grown, peak = servers.memory(pid) - first, servers.memory(pid, "VmHWM") - first
    return {**counts, "wrong_files": wrong, "grown_mib": grown, "peak_mib": peak}


def _label_map_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        size = image.size[::-1]
    path.unlink()
    return size


def through_api(path: Path, out: Path, model: str) -> tuple[int, int] | str:
    """Predict a file as the command line does."""
    try:
        (written,) = api.predict_photos(model, [path], out)
    except CitysegError as error:
        return str(error)
    return _label_map_size(Path(written["files"]["labelIds"]))


def through_demo(address: str, downloads: Path) -> Callable[[Path], tuple[int, int] | str]:
    """Return a function that predicts a file through a demo."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(address, verbose=False, analytics_enabled=False, download_files=downloads)

    def predict(path: Path) -> tuple[int, int] | str:
        try:
            return _label_map_size(Path(client.predict(photo=handle_file(path), api_name="/predict")[-1]))
        except AppError as error:
            return str(error)

    return predict


def through_page(address: str) -> Callable[[Path], tuple[int, int] | str]:
    """Return a function that predicts a file through the Predict page of a studio."""
    visitor = Visitor(address, "predict", f"from=photos&model={MODEL}")
    visitor.open()

    def predict(path: Path) -> tuple[int, int] | str:
        answer = visitor.upload(path.name, path.read_bytes())
        exceptions = [f"{one.type}: {one.message}" for one in answer.of_kind("exception")]
        errors = [one.body for one in answer.of_kind("alert") if one.format == Alert.ERROR]
        if exceptions or errors:
            return (exceptions or errors)[0]
        sizes = [re.match(r"(\d+) × (\d+) pixels", one.help) for one in answer.of_kind("metric")]
        (size,) = (found for found in sizes if found)
        shown = any(f" {path.stem} " in one["alt"] for one in answer.viewers())
        return (int(size[2]), int(size[1])) if shown else "no picture"

    return predict


def main(
    count: Annotated[int, typer.Option("--files")] = 200,
    seed: int = 0,
    photos: Annotated[Path | None, typer.Option(help="A folder of photos to use as well, damaged too.")] = None,
    small: bool = False,
    only: Literal["api", "demo", "page"] | None = None,
) -> None:
    """Send unusual and damaged files to all fronts, and print the verdicts and the memory used."""

    def hostile() -> Iterator[Hostile]:
        yield from files(count, seed, small=small)
        if photos:
            yield from real(photos, seed)

    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if only in (None, "api"):
            results["api"] = attack(lambda path: through_api(path, folder / "out", MODEL), hostile(), folder)
        if only in (None, "demo"):
            with servers.demo(MODEL) as (address, pid):
                results["demo"] = attack(through_demo(address, folder / "answers"), hostile(), folder, pid)
        if only in (None, "page"):
            with servers.studio() as (address, pid):
                results["page"] = attack(through_page(address), hostile(), folder, pid)
    print(json.dumps(results, indent=1))
    sys.exit(os.EX_SOFTWARE if any(found["wrong"] for found in results.values()) else 0)


if __name__ == "__main__":
    typer.run(main)
