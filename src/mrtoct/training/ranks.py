"""The processes that train one network together, each on its share of every batch.

All have the same weights, and what a step learns is what one process would have learnt from the
whole batch: losses are shares of the whole batch's loss, and gradients are summed. A process alone
is a group of one, in which nothing is sent. Who starts the processes: launch.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from mrtoct.errors import MrtoctError, RecipeError
from mrtoct.hardware.share import Share

T = TypeVar("T")


class LostTouchError(MrtoctError):
    """Another process of the group ended, so that this one cannot go on."""


def size() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return which of them this one is, from 0."""
    return dist.get_rank() if size() > 1 else 0


def leads() -> bool:
    """Tell whether this is the first process, which alone writes and speaks."""
    return rank() == 0


def share_of(batch: int) -> Share:
    """Return which samples of every batch are this process's."""
    count = batch // size()
    return Share(rank() * count, count, batch)


def require_shares(name: str, batch: int, processes: int) -> None:
    """Raise RecipeError where a recipe's batch cannot be divided equally among processes."""
    if batch % processes == 0:
        return
    fitting = [str(n) for n in range(1, batch + 1) if batch % n == 0]
    below, above = batch // processes * processes, -(-batch // processes) * processes
    batches = f"{below} or {above}" if below else str(above)
    raise RecipeError(
        f"recipe {name} has training.batch = {batch}, which {processes} processes cannot divide "
        f"equally: use a batch of {batches}, or {', '.join(fitting)} processes"
    )


def summed(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; no gradient goes through it."""
    if size() == 1:
        return values
    total = values.detach().clone()
    with in_touch():
        dist.all_reduce(total)
    return total


class _Summed(torch.autograd.Function):
    """The sum over all processes; the gradient is summed on the way back."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return summed(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return summed(gradient)


def summed_with_gradient(values: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes, through which gradients reach each of them."""
    result: Tensor = _Summed.apply(values)  # type: ignore[no-untyped-call]
    return result


def sum_gradients(network: nn.Module) -> None:
    """Give every process the gradients of the whole batch: the sum of all processes' own."""
    if size() == 1:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    total = summed(torch.cat([g.reshape(-1) for g in gradients]))  # one message, not hundreds
    parts = torch.split(total, [g.numel() for g in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


def sum_of(figures: Iterable[float]) -> list[float]:
    """Return numbers, each summed over all processes."""
    own = [*figures]
    if size() == 1:
        return own
    device = "cuda" if dist.get_backend() == "nccl" else "cpu"
    return [float(n) for n in summed(torch.tensor(own, dtype=torch.float64, device=device))]


def told_by_first(value: T) -> T:
    """Return what the first process has."""
    if size() == 1:
        return value
    told = [value]
    with in_touch():
        dist.broadcast_object_list(told, src=0)
    return told[0]


def by_first(work: Callable[[], object]) -> None:
    """Let the first process alone do some work while the others wait; its errors are everybody's.

    So there is one writer, and nobody goes on where it could not write.
    """
    failed: Exception | None = None
    if leads():
        try:
            work()
        except (MrtoctError, OSError) as error:
            if size() == 1:
                raise
            failed = error
    failed = told_by_first(failed)
    if failed is not None:
        raise failed


def require_same(value: object, what: str) -> None:
    """Raise MrtoctError where not all processes have the same, such as read from a file."""
    if size() == 1:
        return
    everywhere: list[object] = [None] * size()
    with in_touch():
        dist.all_gather_object(everywhere, value)
    others = sorted({str(other) for other in everywhere})
    if len(others) > 1:
        raise MrtoctError(
            f"the processes of this training do not find the same {what}, but "
            f"{' and '.join(others)}: the folders of the run and the store must be shared by all "
            "machines"
        )


def wait() -> None:
    """Wait until all processes are here."""
    if size() > 1:
        with in_touch():
            dist.barrier()


def begin_alike(networks: Iterable[nn.Module]) -> None:
    """Give every process the weights and statistics of the first."""
    if size() == 1:
        return
    with in_touch(), torch.no_grad():
        for network in networks:
            for tensor in [*network.parameters(), *network.buffers()]:
                sent = tensor.detach().contiguous()
                dist.broadcast(sent, src=0)
                tensor.copy_(sent)


@contextmanager
def in_touch() -> Iterator[None]:
    """Turn what torch raises when another process ended into a sentence."""
    try:
        yield
    except MrtoctError:
        raise
    except (RuntimeError, OSError) as error:
        raise LostTouchError(
            f"process {rank()} of {size()} of this training lost contact with the others: one of "
            "them ended, was killed or cannot be reached; the last checkpoint is kept",
            resume="to go on from there",
        ) from error
