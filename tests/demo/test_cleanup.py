"""Deletion of visitors' files: by age, whatever happens meanwhile."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from PIL import Image

from cityseg import demo
from cityseg.demo import cleanup
from cityseg.demo.request import uploads


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_old_files_and_empty_folders_are_deleted(tmp_path):
    for name in ("example.jpg", "a/b/photo.jpg", "a/other.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        # The modification time is the sender's and must not matter.
        os.utime(tmp_path / name, (1, 1))
    kept = frozenset({tmp_path / "example.jpg"})
    assert cleanup.delete_old(tmp_path, kept, 60) == 0
    assert cleanup.delete_old(tmp_path, kept, -1) == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "example.jpg"]


def test_file_that_cannot_be_deleted_keeps_no_other(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"x")
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.name == "b":
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    assert cleanup.delete_old(tmp_path, frozenset(), -1) == 2
    assert files(tmp_path) == {"b"}


def test_deletion_goes_on_after_an_error(tmp_path, monkeypatch, wait_until, caplog):
    monkeypatch.setattr(cleanup, "CLEANUP_SECONDS", 0.02)
    monkeypatch.setattr(cleanup, "KEEP_SECONDS", 0)
    whole, calls = cleanup.delete_old, []

    def failing(*words: Any) -> int:
        calls.append(words)
        if len(calls) < 3:
            raise RuntimeError("Set changed size during iteration")
        return whole(*words)

    monkeypatch.setattr(cleanup, "delete_old", failing)
    (tmp_path / "example.jpg").write_bytes(b"x")
    with cleanup.deleting_old_files(tmp_path):
        (tmp_path / "photo.jpg").write_bytes(b"x")
        wait_until(lambda: files(tmp_path) == {"example.jpg"}, 10)
    assert len([record for record in caplog.records if record.name == cleanup.__name__]) == 2
    assert not [thread for thread in threading.enumerate() if thread.name == "delete-old-files"]


def test_uploads_are_found_at_any_depth():
    upload = {"path": "/a", "meta": {"_type": "gradio.FileData"}}
    deep: Any = upload
    for _ in range(100_000):
        deep = [deep]
    assert list(uploads([None, deep, {"x": {"y": upload}}, {"path": "/b"}])) == ["/a", "/a"]


@pytest.fixture
def address(trained, monkeypatch):
    monkeypatch.setattr(cleanup, "CLEANUP_SECONDS", 0.05)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with demo.running([str(trained.folder)], port=port, examples=1) as where:
        yield where


def test_no_file_of_many_visitors_is_left(address, tmp_path, capfd, monkeypatch, wait_until):
    folder = Path(os.environ["GRADIO_TEMP_DIR"])
    examples = files(folder)
    client = Client(address, verbose=False, analytics_enabled=False, download_files=False)

    def visit(number: int) -> None:
        path = tmp_path / f"photo-{number}.png"
        Image.new("RGB", (64, 48), (number, 90, 120)).save(path)
        client.predict(photo=handle_file(path), api_name="/predict")

    with ThreadPoolExecutor(6) as visitors:
        list(visitors.map(visit, range(24)))
    assert examples
    assert len([name for name in files(folder) if name.endswith("_labelIds.png")]) == 24
    monkeypatch.setattr(cleanup, "KEEP_SECONDS", 0.5)
    wait_until(lambda: files(folder) == examples, 20)
    assert "Traceback" not in capfd.readouterr().err
