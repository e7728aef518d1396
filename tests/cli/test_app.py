"""``cityseg app``: the arguments of Streamlit, and errors before it starts."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cityseg import addresses, runs, studio_files
from cityseg.errors import UsageError


@pytest.fixture
def started(workplace, monkeypatch) -> list[str]:
    """Collects Streamlit's arguments instead of starting it."""
    words: list[str] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda arguments, **_: words.extend(arguments))
    return words


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that a server of this machine listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_streamlit_receives_script_address_and_further_options(cityseg, started):
    answer = cityseg("app", "--port", 23456, "--data", "elsewhere", "--runs", "there", "--server.headless", "true")
    assert answer.code == 0
    script, *options = started[1:]
    assert script == str(studio_files.studio_root() / "app.py")
    assert options == ["--server.address", "127.0.0.1", "--server.port", "23456", "--server.headless", "true"]
    assert (os.environ["CITYSEG_DATA"], os.environ["CITYSEG_RUNS"]) == ("elsewhere", "there")


def test_a_taken_port_is_refused_if_named_and_skipped_if_not(cityseg, started, taken, monkeypatch):
    answer = cityseg("app", "--port", taken)
    assert (answer.code, started) == (2, [])
    assert answer.err == (
        f"cityseg: 127.0.0.1:{taken}: expected an address of this machine and a free port, found Address already in "
        "use; choose others with --host and --port\n"
    )
    monkeypatch.setattr("cityseg.cli.app._PORT", taken)
    assert cityseg("app").code == 0
    assert taken < int(started[started.index("--server.port") + 1]) <= taken + 100


def test_a_host_of_another_machine_is_refused_without_trying_every_port(monkeypatch):
    tried: list[int] = []

    def listen(host: str, port: int) -> None:
        tried.append(port)
        raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")

    monkeypatch.setattr(addresses, "_listen", listen)
    with pytest.raises(UsageError, match=r"192.0.2.1:8501: expected an address of this machine"):
        addresses.first_free("192.0.2.1", 8501)
    assert set(tried) == {8501}


def test_an_option_that_streamlit_does_not_know_is_one_sentence(cityseg, workplace):
    answer = cityseg("app", "--server.colour", "red")
    assert answer.code == 2
    assert answer.err.startswith("cityseg: No such option '--server.colour'.")
    assert answer.err.count("\n") == 1


def test_files_lie_beside_the_package_in_a_checkout_and_inside_it_in_a_wheel(tmp_path, monkeypatch):
    assert (studio_files.studio_root() / "app.py").is_file()
    assert studio_files.is_checkout()
    (tmp_path / "_studio").mkdir()
    monkeypatch.setattr(studio_files, "_PACKAGE", tmp_path)
    assert studio_files.studio_root() == tmp_path / "_studio"
    assert runs.provenance()["git_commit"] is None


def test_processes_import_this_package_from_a_folder_that_has_another_of_its_name(tmp_path):
    (tmp_path / "cityseg").mkdir()
    child = subprocess.run(
        [sys.executable, "-c", "import cityseg; print(cityseg.__file__)"],
        cwd=tmp_path,
        env=studio_files.child_environment({}),
        capture_output=True,
        text=True,
    )
    assert child.stdout.strip() == str(studio_files.studio_root() / "cityseg" / "__init__.py"), child.stderr
