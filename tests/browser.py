"""A headless Chromium, spoken to over the pipe of its DevTools protocol."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 120.0
"""Seconds for one answer: a loaded machine is slow, not broken."""
OPTIONS = (
    "--headless --no-sandbox --no-first-run --disable-quic --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --hide-scrollbars "
    "--use-angle=swiftshader --enable-unsafe-swiftshader --remote-debugging-pipe"
)
KEYS = {
    "ArrowUp": 38,
    "ArrowDown": 40,
    "PageUp": 33,
    "PageDown": 34,
    "Home": 36,
    "End": 35,
    "Tab": 9,
    "Enter": 13,
}


class Page:
    """One tab: opens addresses, evaluates JavaScript, and takes real keys and mouse buttons."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._buffer, self._number = b"", 0
        self._session: str | None = None
        self.complaints: list[str] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
            part = os.read(self._answers, 1 << 20) if ready else b""
            if not part:
                raise TimeoutError("the browser does not answer")
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, about: dict[str, Any]) -> None:
        """Keep what a person would see as an error in the console."""
        if method == "Runtime.exceptionThrown":
            detail = about["exceptionDetails"]
            self.complaints.append(detail.get("exception", {}).get("description", detail["text"]))
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
            said = " ".join(str(a.get("value", a.get("description"))) for a in about["args"])
            self.complaints.append(said)
        elif method == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
            self.complaints.append(about["entry"]["text"])

    def open(self, address: str) -> None:
        self.send("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
        self.run("history.scrollRestoration = 'manual'")

    def run(self, script: str) -> Any:
        """Return the value of an expression, of a promise what it gives."""
        done = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in done:
            raise RuntimeError(f"{script}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def wait(self, condition: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self.run(condition):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {condition}; console: {self.complaints}")
            time.sleep(0.02)

    def settle(self) -> None:
        """Wait until the viewer shows what it was asked for."""
        self.wait("document.getElementById('viewer')?.getAttribute('aria-busy') === 'false'")
        self.run("new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))")

    def press(self, key: str) -> None:
        about: dict[str, Any] = {"key": key}
        if len(key) == 1:
            about |= {"text": key, "windowsVirtualKeyCode": ord(key.upper())}
        else:
            about |= {"windowsVirtualKeyCode": KEYS[key]}
            about |= {"text": "\r"} if key == "Enter" else {}
        kind = "keyDown" if "text" in about else "rawKeyDown"
        self.send("Input.dispatchKeyEvent", type=kind, **about)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def place(self, selector: str, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
        """Bring an element into view; return a point on it, in parts of its size."""
        element = f"document.querySelector({json.dumps(selector)})"
        # Until it lies still, and is what the mouse would meet: a page that was opened again may
        # scroll back to where it was.
        self.run("window.lay = ''")
        self.wait(
            f"new Promise(f => {{ const e = {element};"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "requestAnimationFrame(() => requestAnimationFrame(() => {"
            "const b = e.getBoundingClientRect(), lay = [b.left, b.top, b.width, b.height].join();"
            f"const x = b.left + {x} * b.width, y = b.top + {y} * b.height;"
            "const still = lay === window.lay; window.lay = lay;"
            "f(still && e.contains(document.elementFromPoint(x, y))); })); })"
        )
        left, top, width, height = self.run(
            f"(() => {{ const b = {element}.getBoundingClientRect();"
            "return [b.left, b.top, b.width, b.height]; })()"
        )
        return left + x * width, top + y * height

    def mouse(self, kind: str, at: tuple[float, float], **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], **more)

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        at = self.place(selector, x, y)
        button = {"button": "left", "clickCount": 1}
        self.mouse("mousePressed", at, buttons=1, **button)
        self.mouse("mouseReleased", at, **button)
        self.settle()

    def drag(self, selector: str, by: tuple[float, float], button: str = "left") -> None:
        x, y = self.place(selector)
        held = {"left": 1, "right": 2}[button]
        self.mouse("mouseMoved", (x, y))
        self.mouse("mousePressed", (x, y), button=button, buttons=held, clickCount=1)
        for part in (0.5, 1.0):
            at = (x + part * by[0], y + part * by[1])
            self.mouse("mouseMoved", at, button=button, buttons=held)
        self.mouse("mouseReleased", (x + by[0], y + by[1]), button=button)
        self.settle()

    def pixels(self, selector: str) -> list[int]:
        """Return a canvas' red, green and blue, row by row, on a grid of 64 x 64 points."""
        return list(
            self.run(
                "(() => { const small = document.createElement('canvas');"
                "small.width = small.height = 64;"
                "const context = small.getContext('2d', {willReadFrequently: true});"
                f"context.drawImage(document.querySelector({json.dumps(selector)}), 0, 0, 64, 64);"
                "return [...context.getImageData(0, 0, 64, 64).data].filter((_, n) => n % 4 < 3);"
                "})()"
            )
        )

    def resize(self, width: int, height: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def scheme(self, name: str) -> None:
        """Prefer "light" or "dark"."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def picture(self, selector: str) -> bytes:
        """Return a PNG of the page, as wide as it is, from an element's top to its bottom."""
        width, top, height = self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [innerWidth, b.top + scrollY, b.height]; })()"
        )
        clip = {"x": 0, "y": max(top - 6, 0), "width": width, "height": height + 12, "scale": 1}
        shot = self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


def program() -> str | None:
    """Return the browser on PATH, if there is one and it can be spoken to here."""
    if sys.platform != "linux":
        return None
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


@contextmanager
def chromium(width: int = 1400, height: int = 1000) -> Iterator[Page]:
    """Start a browser: no port, no network; it and its profile are gone afterwards."""
    found = program()
    if found is None:
        raise FileNotFoundError(f"one of {', '.join(PROGRAMS)} is needed on PATH, on Linux")
    out, commands = os.pipe()
    answers, into = os.pipe()
    # The browser reads commands at 3 and writes answers at 4: first out of each other's way.
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (out, into)]

    def arrange() -> None:
        os.dup2(ends[0], 3)
        os.dup2(ends[1], 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [found, *OPTIONS.split(), f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=arrange,
            pass_fds=(3, 4),
        )
        for end in (out, into, *ends):
            os.close(end)
        try:
            page = Page(commands, answers)
            page.resize(width, height)
            yield page
            page._session = None
            with suppress(Exception):
                page.send("Browser.close")
        finally:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
            os.close(commands)
            os.close(answers)
