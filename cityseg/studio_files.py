"""Where the package and the studio's files outside it lie: ``app.py``, ``pages/``, its theme and the shipped models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def studio_root() -> Path:
    """Return the folder with ``app.py``, ``pages/``, ``.streamlit/`` and ``checkpoints/``.

    In a source checkout it is the folder of the package; an installed wheel holds it as ``cityseg/_studio``.
    """
    installed = _PACKAGE / "_studio"
    return installed if installed.is_dir() else _PACKAGE.parent


def is_checkout() -> bool:
    """Whether the package is imported from a source checkout."""
    return (studio_root() / "pyproject.toml").is_file()


def child_environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return variables (default: this process's) with which a child imports this very package from any folder.

    A checkout need not be installed, and a folder named cityseg, such as the checkout itself seen from its parent,
    hides an editable installation from ``python -m``.
    """
    variables = dict(os.environ if variables is None else variables)
    if is_checkout():
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_PACKAGE.parent), variables.get("PYTHONPATH"))))
    return variables
