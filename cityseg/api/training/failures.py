"""How a run ends badly: the failures that a user can mend, each in a sentence that says what to change."""

from __future__ import annotations

import errno
import shutil
import traceback

import torch
import torch.distributed as dist

from cityseg import distributed
from cityseg.errors import CitysegError, Stopped, TrainingError
from cityseg.files import write_text
from cityseg.runs import Run

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_ROOM_WORDS = "No space left on device"
"""safetensors passes the system's words on, but not its number."""
_NO_MEMORY_WORDS = (
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "ALLOC_FAILED",
    "could not create a primitive",
    "bad_alloc",
)
"""What PyTorch's allocators, cuDNN, oneDNN and the system say; only CUDA's allocator has an exception of its own."""


def explained(error: BaseException, run: Run, batch_size: int) -> BaseException:
    """Turn the failures that a user can mend into a sentence; leave bugs as they are.

    Args:
        error: what ended the run in this process.
        run: its folder, which only the first process reads.
        batch_size: of the run.
    """
    # A process that left takes the others' connections with it; its own words say why.
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
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in text for words in _NO_MEMORY_WORDS):
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
            f"{run.id}: expected an answer from all {distributed.count()} processes, found one gone without a word; "
            "look at its output and resume the run. The last good weights are kept"
        )
    return error


def record_end(run: Run, problem: BaseException, error: BaseException) -> None:
    """Write into the run's status how it ended: ``stopped``, or ``failed`` with a sentence.

    Args:
        run: the folder; nothing is written where it is gone.
        problem: what to say.
        error: what it was made from; its traceback is kept if it says more.
    """
    if not run.exists():
        return
    if isinstance(problem, Stopped):
        run.write_status(state="stopped")
        return
    try:
        run.write_status(state="failed", error=str(problem))
    except OSError as full:
        # The older of two checkpoints makes room for the reason.
        if full.errno not in _NO_ROOM or not (run.folder / "last").is_dir():
            raise
        shutil.rmtree(run.folder / "previous", ignore_errors=True)
        run.write_status(state="failed", error=str(problem))
    if problem is not error:
        write_text(run.folder / "traceback.txt", "".join(traceback.format_exception(error)))
