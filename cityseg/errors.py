"""The errors a user can cause or meet. Each message says what was expected, what was found and what to do."""

from __future__ import annotations


class CitysegError(Exception):
    """Base of every error that is shown as one sentence, without a traceback.

    ``exit_code`` is what the command line returns: 2 for the caller's mistake, 1 for a failure.
    """

    exit_code = 1


class UsageError(CitysegError):
    """The request itself is wrong: an unknown name, a contradictory setting, a missing path."""

    exit_code = 2


class DataError(CitysegError):
    """A dataset or a photo is not what it should be."""

    exit_code = 2


class OutOfMemory(CitysegError):
    """Memory ran out; the data at hand may be sound."""


class CheckpointError(CitysegError):
    """A model folder is missing, torn, or made for something else."""

    exit_code = 2


class TrainingError(CitysegError):
    """A run could not go on."""


class Stopped(CitysegError):
    """Work ended early because it was asked to."""
