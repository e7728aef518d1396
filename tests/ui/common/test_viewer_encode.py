"""What the viewer sends: exact label values, correct sizes, each image encoded once, clear errors."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cityseg.errors import DataError
from cityseg.ui.common import viewer as package
from cityseg.ui.common.viewer import Layer, ViewerEvent, encode, viewer


def _opened(picture: encode.EncodedImage) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


@pytest.fixture
def train_ids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (31, 57)).astype(np.uint8)


def test_map_keeps_every_value(train_ids: np.ndarray) -> None:
    picture = encode.encode_map(train_ids)
    image = _opened(picture)
    assert (image.format, image.mode) == ("PNG", "L")
    assert (picture.width, picture.height) == (57, 31)
    np.testing.assert_array_equal(np.asarray(image), train_ids)


def test_large_map_is_reduced_by_nearest_neighbour() -> None:
    train_ids = np.kron(np.array([[0, 13], [255, 7]], dtype=np.uint8), np.ones((100, 200), dtype=np.uint8))
    picture = encode.encode_map(train_ids, max_side=50)
    assert (picture.width, picture.height) == (50, 25)
    assert set(np.unique(np.asarray(_opened(picture)))) == {0, 7, 13, 255}


def test_photo_is_encoded_as_faithful_jpeg() -> None:
    ramp = np.linspace(0, 255, 160).astype(np.uint8)
    photo = np.stack([np.tile(ramp, (90, 1))] * 3, axis=2)
    image = _opened(encode.encode_photo(photo))
    assert (image.format, image.size) == ("JPEG", (160, 90))
    assert np.abs(np.asarray(image).astype(int) - photo).max() <= 6


def test_only_large_photos_are_reduced() -> None:
    assert _opened(encode.encode_photo(np.zeros((100, 400, 3), np.uint8), max_side=200)).size == (200, 50)
    assert _opened(encode.encode_photo(np.zeros((100, 400, 3), np.uint8), max_side=1600)).size == (400, 100)


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        (np.array([[0.0, 0.714, 1.0]]), [0, 71, 100]),
        (np.array([[np.nan, -0.2, 1.3]], dtype=np.float32), [0, 0, 100]),
        (np.array([[0, 50, 100]], dtype=np.uint8), [0, 50, 100]),
    ],
)
def test_confidence_is_sent_in_whole_per_cent(confidence: np.ndarray, expected: list[int]) -> None:
    assert np.asarray(_opened(encode.encode_confidence(confidence))).tolist() == [expected]


def test_equal_content_is_encoded_once(train_ids: np.ndarray) -> None:
    first = encode.encode_map(train_ids)
    assert encode.encode_map(train_ids.copy()) is first
    assert encode.encode_map(train_ids, max_side=20).digest != first.digest
    assert encode.encode_map(train_ids.T.copy()).digest != first.digest


def test_strided_views_are_encoded_by_content(train_ids: np.ndarray) -> None:
    assert encode.encode_map(train_ids[:, ::-1]) is encode.encode_map(train_ids[:, ::-1].copy())


def test_cache_drops_the_least_recently_used() -> None:
    recent = encode._RecentImages(capacity=10)
    made: list[str] = []

    def get(digest: str) -> None:
        def make() -> encode.EncodedImage:
            made.append(digest)
            return encode.EncodedImage(b"12345", digest, 1, 1)

        recent.get(digest, make)

    for digest in "ab" + "a" + "c" + "a" + "b":
        get(digest)
    assert made == ["a", "b", "c", "b"]


def test_pack_indexes_every_image(train_ids: np.ndarray) -> None:
    pictures = [encode.encode_map(train_ids), encode.encode_map(train_ids[:5])]
    packed = encode.pack({"alt": "Straße"}, pictures)
    (length,) = struct.unpack_from("<I", packed)
    header = json.loads(packed[4 : 4 + length])
    body = packed[4 + length :]
    assert header["alt"] == "Straße"
    for entry, picture in zip(header["pictures"], pictures, strict=True):
        assert body[entry["offset"] : entry["offset"] + entry["length"]] == picture.data
        assert entry["digest"] == picture.digest
    assert len(body) == sum(len(picture.data) for picture in pictures)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: encode.encode_photo(np.zeros((4, 4), np.uint8)), r"expected \(H, W, 3\) uint8, found \(4, 4\) uint8"),
        (lambda: encode.encode_photo(np.zeros((4, 4, 3))), "float64"),
        (lambda: encode.encode_map(np.zeros((4, 4), np.int64)), r"expected \(H, W\) uint8 train ids, found .* int64"),
        (
            lambda: encode.encode_confidence(np.zeros((4, 4), np.int32)),
            "or uint8 per cent, found int32",
        ),
        (lambda: encode.encode_confidence(np.zeros(4)), r"expected \(H, W\), found \(4,\)"),
    ],
)
def test_wrong_arrays_are_rejected(call: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()


def test_ambiguous_layer_names_are_rejected() -> None:
    photo, ids = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    with pytest.raises(DataError, match="expected different names"):
        viewer(photo, [Layer("truth", ids), Layer("truth", ids)], key="k", alt="")
    with pytest.raises(DataError, match="found 'predicton'"):
        viewer(photo, [Layer("prediction", ids)], key="k", alt="", compare=("photo", "predicton"))


def _header(payload: bytes) -> dict[str, Any]:
    (length,) = struct.unpack_from("<I", payload)
    return json.loads(payload[4 : 4 + length])


def test_layers_refer_to_their_images(train_ids: np.ndarray) -> None:
    layers = [
        Layer("truth", train_ids),
        Layer("prediction", train_ids[::2, ::2], confidence=np.ones((16, 29))),
        Layer("error", train_ids % 2, classes=(("right", (0, 90, 0)), ("wrong", (200, 80, 0)))),
        Layer("entropy", train_ids // 2, scale=("sure", "unsure")),
    ]
    header = _header(package._payload(np.zeros((62, 114, 3), np.uint8), layers, 1600, {"key": "k"}))
    assert header["photo"] == {"width": 114, "height": 62}
    assert [(layer["name"], layer["ids"], layer["confidence"]) for layer in header["layers"]] == [
        ("truth", 1, None),
        ("prediction", 2, 3),
        ("error", 4, None),
        ("entropy", 5, None),
    ]
    assert header["layers"][2]["classes"] == [["right", [0, 90, 0]], ["wrong", [200, 80, 0]]]
    assert header["layers"][3]["scale"] == ["sure", "unsure"]
    assert len(header["pictures"]) == 6


def test_encoded_images_are_sent_as_they_are(train_ids: np.ndarray) -> None:
    photo = np.full((31, 57, 3), 90, np.uint8)
    percent = (train_ids % 100).astype(np.uint8)
    layer = Layer("prediction", encode.encode_map(train_ids), encode.encode_confidence(percent))
    arrays = package._payload(photo, [Layer("prediction", train_ids, percent)], 1600, {"key": "k"})
    assert package._payload(encode.encode_photo(photo), [layer], 1600, {"key": "k"}) == arrays


def test_photo_size_is_that_before_reduction(train_ids: np.ndarray) -> None:
    payload = package._payload(np.zeros((62, 114, 3), np.uint8), [Layer("truth", train_ids)], 20, {})
    assert _header(payload)["photo"] == {"width": 114, "height": 62}


def test_events_from_the_browser_are_checked() -> None:
    assert package._parse_event({"kind": "click", "x": 4.0, "y": 2, "nonce": 7}) == ViewerEvent("click", 4, 2)
    assert package._parse_event({"kind": "next", "nonce": 8}) == ViewerEvent("next")
    for malformed in (None, "click", {}, {"kind": "palette"}, {"kind": "click", "x": "left"}):
        assert package._parse_event(malformed) is None
