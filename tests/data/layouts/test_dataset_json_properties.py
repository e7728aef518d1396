"""Whatever stands in ``dataset.json``, only the project's own errors come out."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg.data.layouts.dataset_files import SourceFile
from cityseg.data.layouts.dataset_json import DatasetJson, read_dataset_json
from cityseg.errors import DataError

pytestmark = pytest.mark.parser

TEXT = st.text(st.characters(max_codepoint=0x3FF), max_size=8)
KEYS = st.sampled_from(
    ["0", "255", "65536", "01", "-1", "#804080", "#80408", "128,64,128", "(0, 0, 0)", "256,0,0", "9" * 5000]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.sampled_from(["road", "void", "cityscapes-ids", "../a.txt", "a.txt"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*DatasetJson.model_fields, "colour"])
SPLITS = st.dictionaries(st.sampled_from(["train", "val", "test", "x"]), VALUES, max_size=3)


@given(st.dictionaries(NAMES, VALUES | SPLITS, max_size=6))
def test_only_own_errors_come_out(tmp_path, values):
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps({"name": "a", "train_ids": {"0": 0}, **values}))
    with suppress(DataError):
        settings = read_dataset_json(SourceFile(path, path.name))
        assert isinstance(settings.train_ids, str) or all(0 <= target <= 255 for target in settings.train_ids.values())


@given(st.binary(max_size=40))
def test_only_own_errors_come_out_of_bytes(tmp_path, content):
    path = tmp_path / "dataset.json"
    path.write_bytes(content)
    with suppress(DataError):
        read_dataset_json(SourceFile(path, path.name))
