"""Names that are HTML or Markdown, of cities, frames, datasets, models and runs: every page shows their text."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cityseg.data.synthetic import synthesize

pytestmark = pytest.mark.slow

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

TAG = '<img src=x onerror="window.owned=1">'
HOSTILE = f"{TAG}**b** [c](javascript:window.owned=2) $d$ <b>e</b>"
CITY = HOSTILE.replace("/", "")
ADDRESSES = (
    *("", "dataset", "dataset?tab=Browse", "dataset?tab=Classes", "dataset?tab=Splits", "train"),
    *("compare", "compare?tab=Curves", "compare?tab=Settings", "inspect", "predict"),
)


@pytest.fixture(scope="module")
def studio(serve: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, trained: Any) -> Any:
    """The app on a dataset whose city has a hostile name, with a run of such a name."""
    folder = tmp_path_factory.mktemp("hostile")
    data = folder / CITY
    synthesize(data, frames=12, seed=5, size=(64, 128))
    for path in sorted(data.rglob("*"), reverse=True):  # files before their folders
        if (path.is_file() and path.suffix == ".png") or path.parent.name in ("train", "val", "test"):
            path.rename(path.with_name(CITY + path.name))
    run = folder / "runs" / CITY
    shutil.copytree(trained.folder, run)
    description = json.loads((run / "config.json").read_text())
    description["data"]["name"] = HOSTILE
    (run / "config.json").write_text(json.dumps(description))
    return serve(
        Path(__file__).resolve().parents[2] / "app.py",
        folder,
        CITYSEG_DATA=str(data),
        CITYSEG_RUNS=str(folder / "runs"),
        CITYSEG_CACHE=str(folder / "cache"),
        OMP_NUM_THREADS="1",
    )


def test_hostile_names_are_text(browser: Any, studio: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.on("dialog", lambda dialog: dialog.dismiss())
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    shown = 0
    try:
        for address in ADDRESSES:
            page.goto(f"{studio.address}/{address}")
            page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000)
            page.wait_for_function("!document.querySelector('[data-testid=stSpinner]')", timeout=60_000)
            page.wait_for_timeout(500)
            assert page.locator("[data-testid=stException]").count() == 0, address
            made = page.locator("img[src=x], a[href^=javascript], [data-testid=stMain] b:text-is('e')").count()
            assert made == 0, address
            assert page.evaluate("window.owned") is None, address
            shown += page.get_by_text(TAG).count()
    finally:
        page.close()
    assert shown > 5
    assert not errors
    assert "most recent call last" not in studio.log.read_text()
