"""What the terminal shows while a command works: on stderr, so that results can be piped."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from inspect import signature
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from mrtoct.errors import FileError, MrtoctError
from mrtoct.hardware.progress import Update, Watcher

console = Console(stderr=True, highlight=False)
"""For what a quiet command leaves out."""
loud = Console(stderr=True, highlight=False)
"""For warnings."""
PACE = 30.0
"""Seconds between two lines of progress where there is no terminal to draw a bar on."""


@dataclass
class _Voice:
    """How much the command that runs says."""

    verbose: bool = False
    log: TextIO | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


_voice = _Voice()


@contextmanager
def speaking(quiet: bool, verbose: bool, log: Path | None) -> Iterator[None]:
    """Say no more than warnings, or all there is, and keep it in a file, too, within."""
    if quiet and verbose:
        raise FileError("--quiet and --verbose contradict each other; give one")
    try:
        file = log.open("a", encoding="utf-8") if log else None
    except OSError as error:
        raise FileError(f"{log} cannot be written: {error.strerror or error}") from error
    console.quiet, _voice.verbose, _voice.log = quiet, verbose, file
    try:
        yield
    finally:
        console.quiet, _voice.verbose, _voice.log = False, False, None
        if file:
            file.close()


def command(*words: object) -> str:
    """Return a command of mrtoct as a shell takes it, whatever spaces its paths have."""
    return shlex.join(["mrtoct", *map(str, words)])


def say(text: str) -> None:
    """Print a line for the person at the terminal, unless the command is to be quiet."""
    console.print(text, soft_wrap=True, markup=False)
    _note(text)


def warn(text: str) -> None:
    """Print a line that must not be missed."""
    loud.print(text, soft_wrap=True, markup=False)
    _note(text)


def tell(sentence: str) -> None:
    """Print a note as what is said, and a warning as what must not be missed."""
    (warn if sentence.startswith("warning: ") else say)(sentence)


def _note(text: str) -> None:
    """Add a line with its time to the log, if there is one."""
    if _voice.log:
        with _voice.lock:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            _voice.log.writelines(f"{now} {line}\n" for line in text.splitlines())
            _voice.log.flush()


@contextmanager
def watching(title: str) -> Iterator[Watcher]:
    """Show how far some work is: a bar at a terminal, and lines elsewhere and in the log."""
    watchers: list[Watcher] = []
    with ExitStack() as stack:
        if console.is_interactive and not console.quiet and not _voice.verbose:
            watchers.append(stack.enter_context(_bars(title)))
        elif not console.quiet:
            pace = 0.0 if _voice.verbose else PACE
            watchers.append(_Lines(title, pace, lambda text: console.print(text, markup=False)))
        if _voice.log:
            watchers.append(_Lines(title, PACE, _note))

        def tell(update: Update, /) -> None:
            for watcher in watchers:
                watcher(update)
            if update.message:
                warn(update.message)

        yield tell


class _Lines:
    """A line of progress at times; several threads may tell of the work."""

    def __init__(self, title: str, pace: float, write: Callable[[str], object]) -> None:
        self.title = title
        self.pace = pace
        self.write = write
        self.lock = threading.Lock()
        self.began = self.told = time.monotonic()
        self.silent = True  # quick work needs no words

    def __call__(self, update: Update, /) -> None:
        with self.lock:
            now = time.monotonic()
            title = update.title or self.title
            if title != self.title:
                self.title, self.began, self.told, self.silent = title, now, now, True
            ends = update.done == update.total and not self.silent
            if now - self.told < self.pace and not ends:
                return
            self.told, self.silent = now, False
            taken = now - self.began
            times = [f"{_clock(taken)} so far"]
            if update.total and 0 < update.done < update.total:
                times.append(f"{_clock(taken * (update.total / update.done - 1))} left")
            of = "" if update.total is None else f" of {update.total}"
            parts = (f"{title} {update.done}{of}", update.note, *times)
            self.write(", ".join(part for part in parts if part))


def _clock(seconds: float) -> str:
    """Return hours, minutes and seconds as 0:01:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


@contextmanager
def _bars(title: str) -> Iterator[_Bars]:
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
        )
        self.bar.start()
        self.task = self.bar.add_task(self.title, total=total, note="")


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
    switches = signature(command).parameters
    return error.sentence(
        lambda switch: option(switch) if switch.partition("=")[0] in switches else None
    )


def option(switch: str) -> str:
    """Return how the command line spells a switch, with its value if it has one."""
    name, _, value = switch.partition("=")
    return f"--{name.replace('_', '-')} {value}".rstrip()
