"""A real HTTP server on this machine that serves files and misbehaves on request."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What goes wrong in one answer."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after: int | None = None
    """End the connection after so many bytes of the body."""
    reset: bool = False
    """End it with a reset instead of a proper close."""
    stall: float = 0.0
    """Say nothing for so many seconds after that."""


@dataclass
class Loopback:
    base: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """By path, one for each request to come; afterwards the server behaves."""
    ranges: bool = True
    if_range: bool = True
    validators: tuple[str, ...] = ("ETag", "Last-Modified")
    weak: bool = False
    chunked: bool = False
    dates: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: int = 0

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]

    def validators_of(self, path: str) -> dict[str, str]:
        etag = '"' + hashlib.sha256(self.files[path]).hexdigest()[:16] + '"'
        values = {
            "ETag": f"W/{etag}" if self.weak else etag,
            "Last-Modified": self.dates.get(path, "Wed, 01 Feb 2023 08:00:00 GMT"),
        }
        return {name: values[name] for name in self.validators}


@contextmanager
def serving() -> Iterator[Loopback]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            place.requests.append((path, dict(self.headers)))
            waiting = place.faults.get(path)
            fault = waiting.pop(0) if waiting else Fault()
            if fault.status is not None or path not in place.files:
                self.send_response(fault.status or 404)
                for name, value in {"Content-Length": "0", **fault.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                return
            self._send(path, fault)

        def _send(self, path: str, fault: Fault) -> None:
            content = place.files[path]
            validators = place.validators_of(path)
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            condition = self.headers.get("If-Range")
            same = not place.if_range or condition in (None, *validators.values())
            start = int(wanted[1]) if wanted and place.ranges and same else 0
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
            for name, value in validators.items():
                self.send_header(name, value)
            body = content[start:]
            if place.chunked:
                self.send_header("Transfer-Encoding", "chunked")
                body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            part = body if fault.after is None else body[: fault.after]
            place.sent += len(part)  # before it is sent: who has all of it may count at once
            self.wfile.write(part)
            if fault.stall:
                ended.wait(fault.stall)
            if fault.after is not None:
                self.close_connection = True
                if fault.reset:
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    self.connection.close()

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):  # the client left, or a reset closed the file
                self.close_connection = True

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    ended = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    place = Loopback(f"http://127.0.0.1:{server.server_port}/")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield place
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def closed_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
