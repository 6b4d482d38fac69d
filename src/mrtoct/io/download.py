"""Download a file over HTTP so that an interruption costs only what was not yet received."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from mrtoct.errors import FileError
from mrtoct.hardware.progress import Update, Watcher, nobody

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers that another attempt may change."""

GONE = frozenset({404, 410})


@dataclass(frozen=True)
class DownloadSettings:
    """How patient a download is."""

    timeout: float = 30.0
    """For connecting, and between one received piece and the next, seconds."""
    attempts: int = 5
    """Failed ones in a row; one that brought further bytes starts the count anew."""
    first_wait: float = 1.0
    """Before the second attempt, seconds; doubled before each further one."""
    longest_wait: float = 120.0
    """A server that asks for more is not waited for, seconds."""
    most_bytes: int = 256 << 20


class UnreachableError(FileError):
    """Nobody answered at the address."""


class AbsentError(FileError):
    """There is no such file."""


class _PassingError(Exception):
    """An attempt failed in a way that the next may not."""

    def __init__(self, reason: str, wait: float | None = None, *, answered: bool = True) -> None:
        super().__init__(reason)
        self.wait = wait
        self.answered = answered


@dataclass(frozen=True)
class _Part:
    """A file under way: what was received, and of which version of the server's file."""

    path: Path

    @property
    def note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def held(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> tuple[str, int | None] | None:
        """Return the validator and the size of the file that was begun, if it can be resumed."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
            return str(note["validator"]), note["size"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def download(
    client: httpx.Client,
    url: str,
    target: Path,
    settings: DownloadSettings,
    *,
    wait: Callable[[float], object],
    watcher: Watcher = nobody,
) -> None:
    """Download url to target, which appears when it is whole.

    What was received stays in TARGET.part and is continued, by the next attempt or the next run,
    if the server still has the same version (ETag or Last-Modified); otherwise it starts anew.
    wait(seconds) is called between attempts, and watcher told of the bytes on the way. Raises
    FileError if the server refuses, its kind AbsentError if it has no such file, and
    UnreachableError if none answers.
    """
    part = _Part(target.with_name(f"{target.name}.part"))
    target.parent.mkdir(parents=True, exist_ok=True)
    failures, most_held = 0, part.held()
    while True:
        try:
            _receive(client, url, part, settings, watcher)
            break
        except _PassingError as error:
            held = part.held()
            failures = 1 if held > most_held else failures + 1
            most_held = max(held, most_held)
            if failures >= settings.attempts:
                kind = FileError if error.answered else UnreachableError
                raise kind(f"{url}: {error} ({failures} attempts)") from error
            pause = settings.first_wait * 2 ** (failures - 1) if error.wait is None else error.wait
            if pause > settings.longest_wait:
                raise FileError(f"{url}: {error}; it asks to wait {pause:.0f} s") from error
            wait(pause)
    part.path.replace(target)
    part.discard()


def _receive(
    client: httpx.Client,
    url: str,
    part: _Part,
    settings: DownloadSettings,
    watcher: Watcher,
) -> None:
    """Receive what is missing; returns when all of it is there."""
    begun, held = part.version(), part.held()
    headers = {}
    if begun and held:
        headers = {"Range": f"bytes={held}-", "If-Range": begun[0]}
    try:
        with client.stream("GET", url, headers=headers) as response:
            if url.startswith("https:") and response.url.scheme != "https":
                raise FileError(f"{url} redirects to an unencrypted address; not followed")
            size = _require_answer(url, response, part, begun, held)
            if size is not None and size > settings.most_bytes:
                raise FileError(f"{url} is {size} bytes long; the limit is {settings.most_bytes}")
            resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
            if not resumed:
                held = 0
                part.discard()
                _note_version(part, response, size)
            with part.path.open("ab") as file:
                for piece in response.iter_raw():
                    file.write(piece)
                    held += len(piece)
                    if held > (settings.most_bytes if size is None else size):
                        part.discard()
                        raise FileError(f"{url} sends more than the announced {size} bytes")
                    watcher(Update(held, size))
                file.flush()
                os.fsync(file.fileno())
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise _PassingError(f"no connection ({error})", answered=False) from error
    except httpx.UnsupportedProtocol as error:
        raise FileError(f"{url} is not an http or https address") from error
    except httpx.TransportError as error:
        raise _PassingError(f"connection lost ({error or type(error).__name__})") from error
    except httpx.HTTPError as error:  # such as too many redirects
        raise FileError(f"{url}: {error}") from error
    if size is not None and held != size:
        raise _PassingError(f"{held} of {size} bytes received")


def _require_answer(
    url: str,
    response: httpx.Response,
    part: _Part,
    begun: tuple[str, int | None] | None,
    held: int,
) -> int | None:
    """Return the size of the whole file, or raise for an answer that does not give (more of) it."""
    status = response.status_code
    if status in PASSING:
        raise _PassingError(f"the server answers {_said(response)}", _retry_after(response))
    if status == httpx.codes.OK:
        length = response.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None
    if status == httpx.codes.PARTIAL_CONTENT:
        pattern = r"bytes (\d+)-\d+/(\d+)"
        given = re.fullmatch(pattern, response.headers.get("Content-Range", ""))
        same = begun is not None and _validator(response) in (begun[0], None)
        if given and begun and same and (int(given[1]), int(given[2])) == (held, begun[1]):
            return int(given[2])
        part.discard()
        raise _PassingError("the file on the server has changed since the download began", 0.0)
    if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and held:
        part.discard()
        raise _PassingError("the file on the server has changed since the download began", 0.0)
    kind = AbsentError if status in GONE else FileError
    raise kind(f"{url}: the server answers {_said(response)}")


def _note_version(part: _Part, response: httpx.Response, size: int | None) -> None:
    # Without a validator nobody can tell whether a rest belongs to the beginning: no note, no
    # continuation.
    validator = _validator(response)
    if validator is not None:
        part.note.write_text(json.dumps({"validator": validator, "size": size}), encoding="utf-8")


def _validator(response: httpx.Response) -> str | None:
    """Return what names a file's version byte for byte: a strong ETag, or else its date."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    date: str | None = response.headers.get("Last-Modified")
    return date


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds the server asks to wait, given as a number or as a date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max((until - datetime.now(UTC)).total_seconds(), 0.0)


def _said(response: httpx.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()
