"""Create a run folder."""

from __future__ import annotations

import platform
import shutil
import socket
import subprocess
import time
from contextlib import suppress
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
    """Create a run folder with its ``config.json`` and the status ``queued``, or leave nothing behind.

    Args:
        name: preferred id; by default the preset's name and the time.
        taken: ids to avoid, such as those of shipped models.
        metadata: further entries of ``config.json``.

    Raises:
        UsageError: the folder of runs cannot be written.
    """
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    preferred = folder_name(name) or f"{folder_name(config.preset) or 'run'}-{stamp}"
    parent = runs_root(root)
    try:
        parent.mkdir(parents=True, exist_ok=True)
        run = _claim_folder(parent, preferred, taken)
    except OSError as error:
        raise _no_place(parent, error) from None
    try:
        run.write_description({"config": config.model_dump(mode="json"), **provenance(), **metadata})
        run.write_status(state="queued", created=time.time())
    except OSError as error:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise _no_place(parent, error) from None
    except BaseException:  # Ctrl-C
        shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return run


def _claim_folder(parent: Path, preferred: str, taken: tuple[str, ...]) -> Run:
    """Make the first free folder of ``preferred``, ``preferred-2``, ``preferred-3``..."""
    for attempt in range(1, 10_000):
        run = Run(parent / (preferred if attempt == 1 else f"{preferred}-{attempt}"))
        if run.id in taken:
            continue
        with suppress(FileExistsError):
            run.folder.mkdir()
            return run
    raise UsageError(f"{parent}: expected a free run name like {preferred!r}, found thousands taken; choose another")


def _no_place(parent: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{parent}: expected a folder of runs to write to, found {error.strerror or error} "
        f"({error.filename or parent}); free it or choose another with CITYSEG_RUNS"
    )


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
