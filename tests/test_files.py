from __future__ import annotations

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cityseg.files import read_json, write_atomically, write_json


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


def test_readers_never_see_half_a_file(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, {"n": 0})
    ended = threading.Event()

    def write(offset: int) -> None:
        for number in range(100):
            write_json(path, {"n": number + offset, "filling": "x" * 2000})

    writers = [threading.Thread(target=write, args=(offset,)) for offset in (0, 1000)]
    seen: list[int] = []

    def read() -> None:
        while not ended.is_set():
            seen.append(json.loads(path.read_text())["n"])

    reader = threading.Thread(target=read)
    reader.start()
    failures: list[object] = []
    threading.excepthook, before = lambda problem: failures.append(problem.exc_value), threading.excepthook
    try:
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        ended.set()
        reader.join()
        threading.excepthook = before
    assert failures == []
    assert len(seen) > 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["value.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, float("nan"))

    def fail(unfinished):
        unfinished.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "1\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["value.json"]
