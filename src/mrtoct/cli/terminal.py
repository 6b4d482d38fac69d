"""What the terminal shows while a command works: on stderr, so that results can be piped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from pathlib import Path

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
from mrtoct.hardware.progress import Update, Watcher

console = Console(stderr=True, highlight=False)


@contextmanager
def watching(title: str) -> Iterator[Watcher]:
    """Show a bar with the elapsed and the expected remaining time; a new one for each new title."""
    bars = _Bars(title)
    try:
        yield bars
    except BaseException:
        bars.bar.live.transient = True  # a bar that stopped short says less than the error
        raise
    finally:
        bars.bar.stop()


class _Bars:
    """The bar of the work that is under way; several threads may tell of it."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.told = False
        self.lock = threading.Lock()
        self._begin(None)

    def __call__(self, update: Update, /) -> None:
        title = update.title or self.title
        with self.lock:
            if self.told and title != self.title:
                self.bar.stop()
                self.title = title
                self._begin(update.total)
            self.title, self.told = title, True
            self.bar.update(self.task, description=title, completed=update.done, total=update.total)
            if update.note:
                self.bar.update(self.task, note=update.note)
        if update.message:
            say(update.message)

    def _begin(self, total: int | None) -> None:
        self.bar = Progress(
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
        self.bar.start()
        self.task = self.bar.add_task(self.title, total=total, note="")


def say(text: str) -> None:
    """Print a line for the person at the terminal."""
    console.print(text, soft_wrap=True, markup=False)


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Put a file's name before the message of any error within that does not hold it."""
    try:
        yield
    except MrtoctError as error:
        if str(path) in error.message:
            raise
        raise error.about(path) from error


def in_words(error: Exception, command: Callable[..., None]) -> str:
    """Return an error's sentence; the switches that would help are called as the command does."""
    if not isinstance(error, MrtoctError):
        return str(error)
    return error.sentence(spelling_of(command))


def spelling_of(command: Callable[..., None]) -> Callable[[str], str | None]:
    """Return how a command spells a switch, with its value if any; None where it has none such."""
    switches = signature(command).parameters

    def spelt(switch: str) -> str | None:
        name, _, value = switch.partition("=")
        return f"--{name.replace('_', '-')} {value}".rstrip() if name in switches else None

    return spelt
