"""Datasets and prediction see the same pixels of a file, and the right ones."""

from __future__ import annotations

import io
import json
import os
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from cityseg import api
from cityseg.data import image_io
from cityseg.data.frame_io import read_photo
from cityseg.data.image_io import decode_photo, read_photo_file
from cityseg.data.layouts.dataset_files import MAX_BYTES, SourceFile
from cityseg.errors import DataError, OutOfMemory

from .test_label_decode import raw_png

SKY, ROAD = (90, 150, 230), (60, 60, 64)
RANDOM = np.random.default_rng(7)
NOISE = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
WIDE = NOISE.astype(np.uint16) * 257
ALPHA = RANDOM.integers(0, 256, (20, 30), dtype=np.uint8)
ON_WHITE = np.rint(NOISE * (ALPHA / 255)[..., None] + 255 * (1 - ALPHA / 255)[..., None])
SCENE = np.full((32, 48, 3), ROAD, np.uint8)
SCENE[:16] = SKY
SCENE[:8, :12] = (250, 20, 20)  # so that every turn and mirror is another picture
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}
"""What the EXIF standard says of each orientation."""


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def both(tmp_path, data: bytes) -> np.ndarray:
    """The pixels in a dataset, which prediction must see too."""
    path = tmp_path / "photo"
    path.write_bytes(data)
    pixels = read_photo(SourceFile(path, "photo"))
    np.testing.assert_array_equal(decode_photo(data), pixels)
    np.testing.assert_array_equal(read_photo_file(path), pixels)
    assert (pixels.dtype, pixels.shape[2]) == (np.uint8, 3)
    return pixels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "MPO"])
def test_every_orientation_is_upright(tmp_path, kind, orientation):
    options = {"WEBP": {"lossless": True}, "AVIF": {"speed": 10}}.get(kind, {})
    pixels = both(tmp_path, encoded(SCENE, kind, exif=oriented(orientation), **options))
    wanted = UPRIGHT[orientation](SCENE)
    assert pixels.shape == wanted.shape
    assert np.abs(pixels.astype(int) - wanted).mean() < 4


def text_chunk(data: bytes, body: bytes) -> bytes:
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    return data[:33] + chunk + data[33:]


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    "form", ['tiff:Orientation="6"/>', "><tiff:Orientation>6</tiff:Orientation></rdf:Description>"]
)
def test_orientation_in_xmp_alone_is_applied_in_every_format(tmp_path, kind, form):
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {form}</rdf:RDF></x:xmpmeta>'
    ).encode()
    file = io.BytesIO()
    Image.fromarray(SCENE).save(file, kind, **({"tiffinfo": {700: xmp}} if kind == "TIFF" else {"xmp": xmp}))
    plain = io.BytesIO()
    Image.fromarray(SCENE).save(plain, kind)
    turned, stored = both(tmp_path, file.getvalue()), both(tmp_path, plain.getvalue())
    np.testing.assert_array_equal(turned, UPRIGHT[6](stored))


def test_orientation_in_xmp_is_applied(tmp_path):
    xmp = b"XML:com.adobe.xmp\0\0\0\0\0<x:xmpmeta><rdf:Description tiff:Orientation='6' tiff:Orientation=\"6\"/>"
    np.testing.assert_array_equal(both(tmp_path, text_chunk(encoded(SCENE), xmp)), UPRIGHT[6](SCENE))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
def test_unknown_orientations_are_ignored(tmp_path, kind, orientation):
    assert both(tmp_path, encoded(SCENE, kind, exif=oriented(orientation))).shape == SCENE.shape


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_hides_no_photo(kind):
    exif = oriented(6)
    exif[0x010F] = "maker"
    exif.get_ifd(0x8769)[0x9286] = "comment"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 12.5)})
    whole, chance = exif.tobytes(), np.random.default_rng(1)
    for _ in range(100):
        damaged = bytearray(whole)
        for place in chance.integers(6, len(whole), chance.integers(1, 8)):
            damaged[place] = chance.integers(256)
        assert decode_photo(encoded(SCENE, kind, exif=bytes(damaged))).shape in {(32, 48, 3), (48, 32, 3)}


def test_exif_with_values_of_wrong_types_is_ignored():
    """Pillow turns such a photo, and then raises a TypeError when it writes the tags again."""
    entries = [(0x0112, 3, 1, 6 << 16), (0x011A, 2, 4, 0x41414100), (0x8769, 2, 4, 0x61626300)]
    body = b"".join(struct.pack(">HHII", *entry) for entry in entries)
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", len(entries)) + body + bytes(4)
    np.testing.assert_array_equal(decode_photo(encoded(SCENE, "PNG", exif=exif)), UPRIGHT[6](SCENE))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (raw_png(WIDE[..., 0], 16, 0), NOISE[..., :1]),
        (raw_png(WIDE, 16, 2), NOISE),
        (raw_png(np.dstack([WIDE, ALPHA.astype(np.uint16) * 257]), 16, 6), ON_WHITE),
        (raw_png(np.dstack([WIDE[..., 0], ALPHA.astype(np.uint16) * 257]), 16, 4), ON_WHITE[..., :1]),
        (encoded(np.dstack([NOISE, ALPHA])), ON_WHITE),
        (encoded(np.dstack([NOISE[..., 0], ALPHA])), ON_WHITE[..., :1]),
        (encoded(np.dstack([NOISE, ALPHA]), "WEBP", lossless=True, exact=True), ON_WHITE),
        (encoded(np.dstack([NOISE, ALPHA]), "TIFF"), ON_WHITE),
        (encoded(NOISE[..., 0] > 99), (NOISE[..., :1] > 99) * 255),
        (raw_png(NOISE[..., 0] // 64, 2, 0), NOISE[..., :1] // 64 * 85),
        (raw_png(NOISE[..., 0] // 16, 4, 0), NOISE[..., :1] // 16 * 17),
        (encoded(NOISE, "BMP"), NOISE),
        (encoded(NOISE, "TIFF", compression="tiff_lzw"), NOISE),
    ],
    ids=[
        *("grey16", "RGB16", "RGBA16", "LA16", "RGBA", "LA", "WebP-RGBA", "TIFF-RGBA", "1-bit", "2-bit", "4-bit"),
        *("BMP", "LZW"),
    ],
)
def test_every_depth_and_colour_model_keeps_its_colours(tmp_path, data, wanted):
    assert np.abs(both(tmp_path, data).astype(int) - wanted).max() <= 1


def test_16_bit_greys_of_the_report(tmp_path):
    greys = np.repeat(np.array([[20, 128, 240]], np.uint16), 4, 0)
    assert both(tmp_path, raw_png(greys * 257, 16, 0))[0, :, 0].tolist() == [20, 128, 240]


def test_transparent_colours_are_white(tmp_path):
    data = encoded(SCENE, transparency=SKY)
    pixels = both(tmp_path, data)
    assert pixels[12, 30].tolist() == [255, 255, 255]
    assert pixels[30, 30].tolist() == list(ROAD)
    greys = raw_png(WIDE[..., 0], 16, 0)
    transparent = struct.pack(">H", WIDE[3, 4, 0])
    chunk = struct.pack(">I", 2) + b"tRNS" + transparent + struct.pack(">I", zlib.crc32(b"tRNS" + transparent))
    assert both(tmp_path, greys[:33] + chunk + greys[33:])[3, 4].tolist() == [255, 255, 255]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [0, 1])
def test_the_transparent_level_of_few_bits_is_white(tmp_path, depth, transparent):
    levels = np.arange(2 ** min(depth, 4)).reshape(1, -1)
    body = struct.pack(">H", transparent)
    chunk = struct.pack(">I", 2) + b"tRNS" + body + struct.pack(">I", zlib.crc32(b"tRNS" + body))
    data = raw_png(levels, depth, 0)
    expected = levels * (255 // (2**depth - 1))
    expected[0, transparent] = 255
    assert both(tmp_path, data[:33] + chunk + data[33:])[..., 0].tolist() == expected.tolist()


def display_p3() -> bytes:
    """A matrix profile with the primaries of Display P3 (D50-adapted) and sRGB's curve, from sRGB's own."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.2412, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if name in primaries:
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in primaries[name]))
    return bytes(profile)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_profiles_are_converted_alike(tmp_path, kind, mode):
    """(170, 90, 80) in Display P3 is (182, 84, 76) in sRGB, by the matrices and curves of both."""
    if mode != "RGB" and kind == "JPEG":
        pytest.skip("JPEG has neither")
    image = Image.new("RGB", (8, 8), (170, 90, 80))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    options = {"quality": 100} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    pixels = both(tmp_path, encoded(image, kind, icc_profile=display_p3(), **options))
    assert np.abs(pixels[0, 0].astype(int) - (182, 84, 76)).max() <= 3


def test_gamma_of_a_png_is_converted_unless_it_is_that_of_srgb(tmp_path):
    def with_chunk(kind: bytes, body: bytes, data: bytes) -> bytes:
        chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        return data[:33] + chunk + data[33:]

    plain = encoded(NOISE)
    usual, linear = (with_chunk(b"gAMA", struct.pack(">I", value), plain) for value in (45455, 100_000))
    np.testing.assert_array_equal(both(tmp_path, usual), NOISE)
    np.testing.assert_array_equal(both(tmp_path, with_chunk(b"sRGB", b"\0", linear)), NOISE)
    assert np.abs(both(tmp_path, linear) - 255 * (NOISE / 255) ** (1 / 2.2)).max() <= 0.51


def test_cmyk_is_converted_alike(tmp_path):
    image = Image.fromarray(SCENE).convert("CMYK")
    pixels = both(tmp_path, encoded(image, "TIFF"))
    np.testing.assert_array_equal(pixels, np.asarray(image.convert("RGB")))
    assert np.abs(both(tmp_path, encoded(image, "JPEG", quality=95)).astype(int) - pixels).mean() < 3


@pytest.fixture
def own(tmp_path):
    """A function that makes a dataset of one frame from the bytes of a photo, its ending and the label."""

    def make(data: bytes, ending: str, label: np.ndarray):
        root = tmp_path / "own"
        for folder in ("images", "labels"):
            (root / folder).mkdir(parents=True)
        (root / "images" / f"frame.{ending}").write_bytes(data)
        Image.fromarray(label).save(root / "labels" / "frame.png")
        description = {"name": "Own", "train_ids": {"0": "sky", "1": "road"}, "splits": {"train": 1}}
        (root / "dataset.json").write_text(json.dumps(description))
        return root

    return make


def test_sky_is_sky_in_a_photo_that_is_stored_upside_down(own):
    scene = np.full((32, 48, 3), ROAD, np.uint8)
    scene[:16] = SKY
    label = np.repeat(np.uint8([0, 1]), 16)[:, None].repeat(48, 1)
    root = own(encoded(scene[::-1, ::-1], "JPEG", exif=oriented(3), quality=95), "JPG", label)
    view = api.frame_view(str(root), "train", "frame")
    assert np.abs(view.photo[view.train_ids == 10].mean(0) - SKY).max() < 3
    assert api.verify(str(root)).problems == ()
    prepared = api.prepare(str(root), (32, 48))["train"]
    np.testing.assert_array_equal(prepared.photos[0], view.photo)


@pytest.mark.parametrize("ending", ["jfif", "jpe", "webp", "bmp", "tif", "TIFF", "heic", "avif", "gif", "mpo"])
def test_datasets_read_every_format(own, ending):
    kinds = {"jfif": "JPEG", "jpe": "JPEG", "tif": "TIFF", "heic": "HEIF", "mpo": "JPEG"}
    data = encoded(SCENE, kinds.get(ending, ending.upper()))
    root = own(data, ending, np.zeros((32, 48), np.uint8))
    verification = api.verify(str(root))
    assert (verification.frames, verification.problems) == (1, ())
    np.testing.assert_array_equal(api.frame_view(str(root), "train", "frame").photo, decode_photo(data))


def test_size_mismatch_names_the_turn(own):
    label = np.zeros((32, 48), np.uint8)
    root = own(encoded(SCENE, "JPEG", exif=oriented(6)), "jpg", label)
    path = root / "labels" / "frame.png"
    (problem,) = api.verify(str(root)).problems
    assert problem.kind == "size mismatch"
    assert problem.message == (
        f"{path}: expected the photo's size 48x32 after the turn by its EXIF orientation 6, found 32x48, the size of "
        "the photo before that turn; turn the label too, or remove the orientation from the photo"
    )
    with pytest.raises(DataError, match="after the turn by its EXIF orientation 6, found 32x48, the size of the photo"):
        api.prepare(str(root), (32, 48))
    Image.fromarray(label[:20]).save(path)
    assert api.verify(str(root)).problems[0].message == (
        f"{path}: expected the photo's size 48x32 after the turn by its EXIF orientation 6, found 20x48; both must "
        "show the same frame"
    )


def test_too_little_memory_is_no_damage(monkeypatch, own):
    def fail(*arguments: object) -> None:
        raise MemoryError

    root = own(encoded(SCENE), "png", np.zeros((32, 48), np.uint8))
    monkeypatch.setattr(image_io, "decode_png", fail)
    with pytest.raises(OutOfMemory) as refused:
        decode_photo(encoded(SCENE), "street.png")
    assert str(refused.value) == (
        "street.png: expected enough memory to decode it, found too little; make it smaller or end other programs"
    )
    # A good frame must not be left out of a dataset for that.
    with pytest.raises(OutOfMemory):
        api.prepare(str(root), (32, 48), skip_bad=True)


def test_vague_errors_of_a_decoder_are_damage_unless_memory_is_short(monkeypatch):
    data = encoded(SCENE, "WEBP")[:-40]
    with pytest.raises(DataError, match="expected a whole photo, found a damaged one"):
        decode_photo(data, "street.webp")

    def fail(*arguments: object, **options: object) -> None:
        raise OSError("could not create decoder object")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(DataError, match="found a damaged one"):
        decode_photo(data, "street.webp")
    monkeypatch.setattr(image_io, "_is_memory_short", lambda: True)
    with pytest.raises(OutOfMemory, match=r"street\.webp: expected enough memory to decode it"):
        decode_photo(data, "street.webp")


def test_devices_pipes_and_folders_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    begun = time.monotonic()
    for path, found in (("/dev/zero", "a device"), (tmp_path / "pipe.jpg", "a named pipe"), (tmp_path, "a folder")):
        with pytest.raises(DataError) as refused:
            read_photo_file(type(tmp_path)(path))
        assert str(refused.value) == f"{path}: expected a photo, found {found}; choose another"
    assert time.monotonic() - begun < 1


def test_enormous_files_are_refused_unread(tmp_path):
    path = tmp_path / "large.tif"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # takes no room on the disk
    with pytest.raises(DataError) as refused:
        read_photo_file(path)
    assert str(refused.value) == f"{path}: expected a photo of at most 1 GB, found 1.0 GB; choose another"


def test_names_that_no_file_can_have_are_refused(tmp_path):
    for name in ("a\0b.jpg", "\udfff\ud800.jpg"):
        with pytest.raises(DataError, match="expected a photo, found"):
            read_photo_file(tmp_path / name)
