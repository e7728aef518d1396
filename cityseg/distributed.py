"""The processes of one run, as ``torchrun`` starts them: rank, collectives, and failure reports.

With a single process every function returns its argument, so callers need no case distinction. The process group comes
from ignite.distributed: NCCL between GPUs, gloo between CPUs.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from cityseg import messages
from cityseg.errors import CitysegError, TrainingError, UsageError

PATIENCE = timedelta(hours=2)
"""Timeout of collectives; the first process may have a dataset to decode."""

_FAILURE = "cityseg/failure"
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Channel:
    """Communication of the processes on the host."""

    group: Any  # a gloo group, so that objects never wait for a GPU
    store: Any  # keeps the failure report of a process, also for processes whose connection to it broke


_channel: _Channel | None = None


def count() -> int:
    """Return the number of processes of this run."""
    return dist.get_world_size() if _channel else 1


def rank() -> int:
    """Return this process's rank, from 0."""
    return dist.get_rank() if _channel else 0


def is_first() -> bool:
    """Whether this process writes the run folder and reports to the user; true for a single process."""
    return _world_size() < 2 or os.environ.get("RANK") == "0"


def _world_size() -> int:
    return int(os.environ.get("WORLD_SIZE") or 1)


@contextmanager
def process_group() -> Iterator[None]:
    """Join the processes that ``torchrun`` started into one run; UsageError if they outnumber the GPUs."""
    global _channel
    if _world_size() < 2:
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
def first_process_first() -> Iterator[None]:
    """Run the block in the first process of each machine before the others, which then find its work done."""
    if _channel:
        import ignite.distributed as idist

        with idist.one_rank_first(local=True):
            yield
    else:
        yield


def shard(total: int) -> slice:
    """Return this process's slice of ``total`` items in a row; slices differ by one item at most."""
    least, more = divmod(total, count())
    start = rank() * least + min(rank(), more)
    return slice(start, start + least + (rank() < more))


def dealt_items(items: Sequence[_T]) -> list[_T]:
    """Return every n-th item, starting at this process's rank; ``collect_items`` restores the order of results."""
    return list(items[rank() :: count()])


def collect_items(results: Sequence[_T]) -> list[_T]:
    """Return the results of all processes for their ``dealt_items``, in the order of the items."""
    parts = all_gather_objects(list(results))
    ordered: list[Any] = [None] * sum(map(len, parts))
    for number, part in enumerate(parts):
        ordered[number :: len(parts)] = part
    return ordered


def all_gather_objects(value: _T) -> list[_T]:
    """Return the values of all processes, by rank; ``messages.encode`` lists the types."""
    if not _channel:
        return [value]
    # Not PyTorch's all_gather_object, which unpickles what it receives.
    own = torch.frombuffer(bytearray(messages.encode(value)), dtype=torch.uint8)
    sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(count())]
    dist.all_gather(sizes, torch.tensor([len(own)]), group=_channel.group)
    padded = torch.zeros(max(map(int, sizes)), dtype=torch.uint8)
    padded[: len(own)] = own
    parts = [torch.empty_like(padded) for _ in range(count())]
    dist.all_gather(parts, padded, group=_channel.group)
    return [messages.decode(part[:size].numpy().tobytes()) for part, size in zip(parts, map(int, sizes), strict=True)]


def all_reduce_max(number: int) -> int:
    """Return the maximum over the processes."""
    if not _channel:
        return number
    found = torch.tensor(number)
    dist.all_reduce(found, dist.ReduceOp.MAX, group=_channel.group)
    return int(found)


def broadcast_from_first(compute: Callable[[], _T]) -> _T:
    """Call ``compute`` in the first process only; return its result, or raise its CitysegError, in all processes.

    ``messages.encode`` lists the types of a result; tensors arrive on the CPU.
    """
    if not _channel:
        return compute()
    if not is_first():
        succeeded, message = (_broadcast(b"") for _ in range(2))
        if not succeeded:
            raise messages.decode_error(message)
        value: _T = messages.decode(message)
        return value
    try:
        result = compute()
    except CitysegError as error:
        _broadcast(b"")
        _broadcast(messages.encode_error(error))
        raise
    _broadcast(b"succeeded")
    _broadcast(messages.encode(result))
    return result


def _broadcast(message: bytes) -> bytes:
    """Return the first process's bytes in all processes."""
    assert _channel is not None
    size = torch.tensor([len(message)])
    dist.broadcast(size, 0, group=_channel.group)
    content = torch.frombuffer(bytearray(message), dtype=torch.uint8) if message else torch.zeros(int(size)).byte()
    if len(content):
        dist.broadcast(content, 0, group=_channel.group)
    return content.numpy().tobytes()


@contextmanager
def folders_from_first(folders: Mapping[str, Path], names: Sequence[str]) -> Iterator[dict[str, Path]]:
    """Yield folders of the first process by key; in the others copies with the files ``names``, as far as they exist.

    The copies are deleted afterwards. Other machines need not see the first one's disk.
    """
    if not _channel:
        yield dict(folders)
        return

    def read() -> dict[str, dict[str, np.ndarray]]:
        files = {key: [folder / name for name in names if (folder / name).is_file()] for key, folder in folders.items()}
        return {key: {path.name: np.fromfile(path, np.uint8) for path in paths} for key, paths in files.items()}

    received = broadcast_from_first(read)
    if is_first():
        yield dict(folders)
        return
    with tempfile.TemporaryDirectory() as temporary:
        copies = {key: Path(temporary) / str(number) for number, key in enumerate(received)}
        for key, folder in copies.items():
            folder.mkdir()
            for name in names:
                if name in received[key]:
                    received[key][name].tofile(folder / name)
        yield copies


class _Sum(torch.autograd.Function):
    """Sum over all processes; backward sums the gradients, since every process uses the sum."""

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


def all_reduce_sum(x: Tensor) -> Tensor:
    """Return the sum of the processes' tensors; differentiable.

    If every process computes the same loss from such sums, the mean of the processes' gradients
    (``average_gradients``) is the gradient of that loss.
    """
    return _Sum.apply(x) if _channel else x


def all_gather(x: Tensor) -> list[Tensor]:
    """Return the tensors of all processes, of equal shape and dtype; not differentiable."""
    if not _channel:
        return [x]
    tensors = [torch.empty_like(x) for _ in range(count())]
    dist.all_gather(tensors, x.contiguous())
    return tensors


@torch.no_grad()
def average_gradients(parameters: Sequence[Tensor]) -> None:
    """Replace every gradient by its mean over the processes, summed in float32 in one all-reduce.

    DistributedDataParallel overlaps the all-reduce with the backward pass, which gains little here: the networks are
    small next to their activations. One all-reduce leaves the model and its parameter names as they are.
    """
    if not _channel:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten().float() for gradient in gradients])
    dist.all_reduce(flat)
    parts = torch.split(flat.div_(count()), [gradient.numel() for gradient in gradients])
    torch._foreach_copy_(gradients, [part.view_as(grad) for part, grad in zip(parts, gradients, strict=True)])


def report_failure(reason: BaseException) -> BaseException:
    """Report to the other processes why this one fails, and return the reason; the first report is kept."""
    if _channel and reported_failure() is None:
        word = reason if isinstance(reason, CitysegError) else TrainingError(f"{type(reason).__name__}: {reason}")
        with contextlib.suppress(dist.DistError):  # the process that holds the store may have failed
            _channel.store.set(_FAILURE, messages.encode_error(word))
    return reason


def reported_failure() -> CitysegError | None:
    """Return the failure that a process reported, or None."""
    with contextlib.suppress(dist.DistError):
        if _channel and _channel.store.check([_FAILURE]):
            return messages.decode_error(_channel.store.get(_FAILURE))
    return None
