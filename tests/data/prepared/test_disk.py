"""Preparation on a full, limited or unsuitable disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from cityseg.data.layouts import detect
from cityseg.data.prepared import cache, cache_lock
from cityseg.errors import DataError

from .conftest import SIZE, caches


def test_low_disk_space_is_reported_before_decoding(streets, root, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=10**9, used=0, free=1_100_000))
    with pytest.raises(DataError) as refused:
        cache.prepare(detect.open_folder(streets), "train", SIZE, root=root, on_progress=pytest.fail)
    # 7 frames of 32 x 64 pixels and 4 bytes, and 1 MiB for what else is written: 1,105,920 bytes
    assert str(refused.value) == (
        f"{root}: expected 1.2 MB free for the cache, found 1.1 MB; choose another place with CITYSEG_CACHE or free "
        "some space"
    )
    assert caches(root) == []


_LIMITED = """
import resource, sys
from pathlib import Path
from cityseg.data.layouts import detect
from cityseg.data.prepared import cache
from cityseg.errors import DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    cache.prepare(detect.open_folder(Path(sys.argv[1])), "train", (64, 128), root=Path(sys.argv[2]))
except DataError as error:
    print(error)
"""


def test_file_size_limit_is_reported(streets, root, workplace):
    answer = subprocess.run([sys.executable, "-c", _LIMITED, streets, root], capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == (
        f"{root}: expected a writable folder for the cache, found the disk full; choose another place with "
        "CITYSEG_CACHE or free some space\n"
    )
    assert caches(root) == []


@pytest.mark.parametrize("reserving", [True, False])
def test_full_disk_is_reported(streets, root, monkeypatch, reserving):
    """A real file system of 5 MB, once with room promised first and once where pages run out while rows are written."""
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "none", root], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small file system: {mounted.stderr.strip()}")
    try:
        monkeypatch.setattr(cache_lock.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
        if not reserving:
            monkeypatch.delattr(os, "posix_fallocate")
        with pytest.raises(DataError) as refused:
            cache.prepare(detect.open_folder(streets), "train", (512, 1024), root=root)
        assert str(refused.value) == (
            f"{root}: expected a writable folder for the cache, found the disk full; choose another place with "
            "CITYSEG_CACHE or free some space"
        )
        assert caches(root) == []
    finally:
        subprocess.run(["umount", root], check=True)


def test_cache_root_must_be_a_folder(streets, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError) as refused:
        cache.prepare(detect.open_folder(streets), "train", SIZE, root=tmp_path / "file" / "cache")
    assert str(refused.value) == (
        f"{tmp_path / 'file' / 'cache'}: expected a writable folder for the cache, found Not a directory; choose "
        "another place with CITYSEG_CACHE or free some space"
    )
