"""One run in several processes, as ``torchrun`` starts them: who there is, what they add up, what they tell each other.

In a process that is alone every function returns what it was given, so nobody has to ask how many there are. The
processes meet through ignite.distributed: NCCL between GPUs, gloo between processors.
"""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from cityseg.errors import CitysegError, TrainingError, UsageError

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others: the first one may have a dataset to decode."""

_WORD = "cityseg/last-word"
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Channel:
    """How the processes talk apart from the tensors on their devices.

    Attributes:
        group: a group over gloo, so that a word between processes never waits for a GPU.
        store: keeps the last word of a process that left, also for those whose connection to it broke.
    """

    group: Any
    store: Any


_channel: _Channel | None = None


def count() -> int:
    """Return how many processes work on this run."""
    return dist.get_world_size() if _channel else 1


def rank() -> int:
    """Return this process's number, from 0."""
    return dist.get_rank() if _channel else 0


def is_first() -> bool:
    """Whether this process writes the run folder and speaks to the user; also true of one that is alone."""
    return _started() < 2 or os.environ.get("RANK") == "0"


def _started() -> int:
    return int(os.environ.get("WORLD_SIZE") or 1)


@contextmanager
def joined() -> Iterator[None]:
    """Inside the block the processes that ``torchrun`` started together are one run.

    Raises:
        UsageError: there are more processes than GPUs on this machine.
    """
    global _channel
    if _started() < 2:
        yield
        return
    import ignite.distributed as idist

    cuda = torch.cuda.is_available()
    local, devices = int(os.environ.get("LOCAL_WORLD_SIZE") or 1), torch.cuda.device_count()
    if cuda and local > devices:
        raise UsageError(
            f"expected at most one process for each of this machine's {devices} GPUs, found {local}; "
            f"use --nproc-per-node {devices}"
        )
    idist.initialize("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        store = dist.distributed_c10d._get_default_store()
        _channel = _Channel(dist.new_group(backend="gloo", timeout=PATIENCE), store)
        yield
    finally:
        _channel = None
        idist.finalize()


@contextmanager
def first_goes_ahead() -> Iterator[None]:
    """Let the first process of every machine through the block before the others, who find its work done."""
    if _channel:
        import ignite.distributed as idist

        with idist.one_rank_first(local=True):
            yield
    else:
        yield


def share(total: int) -> slice:
    """Return which of ``total`` things in a row are this process's; shares differ by one at most."""
    least, more = divmod(total, count())
    start = rank() * least + min(rank(), more)
    return slice(start, start + least + (rank() < more))


def dealt(things: Sequence[_T]) -> list[_T]:
    """Return every n-th of ``things``, beginning with the process's own number; ``collected`` puts results in order."""
    return list(things[rank() :: count()])


def collected(results: Sequence[_T]) -> list[_T]:
    """Return what all processes made of the things they were ``dealt``, in the order of the things."""
    hands = everybodys(list(results))
    ordered: list[Any] = [None] * sum(map(len, hands))
    for number, hand in enumerate(hands):
        ordered[number :: len(hands)] = hand
    return ordered


def everybodys(value: _T) -> list[_T]:
    """Return the values of all processes, by their numbers."""
    if not _channel:
        return [value]
    values: list[Any] = [None] * count()
    dist.all_gather_object(values, value, group=_channel.group)
    return values


def largest(number: int) -> int:
    """Return the largest of the processes' numbers."""
    if not _channel:
        return number
    found = torch.tensor(number)
    dist.all_reduce(found, dist.ReduceOp.MAX, group=_channel.group)
    return int(found)


def of_first(ask: Callable[[], _T]) -> _T:
    """Call ``ask`` in the first process alone and return its answer in all; tensors arrive on the CPU.

    Raises:
        CitysegError: what ``ask`` raised, in all processes alike.
    """
    if not _channel:
        return ask()
    message: list[Any] = [None, None]
    if is_first():
        try:
            message[0] = ask()
        except CitysegError as error:
            message[1] = error
    dist.broadcast_object_list(message, 0, group=_channel.group)
    answer, refusal = message
    if refusal is not None:
        raise refusal
    return answer


class _Sum(torch.autograd.Function):
    """The sum over all processes. Every process has the sum, so the gradients of all flow back to each summand."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


def pooled(x: Tensor) -> Tensor:
    """Return the sum of the processes' tensors, through which gradients flow.

    Where every process computes the same loss from pooled sums, the mean of the processes' gradients
    (``average_gradients``) is the gradient of that loss.
    """
    return _Sum.apply(x) if _channel else x


def gathered(x: Tensor) -> list[Tensor]:
    """Return the tensors of all processes, without gradients; all have this one's shape and type."""
    if not _channel:
        return [x]
    everything = [torch.empty_like(x) for _ in range(count())]
    dist.all_gather(everything, x.contiguous())
    return everything


@torch.no_grad()
def average_gradients(parameters: Sequence[Tensor]) -> None:
    """Replace every gradient by the mean over the processes, summed in float32 in one exchange.

    DistributedDataParallel would begin the exchange during the backward pass. Our networks are small next to their
    activations, so little is gained there, and one exchange leaves the model, its names and its code as they are.
    """
    if not _channel:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten().float() for gradient in gradients])
    dist.all_reduce(flat)
    parts = flat.div_(count()).split([gradient.numel() for gradient in gradients])
    torch._foreach_copy_(gradients, [part.view_as(grad) for part, grad in zip(parts, gradients, strict=True)])


def leave_word(reason: BaseException) -> BaseException:
    """Tell the others why this process leaves without them, and return the reason; the first word stays."""
    if _channel and last_word() is None:
        word = reason if isinstance(reason, CitysegError) else TrainingError(f"{type(reason).__name__}: {reason}")
        with contextlib.suppress(dist.DistError):  # who keeps the words may be what failed
            _channel.store.set(_WORD, pickle.dumps(word))
    return reason


def last_word() -> CitysegError | None:
    """Return why a process left, if one did and could say so."""
    with contextlib.suppress(dist.DistError):
        if _channel and _channel.store.check([_WORD]):
            reason: CitysegError = pickle.loads(_channel.store.get(_WORD))
            return reason
    return None
