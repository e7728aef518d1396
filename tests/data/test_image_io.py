"""Photos of every kind that people have, and files that are none."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from cityseg import api
from cityseg.data import image_io
from cityseg.data.image_io import decode_photo, read_photo_file
from cityseg.data.photo_color import to_eight_bits
from cityseg.errors import DataError

PHOTO = np.random.default_rng(0).integers(0, 256, (37, 83, 3), dtype=np.uint8)
RAMP = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_photos_are_decoded_exactly(kind):
    np.testing.assert_array_equal(decode_photo(encoded(Image.fromarray(PHOTO), kind)), PHOTO)


@pytest.mark.parametrize("band", [1, 200, 2_000])
def test_photos_are_copied_in_bands_of_rows(monkeypatch, band):
    monkeypatch.setattr(image_io, "_BAND_PIXELS", band)
    np.testing.assert_array_equal(decode_photo(encoded(Image.fromarray(PHOTO))), PHOTO)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_other_colour_models_become_rgb(mode):
    kind = "JPEG" if mode == "CMYK" else "PNG"
    decoded = decode_photo(encoded(Image.fromarray(PHOTO).convert(mode), kind))
    assert decoded.shape == PHOTO.shape
    assert decoded.dtype == np.uint8


def test_exif_orientation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    decoded = decode_photo(encoded(Image.fromarray(PHOTO), "PNG", exif=exif))
    np.testing.assert_array_equal(decoded, np.rot90(PHOTO, -1))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "expected a photo, found an empty file"),
        (
            b"just some words",
            "expected a photo (JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF or GIF), found another kind of file",
        ),
    ],
)
def test_other_files_are_rejected(data, sentence):
    with pytest.raises(DataError) as refused:
        decode_photo(data, "street.jpg")
    assert str(refused.value) == f"street.jpg: {sentence}"


def test_truncated_photos_are_rejected():
    whole = encoded(Image.fromarray(PHOTO))
    with pytest.raises(DataError) as refused:
        decode_photo(whole[: len(whole) // 2], "street.png")
    assert str(refused.value).startswith("street.png: expected a whole photo, found a damaged one (")
    assert str(refused.value).endswith("); copy it again")


@pytest.mark.parametrize(("size", "found"), [((10_000, 5_001), "10000x5001"), ((14_000, 14_000), "far more")])
def test_huge_photos_are_rejected_before_decoding(size, found):
    data = encoded(Image.new("1", size))
    with pytest.raises(DataError) as refused:
        decode_photo(data, "sky.png")
    assert str(refused.value) == f"sky.png: expected at most 50 megapixels, found {found}; make it smaller first"


def test_every_error_is_one_line():
    whole, sentences = encoded(Image.fromarray(PHOTO), "HEIF"), []
    for end in range(1, len(whole), 40):
        try:
            decode_photo(whole[:end], "street.heic")
        except DataError as refused:
            sentences.append(str(refused))
    assert sentences
    assert not any("\n" in sentence for sentence in sentences)


def test_missing_photo_is_reported(tmp_path):
    with pytest.raises(DataError) as refused:
        read_photo_file(tmp_path / "none.png")
    assert str(refused.value) == (f"{tmp_path / 'none.png'}: expected a photo, found none")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "HEIF", "AVIF"])
def test_lossy_photos_are_decoded_nearly_exactly(kind):
    smooth = np.dstack([RAMP, RAMP[::-1], 255 - RAMP])
    decoded = decode_photo(encoded(Image.fromarray(smooth), kind, quality=95))
    assert decoded.shape == smooth.shape
    assert np.abs(decoded.astype(int) - smooth).mean() < 4


def test_first_image_of_an_animation_is_used():
    first, second = (Image.new("RGB", (8, 6), color) for color in ("red", "blue"))
    decoded = decode_photo(encoded(first, "GIF", save_all=True, append_images=[second]))
    np.testing.assert_array_equal(decoded, np.full((6, 8, 3), (255, 0, 0), np.uint8))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_becomes_white(mode):
    image = Image.new("RGBA", (4, 2), (10, 10, 10, 255))
    image.putpixel((1, 0), (10, 10, 10, 0))
    decoded = decode_photo(encoded(image.convert(mode) if mode != "P" else image.quantize(4)))
    assert decoded[0, 1].tolist() == [255, 255, 255]
    assert decoded[0, 0].tolist() == [10, 10, 10]


def test_colour_profile_is_applied():
    """A profile that calls red what sRGB calls green, made by exchanging two of sRGB's own primaries."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {}
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        places[name] = (132 + 12 * number + 4, offset)
    (red_at, red), (green_at, green) = places[b"rXYZ"], places[b"gXYZ"]
    struct.pack_into(">I", profile, red_at, green)
    struct.pack_into(">I", profile, green_at, red)
    red_picture = Image.new("RGB", (4, 4), (255, 0, 0))
    decoded = decode_photo(encoded(red_picture, icc_profile=bytes(profile)))
    assert np.abs(decoded[0, 0].astype(int) - (0, 255, 0)).max() <= 3
    untouched = decode_photo(encoded(red_picture, icc_profile=b"no profile at all"))
    assert untouched[0, 0].tolist() == [255, 0, 0]


def test_documents_are_not_opened():
    for kind in ("PDF", "EPS", "PPM", "ICO"):
        with pytest.raises(DataError, match=r"photo: expected a photo \(JPEG, .*\), found another kind of file"):
            decode_photo(encoded(Image.fromarray(PHOTO), kind))


def test_outputs_contain_no_photo_metadata(workplace, trained, tmp_path):
    exif = Image.Exif()
    exif[0x013B] = "Jane Q. Public"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 12.5)})
    (tmp_path / "street.jpg").write_bytes(encoded(Image.fromarray(PHOTO), "JPEG", exif=exif))
    (written,) = api.predict_photos(str(trained.folder), [tmp_path / "street.jpg"], tmp_path / "out")
    assert set(written["files"]) == {"labelIds", "color", "overlay", "classes"}
    for kind, path in written["files"].items():
        if kind != "classes":
            with Image.open(path) as image:
                assert not image.getexif()
                assert not image.info
        assert b"Jane" not in (tmp_path / path).read_bytes()


@pytest.mark.parametrize(
    ("pixels", "file_format"),
    [
        (RAMP.astype(np.uint16) * 257, "PNG"),
        (RAMP.astype(np.uint16) * 257, "TIFF"),
        (RAMP.astype(np.int32) * 257, "TIFF"),
        (RAMP.astype(np.int32), "TIFF"),
        (RAMP.astype(np.float32) / 255, "TIFF"),
        (RAMP.astype(np.float32), "TIFF"),
    ],
    ids=["16-bit PNG", "16-bit TIFF", "32-bit with 16-bit range", "32-bit with 8-bit range", "0 to 1", "0 to 255"],
)
def test_sixteen_bit_greys_keep_their_range(pixels: np.ndarray, file_format: str) -> None:
    decoded = decode_photo(encoded(Image.fromarray(pixels), file_format))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, np.dstack([RAMP] * 3))


def test_dark_16_bit_photo_stays_dark() -> None:
    decoded = decode_photo(encoded(Image.fromarray(np.full((4, 4), 200, np.uint16))))
    assert decoded.max() == 1


def test_exif_orientation_is_applied_to_16_bit_greys() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode_photo(encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), "TIFF", exif=exif))
    assert decoded.shape == (64, 32, 3)
    np.testing.assert_array_equal(decoded[..., 0], np.rot90(RAMP, -1))


@pytest.mark.parametrize("odd", [1.01, 3.0, np.inf, np.nan, -1.0])
def test_a_few_values_beyond_the_range_change_no_other(odd: float) -> None:
    pixels = np.full((20, 30), 0.6, np.float32)
    pixels[0, 0] = odd
    decoded = decode_photo(encoded(Image.fromarray(pixels), "TIFF"))
    assert (decoded[1:] == 153).all()


def test_signed_16_bit_greys_span_half_the_range() -> None:
    np.testing.assert_array_equal(to_eight_bits(np.array([[-5, 0, 16384, 32767]], np.int16)), [[0, 0, 128, 255]])
