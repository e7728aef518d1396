"""Create a run folder."""

from __future__ import annotations

import platform
import socket
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cityseg.config import ExperimentConfig
from cityseg.errors import UsageError
from cityseg.runs.folder import Run
from cityseg.runs.listing import runs_root
from cityseg.studio_files import is_checkout
from cityseg.text import folder_name


def create_run(
    config: ExperimentConfig, name: str = "", root: Path | None = None, taken: tuple[str, ...] = (), **metadata: Any
) -> Run:
    """Create a run folder with its ``config.json`` and the status ``queued``.

    Args:
        name: preferred id; by default the preset's name and the time.
        taken: ids to avoid, such as those of shipped models.
        metadata: further entries of ``config.json``.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    preferred = folder_name(name) or f"{folder_name(config.preset) or 'run'}-{stamp}"
    parent = runs_root(root)
    parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, 10_000):
        run = Run(parent / (preferred if attempt == 1 else f"{preferred}-{attempt}"))
        if run.id in taken:
            continue
        try:
            run.folder.mkdir()
        except FileExistsError:
            continue
        run.write_description({"config": config.model_dump(mode="json"), **provenance(), **metadata})
        run.write_status(state="queued", created=time.time())
        return run
    raise UsageError(f"{parent}: expected a free run name like {preferred!r}, found thousands taken; choose another")


def provenance() -> dict[str, Any]:
    """Return versions, commit and host, on which a result depends besides its config."""
    import torch

    import cityseg

    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"cityseg": cityseg.__version__, "torch": torch.__version__, "python": platform.python_version()},
        "git_commit": _git_commit(),
        "host": socket.gethostname(),
    }


def _git_commit() -> str | None:
    if not is_checkout():
        return None  # an installed package may lie inside another project's repository
    command = ["git", "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
