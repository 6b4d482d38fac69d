"""A headless Chromium by Playwright, and what our pages' tests and screenshots ask of it.

Our pages forbid eval, by which Playwright's wait_for_function polls: wait for elements instead.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType, Page

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 120_000
"""Milliseconds for one answer: a loaded machine is slow, not broken."""
WEBGL_WITHOUT_GPU = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader")
HERE = ("127.0.0.1", "localhost", "")


class NoBrowserError(Exception):
    """Playwright is not installed, or finds no Chromium: on PATH, its own, or Chrome."""


@contextmanager
def chromium(width: int = 1400, height: int = 1000) -> Iterator[Page]:
    """A tab of a new browser; raises NoBrowserError where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NoBrowserError("needs Playwright, which the extra 'test' installs") from error
    with sync_playwright() as driver:
        browser = _launched(driver.chromium)
        try:
            context = browser.new_context(viewport={"width": width, "height": height})
            context.set_default_timeout(PATIENCE)
            yield context.new_page()
        finally:
            browser.close()


def _launched(chromium: BrowserType) -> Browser:
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found:
        return chromium.launch(executable_path=found, args=WEBGL_WITHOUT_GPU)
    from playwright.sync_api import Error

    for channel in (None, "chrome"):
        try:
            return chromium.launch(channel=channel, args=WEBGL_WITHOUT_GPU)
        except Error:
            continue
    raise NoBrowserError("needs Chromium or Chrome; `playwright install chromium` fetches one")


def complaints(page: Page) -> list[str]:
    """A list that fills with what a console shows as wrong, and with requests to elsewhere."""
    found: list[str] = []

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            found.append(message.text)

    def asked(request: Any) -> None:
        if urlsplit(request.url).hostname not in (*HERE, None):
            found.append(f"asks {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("request", asked)
    return found


def show(page: Page, address: str) -> None:
    """Open a page with a viewer and wait for its images."""
    page.goto(address)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the viewer shows what it was asked for."""
    page.wait_for_selector("#viewer[aria-busy=false]")
    page.evaluate("new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))")


def press(page: Page, key: str) -> None:
    page.keyboard.press(key)
    settle(page)


def click(page: Page, selector: str, x: float = 0.5, y: float = 0.5) -> None:
    """Click at a point of an element, in parts of its size."""
    page.locator(selector).first.click(position=_point(page, selector, x, y))
    settle(page)


def hover(page: Page, selector: str, x: float = 0.5, y: float = 0.5) -> None:
    page.locator(selector).first.hover(position=_point(page, selector, x, y))
    settle(page)


def drag_with_right_button(page: Page, selector: str, by: tuple[float, float]) -> None:
    """Drag from the middle of an element, by pixels to the right and down."""
    hover(page, selector)
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    page.mouse.down(button="right")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x + by[0], y + by[1], steps=2)
    page.mouse.up(button="right")
    settle(page)


def _point(page: Page, selector: str, x: float, y: float) -> Any:
    box = page.locator(selector).first.bounding_box()
    assert box is not None, f"{selector} is not shown"
    return {"x": x * box["width"], "y": y * box["height"]}


def pixels(page: Page, selector: str) -> list[int]:
    """A canvas' red, green and blue, row by row, on a grid of 64 x 64 points."""
    return list(
        page.locator(selector).first.evaluate(
            "canvas => { const small = document.createElement('canvas');"
            "small.width = small.height = 64;"
            "const context = small.getContext('2d', {willReadFrequently: true});"
            "context.drawImage(canvas, 0, 0, 64, 64);"
            "return [...context.getImageData(0, 0, 64, 64).data].filter((_, n) => n % 4 < 3); }"
        )
    )


def picture(page: Page, selector: str) -> bytes:
    """A PNG of the page, as wide as it is, from an element's top to its bottom."""
    width, top, height = page.locator(selector).evaluate(
        "e => { const b = e.getBoundingClientRect();"
        "return [innerWidth, b.top + scrollY, b.height]; }"
    )
    clip: Any = {"x": 0, "y": max(top - 6, 0), "width": width, "height": height + 12}
    return page.screenshot(full_page=True, clip=clip)
