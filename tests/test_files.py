from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg.files import read_json, write_json


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)))
def test_json_of_any_text_is_written_and_read_back(tmp_path, values):
    write_json(tmp_path / "file.json", values)
    assert read_json(tmp_path / "file.json") == values


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[" * 100_000, "expected a JSON object, found one nested too deeply"),
        (b'{"a": 1, "a": 2}', "'a' appears twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Exceeds the limit"),
        (b"\xff\xfe", "codec can't decode"),
        (b"[]", "expected a JSON object, found list"),
    ],
)
def test_what_is_no_json_object_is_a_value_error(tmp_path, content, reason):
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_json(tmp_path / "file.json")
