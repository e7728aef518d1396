"""A wheel built from this checkout, installed into an environment of its own and used from another folder."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cityseg import api
from cityseg.data.synthetic import synthesize

pytestmark = pytest.mark.slow
sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("cityseg", "pages", ".streamlit", "checkpoints")
FILES = ("app.py", "setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE")
PAGES = ("Overview", "Dataset", "Train", "Compare", "Inspect", "Predict")
TEXT_COLOR = "rgb(13, 21, 38)"
"""``theme.light.textColor`` of .streamlit/config.toml, as a browser writes it."""
MODEL = "best-live"


@dataclass
class Installation:
    """An environment with the wheel, a folder to work in, and the variables its processes get."""

    wheel: Path
    environment: Path
    folder: Path
    variables: dict[str, str]

    def command(self, *words: object) -> list[str]:
        return [str(self.environment / "bin" / "cityseg"), *map(str, words)]

    def run(self, command: list[str]) -> str:
        done = subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def document(self, *words: object) -> Any:
        return json.loads(self.run(self.command(*words, "--json")))


def _build(place: Path) -> Path:
    """Make a source distribution of the checkout and a wheel from that, as a release does."""
    source = place / "source"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, source)
    sdist = "import setuptools.build_meta; setuptools.build_meta.build_sdist('dist')"
    subprocess.run([sys.executable, "-c", sdist], cwd=source, check=True, stdout=subprocess.DEVNULL)
    [archive] = (source / "dist").glob("*.tar.gz")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", place, archive)
    [wheel] = place.glob("*.whl")
    return wheel


def _pip(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--no-input", *map(str, words)], check=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel in a new environment that borrows this one's libraries, but not what is installed editable."""
    place = tmp_path_factory.mktemp("wheel")
    wheel, environment, folder = _build(place), place / "environment", place / "elsewhere"
    folder.mkdir()
    venv.create(environment, symlinks=True)
    _pip("--python", environment / "bin" / "python", "install", "--no-deps", "--no-index", wheel)
    [packages] = environment.glob("lib/python*/site-packages")
    # Only folders that hold packages of the environment itself are searched for .pth files, so those of the editable
    # installation have no effect. Written after the installation, so that pip does not see the other packages.
    (packages / "libraries.pth").write_text(
        "\n".join(sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CITYSEG_", "PYTHON", "WANDB_"))}
    return Installation(wheel, environment, folder, {**kept, "HOME": str(place), "OMP_NUM_THREADS": "1"})


def test_wheel_holds_every_file_and_is_imported(installed: Installation) -> None:
    files = (path for path in (ROOT / "cityseg").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(zipfile.ZipFile(installed.wheel).namelist())
    code = "import cityseg, json, sys; print(json.dumps([cityseg.__file__, *sys.path]))"
    imported, *searched = json.loads(installed.run([str(installed.environment / "bin" / "python"), "-c", code]))
    assert Path(imported).is_relative_to(installed.environment)
    assert str(ROOT) not in searched


def test_shipped_models_predict_as_in_the_checkout(installed: Installation, tmp_path: Path) -> None:
    models = {model["name"]: model for model in installed.document("models")}
    assert len(models) >= 3
    assert all(model["scores"] for model in models.values())

    photo = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (6, 12, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((300, 150), Image.Resampling.BICUBIC).save(photo)
    [there] = installed.document("predict", MODEL, photo, "--out", tmp_path / "there")
    [here] = api.predict_photos(MODEL, [photo], tmp_path / "here")
    assert there["shares"] == here["shares"]
    ids = Image.open(next((tmp_path / "there").glob("*labelIds*")))
    assert ids.size == (300, 150)
    assert ids.tobytes() == Image.open(next((tmp_path / "here").glob("*labelIds*"))).tobytes()


def test_app_starts_from_another_folder(installed: Installation, browser: Any) -> None:
    synthesize(installed.folder / "set", frames=3, seed=5, size=(64, 128))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("app", "--port", port, "--data", "set", "--json", "--server.headless", "true")
    command = installed.command(*words, "--server.scriptHealthCheckEnabled", "true")
    log = (installed.folder / "log.txt").open("w+")
    server = subprocess.Popen(
        command, cwd=installed.folder, env=installed.variables, stdout=subprocess.PIPE, stderr=log, text=True
    )
    try:
        address = json.loads(server.stdout.readline())["address"]
        assert address == f"http://127.0.0.1:{port}"
        for check in ("health", "script-health-check"):
            assert urllib.request.urlopen(f"{address}/_stcore/{check}", timeout=60).read() == b"ok"
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, color_scheme="light")
        for title in PAGES:
            page.goto(f"{address}/{'' if title == 'Overview' else title.lower()}")
            sync_api.expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=60_000)
            page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
            assert page.locator("[data-testid=stException]").count() == 0, title
            assert page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).color") == TEXT_COLOR
        page.close()
    finally:
        server.terminate()
        server.wait(timeout=30)
    log.seek(0)
    assert "Traceback" not in log.read()
    assert {path.name for path in installed.folder.iterdir()} == {"set", "data", "log.txt"}
