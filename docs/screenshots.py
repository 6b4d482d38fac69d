"""Make the screenshots of report and viewer from a demo's folder, with a headless Chromium.

mrtoct demo --out mrtoct-demo && python docs/screenshots.py mrtoct-demo
python docs/screenshots.py mrtoct-demo --only viewer --out /tmp/look      one of them, elsewhere
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mrtoct.errors import FileError, MrtoctError
from mrtoct.io.atomic import new_file
from mrtoct.io.files import read_volume
from mrtoct.report.serve import scene_server
from mrtoct.report.volumes import NamedVolume, scene_of_volumes

IMAGES = Path(__file__).parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDTH, HEIGHT = 1180, 900
SECONDS = 120
"""Longest wait for one answer of the browser: slow machines take their time."""
SETTLED = """new Promise((done) => {
  const look = () => {
    const viewer = document.getElementById("viewer");
    if (viewer && viewer.getAttribute("aria-busy") !== "false") return setTimeout(look, 50);
    requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
  };
  look();
})"""
"""JavaScript that ends when the viewer has unpacked its voxels and drawn them."""


class Browser:
    """A Chromium that listens to DevTools commands on a pipe: no port, no network."""

    def __init__(self, profile: Path) -> None:
        """Start it with a profile folder of its own."""
        found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
        if found is None:
            raise FileError(f"one of {', '.join(BROWSERS)} is needed on PATH, none was found")
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        (ours_in, theirs_out), (theirs_in, ours_out) = os.pipe(), os.pipe()
        far = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]

        def connect() -> None:
            os.dup2(far[0], 3)
            os.dup2(far[1], 4)

        options = (
            "--headless --no-sandbox --hide-scrollbars --no-first-run --disable-sync "
            "--disable-background-networking --disable-component-update --disable-quic "
            "--enable-unsafe-swiftshader --force-device-scale-factor=1 --remote-debugging-pipe"
        )
        self.process = subprocess.Popen(
            [found, *options.split(), f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for fd in (theirs_in, theirs_out, *far):
            os.close(fd)
        self.answers, self.commands = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self.number = 0
        self.session = ""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.commands.write(json.dumps(message).encode() + b"\0")
        self.commands.flush()
        # Killed when it does not answer, so that reading ends.
        watch = threading.Timer(SECONDS, self.process.kill)
        watch.start()
        try:
            while True:
                answer = json.loads(self._message())
                if answer.get("id") == self.number:
                    break
        finally:
            watch.cancel()
        if "error" in answer:
            raise FileError(f"the browser refused {method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _message(self) -> bytes:
        read = bytearray()
        while (byte := self.answers.read(1)) != b"\0":
            if not byte:
                raise FileError(f"the browser ended, or did not answer for {SECONDS} s")
            read += byte
        return bytes(read)

    def run(self, script: str) -> Any:
        """Return what JavaScript in the page returns, promises awaited."""
        done = self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in done:
            raise FileError(f"the page failed: {done['exceptionDetails']['exception']}")
        return done["result"].get("value")

    def open(self, address: str, *, dark: bool = False) -> None:
        """Show a page in a window of one size, in its light or dark scheme, and let it settle."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=WIDTH,
            height=HEIGHT,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.send("Page.navigate", url=address)
        self.run(
            f"new Promise((done) => {{ const look = () => location.href === {json.dumps(address)} "
            '&& document.readyState === "complete" ? done() : setTimeout(look, 50); look(); })'
        )
        self.run(SETTLED)

    def press(self, *selectors: str) -> None:
        """Click elements one after the other, as a user does."""
        for selector in selectors:
            self.run(f"document.querySelector({json.dumps(selector)}).click()")
            self.run(SETTLED)

    def picture(self, selector: str) -> bytes:
        """Return a PNG of the page from one element's top to its bottom."""
        box = self.run(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)})"
            ".getBoundingClientRect(); return [b.top + scrollY, b.height]; })()"
        )
        clip = {"x": 0, "y": max(box[0] - 6, 0), "width": WIDTH, "height": box[1] + 12, "scale": 1}
        shot = self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def close(self) -> None:
        """End the browser."""
        self.process.kill()
        self.process.wait()
        self.answers.close()
        with contextlib.suppress(BrokenPipeError):
            self.commands.close()


def report(browser: Browser, demo: Path) -> bytes:
    """The report's verdict and its table."""
    browser.open((demo / "report.html").resolve().as_uri())
    return browser.picture("#result")


def report_images(browser: Browser, demo: Path) -> bytes:
    """The report's viewer: three planes in the bone window."""
    browser.open((demo / "report.html").resolve().as_uri())
    browser.press('[data-plane="all"]', '[data-low="-500"]')
    return browser.picture("#viewer")


def report_dark(browser: Browser, demo: Path) -> bytes:
    """The report's viewer in the dark scheme: one plane, coronal."""
    browser.open((demo / "report.html").resolve().as_uri(), dark=True)
    browser.press('[data-plane="coronal"]', '[data-low="-500"]')
    return browser.picture("#viewer")


def report_errors(browser: Browser, demo: Path) -> bytes:
    """The report's plots of errors."""
    browser.open((demo / "report.html").resolve().as_uri())
    return browser.picture("#errors")


def report_uncertainty(browser: Browser, demo: Path) -> bytes:
    """The report's charts of how far its standard deviations can be trusted."""
    browser.open((demo / "report.html").resolve().as_uri())
    return browser.picture("#uncertainty")


def viewer(browser: Browser, demo: Path) -> bytes:
    """What `mrtoct view MR SCT` shows of a raw MR and its synthetic CT."""
    sct = min((demo / "sct").glob("*.nii.gz"))
    mr = demo / "raw" / sct.name.removesuffix(".nii.gz") / "mr.nii.gz"
    volumes = [NamedVolume("MR", read_volume(mr, "a.u.")),
               NamedVolume("Synthetic CT", read_volume(sct, "HU"))]  # fmt: skip
    server, address = scene_server(scene_of_volumes(volumes))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        browser.open(address)
        browser.press('[data-plane="sagittal"]', '[data-low="-500"]')
        return browser.picture("#viewer")
    finally:
        server.shutdown()
        server.server_close()


PICTURES: dict[str, Callable[[Browser, Path], bytes]] = {
    "report": report,
    "report-images": report_images,
    "report-dark": report_dark,
    "report-errors": report_errors,
    "report-uncertainty": report_uncertainty,
    "viewer": viewer,
}


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """Yield a browser; it and its profile are gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(Path(profile))
        try:
            yield browser
        finally:
            browser.close()


def main() -> None:
    """Write the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, help="a folder made by mrtoct demo")
    parser.add_argument("--only", choices=PICTURES, nargs="+", default=list(PICTURES))
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    try:
        for needed in ("report.html", "sct", "raw"):
            if not (arguments.demo / needed).exists():
                raise FileError(f"{arguments.demo} has no {needed}: make it with mrtoct demo")
        with started() as browser:
            for name in arguments.only:
                shot = PICTURES[name](browser, arguments.demo)
                with new_file(arguments.out / f"{name}.png", overwrite=True) as part:
                    part.write_bytes(shot)
    except MrtoctError as error:
        sys.exit(f"screenshots: {error}")


if __name__ == "__main__":
    main()
