"""Odd and damaged files, all of them drawn here, given to the studio: each must be read right or refused in a sentence.

    python -m benchmarks.hostile [--files N] [--seed S] [--photos FOLDER] [--small] [--only api|demo|page] [--json]

Every file is predicted by ``api.predict_photos``, through the demo's ``/predict``, asked by gradio's own client, and
uploaded to the Predict page by a visitor without a browser (``benchmarks.visitor``). The two servers are processes of
their own. A file is *wrong* if anything but an answer of the photo's own size or a sentence of the studio comes back.
``grown`` is how much more memory (VmRSS) the process holds after the last file than after a usual photo of 1280x720
before the first, which loads everything; ``peak`` is the most it held at any moment (VmHWM), less the same.
"""

from __future__ import annotations

import argparse
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from streamlit.proto.Alert_pb2 import Alert

from benchmarks import servers
from benchmarks.predict import drawn
from benchmarks.visitor import Visitor
from cityseg import api
from cityseg.errors import CitysegError

MODEL = "better-1"
"""The smallest of the shipped models that are worth asking; the files are what is tried here, not the model."""


@dataclass(frozen=True)
class Hostile:
    """A file and what has to come of it.

    Attributes:
        name: with an ending that may lie.
        data: the bytes.
        size: (height, width) of the label map, or None if it has to be refused; ``...`` where both are right.
    """

    name: str
    data: bytes
    size: Any


def files(count: int, seed: int = 0, *, small: bool = False) -> Iterator[Hostile]:
    """Draw files one after the other, each of the makers in turn.

    Args:
        count: how many.
        seed: of all chance.
        small: leave the large ones small, for a quick look; the largest has 1 megapixel then.
    """
    chance = random.Random(seed)
    for number in range(count):
        make = MAKERS[number % len(MAKERS)]
        made = make(chance, 0.02 if small else 1.0)
        yield Hostile(f"{number:03d}-{made.name}", made.data, made.size)


def real(folder: Path, seed: int = 0) -> Iterator[Hostile]:
    """Take every photo of a folder as it is, torn off, and bitten in its header and anywhere."""
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


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Write an image to bytes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _noise(chance: random.Random, height: int, width: int) -> Image.Image:
    draw = np.random.default_rng(chance.randrange(2**32))
    cells = draw.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.NEAREST)


def _any(chance: random.Random) -> Image.Image:
    return _noise(chance, chance.randrange(1, 300), chance.randrange(1, 400))


_KINDS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "BMP", "TIFF", "GIF")


def _whole(chance: random.Random, _: float) -> Hostile:
    image, kind = _any(chance), chance.choice(_KINDS)
    return Hostile(f"whole.{kind.lower()}", encoded(image, kind), image.size[::-1])


def _lying(chance: random.Random, _: float) -> Hostile:
    image, kind = _any(chance), chance.choice(_KINDS)
    return Hostile(
        f"lying{chance.choice(('.svg', '.exe', '.txt', '', '.HEIC', '.gif', '.pdf'))}",
        encoded(image, kind),
        image.size[::-1],
    )


def _mode(chance: random.Random, _: float) -> Hostile:
    image, mode = _any(chance), chance.choice(("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"))
    if mode in ("I;16", "I", "F"):
        grey = np.asarray(image.convert("L")).astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode])
        data = encoded(Image.fromarray(grey if mode == "F" else grey * 257), "TIFF")
    else:
        data = encoded(image.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    return Hostile(f"mode-{mode.replace(';', '-')}.png", data, image.size[::-1])


def _seen_through(chance: random.Random, _: float) -> Hostile:
    image = _any(chance).quantize(16)
    return Hostile("palette.png", encoded(image, transparency=chance.randrange(16)), image.size[::-1])


def _turned(chance: random.Random, _: float) -> Hostile:
    image, exif, turn = _any(chance), Image.Exif(), chance.randrange(0, 12)
    exif[0x0112] = turn
    exif[0x013B] = "Jane Q. Public"
    size = image.size if turn in (5, 6, 7, 8) else image.size[::-1]
    return Hostile(f"turned-{turn}.jpg", encoded(image, "JPEG", exif=exif), size)


def _moving(chance: random.Random, _: float) -> Hostile:
    frames = [_noise(chance, 40, 60) for _ in range(3)]
    kind = chance.choice(("GIF", "WEBP", "PNG", "TIFF"))
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    return Hostile(f"moving.{kind.lower()}", data, (40, 60))


def _shape(chance: random.Random, scale: float) -> Hostile:
    long = max(2, round(20_000 * scale))
    size = chance.choice(((1, 1), (1, long), (long, 1), (2, 3), (1, 2)))
    return Hostile("shape.png", encoded(_noise(chance, *size)), size)


def _large(chance: random.Random, scale: float) -> Hostile:
    height = round(5_000 * scale**0.5)
    size = (height, 2 * height)
    return Hostile("large.jpg", encoded(_noise(chance, *size), "JPEG", quality=chance.choice((30, 80))), size)


def _too_large(chance: random.Random, scale: float) -> Hostile:
    width, height = chance.choice(((10_000, 5_001), (14_000, 14_000)))
    packed = zlib.compress(bytes(round(height * (3 * width + 1) * scale**2)), 1)
    return Hostile("sky.png", _png(width, height, packed), None)


def _bomb(chance: random.Random, _: float) -> Hostile:
    """A PNG of few bytes that claims a huge size, up to the largest that its header can tell."""
    side = chance.choice((30_000, 65_535, 2**31 - 1))
    return Hostile("bomb.png", _png(side, side, zlib.compress(bytes(1 << 20))), None)


def _png(width: int, height: int, packed: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def _short(chance: random.Random, _: float) -> Hostile:
    """A PNG that claims 6 megapixels and holds hardly any."""
    return Hostile("short.png", _png(3_000, 2_000, zlib.compress(bytes(chance.randrange(1, 9_000)))), None)


def _torn(chance: random.Random, _: float) -> Hostile:
    data = encoded(_any(chance), chance.choice(_KINDS))
    return Hostile("torn.jpg", data[: chance.randrange(1, len(data))], ...)


def _bitten(chance: random.Random, _: float) -> Hostile:
    data = bytearray(encoded(_any(chance), chance.choice(_KINDS)))
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
    *(_whole, _lying, _mode, _seen_through, _turned, _moving, _shape, _torn, _bitten, _other),
    *(_torn, _bitten, _other, _too_large, _bomb, _short, _other, _mode, _bitten, _large),
)
"""Twenty kinds of files, in turn."""


def verdict(expected: Any, found: tuple[int, int] | str) -> str:
    """Return ``right``, ``refused`` or ``wrong`` for what came back: a size, or the sentence of a refusal."""
    if isinstance(found, str):
        sentence = ": expected " in found and ", found " in found and "\n" not in found
        return "refused" if sentence and expected in (None, ...) else "wrong"
    return "right" if expected in (found, ...) else "wrong"


def through_api(path: Path, out: Path, model: str) -> tuple[int, int] | str:
    """Predict a file as the command line does."""
    try:
        (written,) = api.predict_photos(model, [path], out)
    except CitysegError as error:
        return str(error)
    return _label_map_size(Path(written["files"]["labelIds"]))


def _label_map_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        size = image.size[::-1]
    path.unlink()
    return size


def attack(
    ask: Callable[[Path], tuple[int, int] | str], hostile: Iterator[Hostile], folder: Path, process: int | str = "self"
) -> dict[str, Any]:
    """Ask about every file; count the verdicts, keep what was wrong, and measure how a process's memory grew."""
    counts = {"right": 0, "refused": 0, "wrong": 0}
    wrong: list[str] = []
    usual = folder / "usual.jpg"
    usual.write_bytes(drawn())
    ask(usual)
    first = servers.memory(process)
    for one in hostile:
        path = folder / one.name.replace("/", "-")
        path.write_bytes(one.data)
        found = ask(path)
        came = verdict(one.size, found)
        counts[came] += 1
        if came == "wrong":
            wrong.append(f"{one.name}: {one.size} expected, {found}")
        path.unlink()
    grown, peak = servers.memory(process) - first, servers.memory(process, "VmHWM") - first
    return {**counts, "wrong_files": wrong, "grown_mib": grown, "peak_mib": peak}


def through_demo(address: str, downloads: Path) -> Callable[[Path], tuple[int, int] | str]:
    """Return a way to ask the demo at an address."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(address, verbose=False, analytics_enabled=False, download_files=downloads)

    def ask(path: Path) -> tuple[int, int] | str:
        try:
            return _label_map_size(Path(client.predict(photo=handle_file(path), api_name="/predict")[-1]))
        except AppError as refused:
            return str(refused)

    return ask


def through_page(address: str) -> Callable[[Path], tuple[int, int] | str]:
    """Return a way to ask the Predict page of a studio at an address."""
    visitor = Visitor(address, "predict", f"from=photos&model={MODEL}")
    visitor.arrive()

    def ask(path: Path) -> tuple[int, int] | str:
        answer = visitor.give(path.name, path.read_bytes())
        broken = [f"{one.type}: {one.message}" for one in answer.of_kind("exception")]
        refused = [one.body for one in answer.of_kind("alert") if one.format == Alert.ERROR]
        if broken or refused:
            return (broken or refused)[0]
        shown = [one for one in answer.viewers() if f" {path.stem} " in one["alt"]]
        sizes = [re.match(r"(\d+) × (\d+) pixels", one.help) for one in answer.of_kind("metric")]
        (size,) = (found for found in sizes if found)
        return (int(size[2]), int(size[1])) if shown else "no picture"

    return ask


def main() -> None:
    """Attack all fronts and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--photos", type=Path, help="a folder of photos to use as well, whole and damaged")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", choices=["api", "demo", "page"])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()

    def drawn_files() -> Iterator[Hostile]:
        yield from files(arguments.files, arguments.seed, small=arguments.small)
        if arguments.photos:
            yield from real(arguments.photos, arguments.seed)

    results = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if arguments.only in (None, "api"):
            results["api"] = attack(lambda path: through_api(path, folder / "out", MODEL), drawn_files(), folder)
        if arguments.only in (None, "demo"):
            with servers.demo(MODEL) as (address, number):
                results["demo"] = attack(through_demo(address, folder / "answers"), drawn_files(), folder, number)
        if arguments.only in (None, "page"):
            with servers.studio() as (address, number):
                results["page"] = attack(through_page(address), drawn_files(), folder, number)
    if arguments.json:
        print(json.dumps(results))
    else:
        for front, found in results.items():
            print(
                f"{front}: {found['right']} right, {found['refused']} refused, {found['wrong']} wrong; memory "
                f"{found['grown_mib']:+.0f} MiB at the end, {found['peak_mib']:+.0f} MiB at most at any moment"
            )
            for line in found["wrong_files"]:
                print(f"  {line}")
    sys.exit(os.EX_SOFTWARE if any(found["wrong"] for found in results.values()) else 0)


if __name__ == "__main__":
    main()
