"""What the terminal shows while a command works: on stderr, so that results can be piped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mrtoct.errors import MrtoctError

console = Console(stderr=True, highlight=False)


class Advance(Protocol):
    """Tell a progress bar how many parts are done, and optionally something about the last."""

    def __call__(self, done: int, note: str = "") -> None:
        """Show that so many parts are done."""


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Show a bar with the elapsed and the expected remaining time."""
    bar = Progress(
        TextColumn("[bold]{task.description:<11}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),  # names may hold brackets
        console=console,
        disable=not console.is_interactive,  # in a log it would be one late line
    )
    with bar:
        task = bar.add_task(title, total=total, note="")

        def advance(done: int, note: str = "") -> None:
            if note:
                bar.update(task, completed=done, note=note)
            else:
                bar.update(task, completed=done)

        try:
            yield advance
        except BaseException:
            bar.live.transient = True  # a bar that stopped short says less than the error
            raise


def say(text: str) -> None:
    """Print a line for the person at the terminal."""
    console.print(text, soft_wrap=True, markup=False)


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Put a file's name before the message of any error within that does not hold it."""
    try:
        yield
    except MrtoctError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
