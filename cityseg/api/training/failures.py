"""Turn failures of a run that the user can fix into errors that say how."""

from __future__ import annotations

import errno
import logging
import shutil
import traceback
from pathlib import Path

import torch.distributed as dist

from cityseg import distributed
from cityseg.errors import CitysegError, Stopped, TrainingError
from cityseg.files import write_text
from cityseg.memory import is_exhausted
from cityseg.runs import Run

_log = logging.getLogger(__name__)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_ROOM_WORDS = "No space left on device"
"""safetensors passes on the system's message, but not its errno."""


def explained(error: BaseException, run: Run, batch_size: int) -> BaseException:
    """Return the error to report: a ``CitysegError`` if the user can fix the failure, else ``error`` itself."""
    # A process that exits breaks the others' connections; its own error names the cause.
    if word := distributed.reported_failure():
        return word
    if distributed.is_first():
        try:
            run.expect_folder()
        except TrainingError as gone:
            return gone
    if isinstance(error, CitysegError):
        return error
    text = str(error)
    if is_exhausted(error):
        return TrainingError(
            f"{run.id}: expected enough memory for a step, found it exhausted; lower batch_size (now "
            f"{batch_size}) or image_size. The last good weights are kept"
        )
    if _NO_ROOM_WORDS in text or (isinstance(error, OSError) and error.errno in _NO_ROOM):
        return TrainingError(
            f"{run.id}: expected room on the disk of {run.folder.parent}, found it full; free some and resume the run"
        )
    if isinstance(error, OSError) and error.filename is not None and _lies_in(error.filename, run.folder):
        return TrainingError(
            f"{run.id}: expected to write {error.filename}, found {error.strerror}; change that and resume the run"
        )
    if distributed.count() > 1 and (isinstance(error, dist.DistError) or "gloo" in text):
        return TrainingError(
            f"{run.id}: expected an answer from all {distributed.count()} processes, found one that died without an "
            "error; look at its output and resume the run. The last good weights are kept"
        )
    return error


def _lies_in(name: object, folder: Path) -> bool:
    return isinstance(name, str | Path) and Path(name).absolute().is_relative_to(folder.absolute())


def record_end(run: Run, problem: BaseException, error: BaseException) -> None:
    """Record in the run's status how it ended: ``stopped``, or ``failed`` with ``problem``, the error to report.

    The traceback of ``error``, the exception behind it, is stored if it is another one. Nothing is written if the run's
    folder was deleted.
    """
    if not run.exists():
        return
    fields = {"state": "stopped"} if isinstance(problem, Stopped) else {"state": "failed", "error": str(problem)}
    try:
        try:
            run.write_status(**fields)
        except OSError as full:
            # Deleting the older of two checkpoints makes room for the error.
            if full.errno not in _NO_ROOM or not (run.folder / "last").is_dir():
                raise
            shutil.rmtree(run.folder / "previous", ignore_errors=True)
            run.write_status(**fields)
        if problem is not error and fields["state"] == "failed":
            write_text(run.folder / "traceback.txt", "".join(traceback.format_exception(error)))
    except OSError as unwritable:
        # The error itself is still reported; without a record, the run counts as failed once this process has ended.
        _log.warning("%s: how the run ended could not be recorded: %s", run.id, unwritable.strerror)
