"""Pictures of videos as players show them: colours, orientation, shape, transparency, and the right track."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image, ImageSequence

from cityseg.errors import DataError
from cityseg.inference.video import Video, VideoWriter, frame
from tests.inference.videos import encode, encode_tracks, plain

SKY, PERSON = (90, 150, 230), (220, 20, 60)
COLORS = [SKY, PERSON, (255, 255, 255), (128, 128, 128), (0, 0, 0), (250, 170, 30), (107, 142, 35), (128, 64, 128)]
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""Linear light of BT.709 to BT.2020, ITU-R BT.2087."""
PQ, HLG = 16, 18


def stripes(colors=COLORS) -> np.ndarray:
    return np.concatenate([plain(color) for color in colors], axis=1)


def centres(pixels: np.ndarray, count: int = len(COLORS)) -> np.ndarray:
    step = pixels.shape[1] // count
    return pixels[pixels.shape[0] // 2, step // 2 :: step].astype(int)


def first(path) -> np.ndarray:
    return next(Video(path).frames()).pixels


def linear(color) -> np.ndarray:
    value = np.array(color) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def pq(light: np.ndarray) -> np.ndarray:
    """Signal of light, 1 for a diffuse white of 203 cd/m² (SMPTE ST 2084, ITU-R BT.2408)."""
    root = (light * 203 / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * root) / (1 + 18.6875 * root)) ** 78.84375


def hlg(light: np.ndarray) -> np.ndarray:
    """Signal of scene light, 0.75 for a diffuse white of 1 (ITU-R BT.2100)."""
    scene = light * 0.26496
    return np.where(
        scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.28466892) + 0.55991073
    )


@pytest.mark.parametrize("limited_or_full", [1, 2])
@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
def test_matrix_and_range_of_the_source_are_honoured(tmp_path, matrix, limited_or_full):
    tags = {"colorspace": matrix, "color_range": limited_or_full}
    path = encode(tmp_path / "v.mkv", [stripes()], matrix=matrix, tags=tags)
    assert np.abs(centres(first(path)) - COLORS).max() <= 3


@pytest.mark.parametrize(("rows", "matrix"), [(718, 5), (720, 1)])
def test_untagged_videos_are_taken_as_by_browsers(tmp_path, rows, matrix):
    path = encode(tmp_path / "v.mkv", [np.resize(stripes(), (rows, 64 * len(COLORS), 3))], matrix=matrix)
    assert np.abs(centres(first(path)) - COLORS).max() <= 3


@pytest.mark.parametrize(("transfer", "signal"), [(PQ, pq), (HLG, hlg)])
@pytest.mark.parametrize("primaries", [9, 2])
def test_hdr_is_mapped_to_the_colours_of_photos(tmp_path, transfer, signal, primaries):
    light = np.array([TO_BT2020 @ linear(color) for color in COLORS])
    coded = np.rint(65535 * signal(light)).astype(np.uint16)
    image = np.repeat(np.repeat(coded[None], 32, 0), 64, 1)
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": primaries, "color_trc": transfer}
    path = encode(tmp_path / "v.mkv", [image] * 2, pix_fmt="yuv444p10le", matrix=9, tags=tags)
    source = Video(path)
    found = centres(next(source.frames()).pixels)
    # The brightest colours make room for highlights.
    exact = np.array(COLORS).max(axis=1) < 240
    assert np.abs(found - COLORS)[exact].max() <= 4
    assert np.abs(found - COLORS).max() <= 9
    assert source.remarks == (
        f"The video is HDR ({'PQ' if transfer == PQ else 'HLG'}): its colours are mapped to SDR.",
    )


def test_highlights_of_hdr_keep_their_order(tmp_path):
    coded = np.rint(65535 * pq(np.array([0.5, 0.8, 1, 1.5, 2, 5]))).astype(np.uint16)
    image = np.repeat(np.repeat(np.repeat(coded[None, :, None], 32, 0), 64, 1), 3, 2)
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": PQ}
    path = encode(tmp_path / "v.mkv", [image], pix_fmt="yuv444p10le", matrix=9, tags=tags)
    found = centres(first(path), 6)[:, 0]
    assert np.all(np.diff(found) >= 0)
    assert found[3] > found[2] > found[1] > found[0]
    assert found[-1] == 255


def test_wide_gamut_without_hdr_is_converted(tmp_path):
    light = TO_BT2020 @ linear(PERSON)
    coded = np.rint(255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))
    tags = {"colorspace": 9, "color_range": 1, "color_primaries": 9}
    path = encode(tmp_path / "v.mkv", [plain(coded.astype(int))], matrix=9, tags=tags)
    assert np.abs(first(path)[16, 32].astype(int) - PERSON).max() <= 4


@pytest.mark.parametrize(
    ("tags", "found"),
    [({"colorspace": 8}, "matrix coefficients 8"), ({"colorspace": 1, "color_trc": 9}, "a logarithmic transfer")],
)
def test_colours_that_cannot_be_converted_are_refused(tmp_path, tags, found):
    path = encode(tmp_path / "v.mkv", [plain(SKY)], tags=tags)
    with pytest.raises(DataError, match=rf"v\.mkv: expected colours of SDR, HLG or PQ, found {found}.*; export it as"):
        list(Video(path).frames())


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0, 90, 180, -90])
@pytest.mark.parametrize("flipped", [False, True])
def test_every_orientation(tmp_path, angle, mirrored, flipped):
    image = np.random.default_rng(0).integers(0, 256, (8, 16, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    path = encode(tmp_path / "v.mp4", [image], codec="png", pix_fmt="rgb24", rotation=(angle, mirrored, flipped))
    wanted = np.rot90(image, angle // 90)
    wanted = wanted[:, ::-1] if mirrored else wanted
    assert np.array_equal(first(path), wanted[::-1] if flipped else wanted)


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [(Fraction(2), (32, 128)), (Fraction(1, 2), (64, 64)), (Fraction(16, 15), (32, 68)), (Fraction(1), (32, 64))],
)
@pytest.mark.parametrize("suffix", ["mp4", "ts", "mkv"])
def test_pixels_that_are_not_square(tmp_path, suffix, aspect, shape):
    image = np.hstack([plain(SKY), plain(PERSON)])[:, 32:96]
    path = encode(tmp_path / f"v.{suffix}", [image], codec="libx264", pix_fmt="yuv420p", aspect=aspect)
    pixels = first(path)
    assert pixels.shape == (*shape, 3)
    assert np.abs(pixels[4, 4].astype(int) - SKY).max() <= 4
    assert np.abs(pixels[4, -4].astype(int) - PERSON).max() <= 4


def test_a_turned_video_of_wide_pixels(tmp_path):
    path = encode(
        tmp_path / "v.mp4", [plain(SKY)], codec="png", pix_fmt="rgb24", aspect=Fraction(2), rotation=(90, False, False)
    )
    assert first(path).shape == (128, 32, 3)


def test_the_displayed_size_is_limited(tmp_path, monkeypatch):
    path = encode(tmp_path / "v.mp4", [plain(SKY)], codec="libx264", pix_fmt="yuv420p", aspect=Fraction(3))
    assert first(path).shape == (32, 192, 3)
    monkeypatch.setattr(frame, "MAX_PIXELS", 32 * 192 - 1)
    with pytest.raises(DataError, match=r"v\.mp4: expected frames of at most 0 megapixels, found 192x32; make them"):
        Video(path)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [("mov", "qtrle", "argb"), ("mov", "png", "rgba"), ("mkv", "ffv1", "bgra"), ("webm", "libvpx-vp9", "yuva420p")],
)
def test_transparency_is_blended_with_white(tmp_path, suffix, codec, pix_fmt):
    image = np.hstack([plain((*PERSON, alpha)) for alpha in (0, 128, 255)])
    path = encode(tmp_path / f"v.{suffix}", [image] * 3, codec=codec, pix_fmt=pix_fmt)
    wanted = [255 - (255 - np.array(PERSON)) * alpha / 255 for alpha in (0, 128, 255)]
    assert np.abs(centres(first(path), 3) - wanted).max() <= 4


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
def test_transparent_pixels_of_a_gif_are_white(tmp_path, disposal):
    pictures = []
    for number in range(3):
        picture = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
        picture.paste((*PERSON, 255), (10 * number, 0, 10 * number + 15, 15))
        pictures.append(picture)
    path = tmp_path / "a.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, disposal=disposal)
    found = [frame.pixels for frame in Video(path).frames()]
    with Image.open(path) as image:
        for frame, wanted in zip(found, ImageSequence.Iterator(image), strict=True):
            rgba = np.asarray(wanted.convert("RGBA")).astype(int)
            assert np.array_equal(frame, np.where(rgba[..., 3:] == 255, rgba[..., :3], 255))
    # An independent decoder sees the same. FFmpeg leaves the first background to the player.
    with av.open(str(path)) as container:
        for frame, decoded in zip(found, container.decode(video=0), strict=True):
            rgba = decoded.to_ndarray(format="rgba").astype(int)
            assert np.array_equal(frame, np.where(rgba[..., 3:] == 255, rgba[..., :3], 255))


def test_cover_pictures_are_skipped(tmp_path):
    cover = {"images": [plain(PERSON, (64, 64))], "codec": "mjpeg", "pix_fmt": "yuvj420p"}
    video = {"images": [plain(SKY)] * 10, "codec": "libx264", "pix_fmt": "yuv420p"}
    path = encode_tracks(tmp_path / "v.mp4", [{**cover, "disposition": Disposition.attached_pic}, video])
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    source = Video(path)
    assert [frame.pixels.shape for frame in source.frames()] == [(32, 64, 3)] * 10
    assert source.remarks == ()
    # The cover alone is no video.
    with av.open(str(tmp_path / "sound.mka"), "w", format="matroska") as container:
        sound = container.add_stream("pcm_s16le", rate=8000)
        file = io.BytesIO()
        Image.fromarray(plain(SKY)).save(file, "png")
        container.add_attachment("cover.png", "image/png", file.getvalue())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 2000), np.int16), layout="stereo")
        silence.sample_rate = 8000
        container.mux(sound.encode(silence))
    with pytest.raises(DataError, match=r"sound\.mka: expected .*, found a file with only a cover picture in it"):
        Video(tmp_path / "sound.mka")


@pytest.mark.parametrize(("default", "predicted"), [((0, 1), 1), ((1, 0), 0), ((0, 0), 0), ((1, 1), 0)])
def test_the_default_or_largest_track_is_predicted_and_the_others_are_named(tmp_path, default, predicted):
    sizes = ((64, 128), (32, 64))
    tracks = [
        {"images": [plain(SKY, size)] * 3, "disposition": Disposition.default * flag}
        for size, flag in zip(sizes, default, strict=True)
    ]
    source = Video(encode_tracks(tmp_path / "v.mkv", tracks))
    assert [frame.pixels.shape[:2] for frame in source.frames()] == [sizes[predicted]] * 3
    height, width = sizes[predicted]
    assert source.remarks == (
        f"The file has 2 video tracks: number {predicted + 1}, {width}x{height}, is predicted, and the others are "
        "ignored.",
    )


def test_a_title_in_latin_1(tmp_path):
    path = encode(tmp_path / "v.mkv", [plain(SKY)] * 3, metadata={"title": "Strasse in XXXX"})
    path.write_bytes(path.read_bytes().replace(b"XXXX", b"K\xf6ln"))
    assert len(list(Video(path).frames())) == 3


def test_an_unknown_codec(tmp_path):
    path = encode(tmp_path / "v.mp4", [plain(SKY)] * 3, codec="libx264", pix_fmt="yuv420p")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(DataError, match=r"v\.mp4: expected a video of a known codec, found an unknown one; export it"):
        Video(path)


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "bmp", "tiff", "avif"])
def test_a_photo_is_no_video(tmp_path, kind):
    Image.fromarray(plain(SKY)).save(tmp_path / f"photo.{kind}")
    (tmp_path / f"photo.{kind}").rename(tmp_path / "video.mp4")
    with pytest.raises(DataError, match=r"video\.mp4: expected a video .*, found a photo; predict photos as photos \("):
        Video(tmp_path / "video.mp4")


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{}'\n",
        "words\n" * 500,
    ],
)
def test_lists_open_no_other_file(tmp_path, text):
    other = encode(tmp_path / "other.ts", [plain(SKY)] * 3, codec="libx264", pix_fmt="yuv420p")
    (tmp_path / "list.mp4").write_text(text.replace("{}", str(other)))
    with pytest.raises(DataError, match=r"list\.mp4: expected a video .* found none that can be read"):
        list(Video(tmp_path / "list.mp4").frames())


@pytest.mark.parametrize("size", [(32, 64), (720, 64)])
def test_overlays_are_tagged_and_converted_as_bt709(tmp_path, size):
    writer = VideoWriter(tmp_path / "v.mp4", Fraction(10))
    for _ in range(3):
        writer.add(np.concatenate([plain(color, size) for color in COLORS], axis=1))
    writer.close()
    with av.open(str(tmp_path / "v.mp4")) as container:
        decoded = next(container.decode(video=0))
        assert (decoded.colorspace, decoded.color_primaries, decoded.color_trc, decoded.color_range) == (1, 1, 1, 2)
        assert (b"colrnclx" + bytes((0, 1, 0, 1, 0, 1, 128))) in (tmp_path / "v.mp4").read_bytes()
        y, cb, cr = (np.asarray(plane).reshape(plane.height, -1)[:, : plane.width] for plane in decoded.planes)
    for number, color in enumerate(np.array(COLORS) / 255):
        # ITU-R BT.709, full range.
        luma = color @ (0.2126, 0.7152, 0.0722)
        wanted = (
            255 * luma,
            128 + 255 * (color[2] - luma) / 1.8556,
            128 + 255 * (color[0] - luma) / 1.5748,
        )
        row, column = size[0] // 2, 64 * number + 32
        found = (y[row, column], cb[row // 2, column // 2], cr[row // 2, column // 2])
        assert np.abs(np.array(found, float) - wanted).max() <= 2
