"""Pages hold what a page shows; all else is asked of the ui and the api. import-linter cannot see scripts."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = ("streamlit", "cityseg.ui", "cityseg.api", "cityseg.classes")
SCRIPTS = sorted([*(ROOT / "pages").glob("*.py"), ROOT / "app.py"])
JOBS = {"overview", "dataset", "train", "compare", "inspect", "predict"}


def imported(source: str) -> set[str]:
    """Every module that a script may bind, named in full: ``from a import b`` may mean ``a.b``."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "pages are scripts and have no siblings"
            bare = node.module == "cityseg"
            found |= {f"cityseg.{alias.name}" for alias in node.names} if bare else {node.module}
    return found - {"__future__"}


def forbidden(names: set[str]) -> set[str]:
    return {name for name in names if not any(name == room or name.startswith(f"{room}.") for room in ALLOWED)}


def test_every_job_has_its_page():
    assert {path.stem for path in SCRIPTS} >= JOBS | {"app"}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_only_what_they_may(path):
    assert forbidden(imported(path.read_text(encoding="utf-8"))) == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 150


def test_the_check_sees_what_it_should():
    source = "import torch\nfrom cityseg import api, runs\nfrom cityseg.ui import shell\nimport cityseg.apiary"
    assert forbidden(imported(source)) == {"torch", "cityseg.runs", "cityseg.apiary"}
