"""Show one scene to a browser on this machine, and nothing else to anybody else.

The server listens on 127.0.0.1 only, behind a path that cannot be guessed: other people on the
machine may reach the port. It answers no request under another host's name, so that no web page
can have its own name point here and read the images (DNS rebinding). All it serves is in memory.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from mrtoct.errors import FileError
from mrtoct.report.niivue import niivue_script
from mrtoct.report.page import VIEWER_SCRIPTS, controls_for, render_template, script_json
from mrtoct.report.scene import viewer_data
from mrtoct.report.volumes import CodedScene

LOOPBACK = "127.0.0.1"
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Answer:
    """What a path holds, and its media type."""

    body: bytes
    media_type: str


def scene_server(coded: CodedScene, *, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """Return a server that listens already, and the address to open; port 0 takes any free one.

    Call its serve_forever, and server_close at the end. Raises FileError if the port is taken.
    """
    answers = scene_answers(coded)
    secret = secrets.token_urlsafe(16)

    class Handler(SceneHandler):
        pages: ClassVar = {f"/{secret}/{name}": answer for name, answer in answers.items()}

    try:
        server = ThreadingHTTPServer((LOOPBACK, port), Handler)
    except (OSError, OverflowError) as error:
        raise FileError(
            f"cannot listen on port {port} of {LOOPBACK}: {getattr(error, 'strerror', error)}"
        ) from error
    server.daemon_threads = True
    return server, f"http://{LOOPBACK}:{server.server_port}/{secret}/"


def scene_answers(coded: CodedScene) -> dict[str, Answer]:
    """Return everything the page needs, by its path below the secret."""
    scene, niivue = coded.scene, niivue_script()
    page = render_template(
        "viewer/standalone.html.j2",
        title=", ".join(layer.title for layer in scene.layers if not layer.minus),
        grid=" x ".join(map(str, scene.shape))
        + " voxels of "
        + " x ".join(f"{s:.4g}" for s in scene.spacing)
        + " mm",
        viewer=script_json(viewer_data([scene], served=True, niivue=niivue is not None)),
        niivue=niivue is not None,
        scripts=VIEWER_SCRIPTS,
        titles=[scene.name],
        **controls_for([scene]),
    )
    answers = {"": Answer(page.encode(), "text/html; charset=utf-8")}
    if niivue:
        answers["niivue.js"] = Answer(niivue, "text/javascript; charset=utf-8")
    for key, codes in coded.codes.items():
        answers[f"voxels/{key}"] = Answer(codes, "application/octet-stream")
    return answers


class SceneHandler(BaseHTTPRequestHandler):
    """Answers GET for the paths of `pages` and refuses all else."""

    pages: ClassVar[Mapping[str, Answer]] = {}
    protocol_version = "HTTP/1.1"
    server_version = "mrtoct"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """Send a page, 403 under a foreign host name, or 404."""
        _, port = self.connection.getsockname()
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            self._send(403, Answer(b"only for this machine\n", "text/plain"))
        elif (answer := self.pages.get(self.path)) is None:
            self._send(404, Answer(b"nothing here\n", "text/plain"))
        else:
            self._send(200, answer)

    def _send(self, status: int, answer: Answer) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": answer.media_type,
            "Content-Length": str(len(answer.body)),
            "Cache-Control": "no-store",
            "Content-Security-Policy": POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal shows the address and no more."""
