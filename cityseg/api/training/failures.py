"""Turn failures of a run that the user can fix into errors that say how."""

from __future__ import annotations

import errno
import shutil
import traceback

import torch.distributed as dist

from cityseg import distributed
from cityseg.errors import CitysegError, Stopped, TrainingError
from cityseg.files import write_text
from cityseg.memory import is_exhausted
from cityseg.runs import Run

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
    if distributed.count() > 1 and (isinstance(error, dist.DistError) or "gloo" in text):
        return TrainingError(
            f"{run.id}: expected an answer from all {distributed.count()} processes, found one that died without an "
            "error; look at its output and resume the run. The last good weights are kept"
        )
    return error


def record_end(run: Run, problem: BaseException, error: BaseException) -> None:
    """Record in the run's status how it ended: ``stopped``, or ``failed`` with ``problem``, the error to report.

    The traceback of ``error``, the exception behind it, is stored if it is another one. Nothing is written if the run's
    folder was deleted.
    """
    if not run.exists():
        return
    if isinstance(problem, Stopped):
        run.write_status(state="stopped")
        return
    try:
        run.write_status(state="failed", error=str(problem))
    except OSError as full:
        # Deleting the older of two checkpoints makes room for the error.
        if full.errno not in _NO_ROOM or not (run.folder / "last").is_dir():
            raise
        shutil.rmtree(run.folder / "previous", ignore_errors=True)
        run.write_status(state="failed", error=str(problem))
    if problem is not error:
        write_text(run.folder / "traceback.txt", "".join(traceback.format_exception(error)))
