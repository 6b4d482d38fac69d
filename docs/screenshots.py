"""Make the screenshots of report and viewer from a tour's folder, with a headless Chromium.

mrtoct tour --out mrtoct-tour && python docs/screenshots.py mrtoct-tour
python docs/screenshots.py mrtoct-tour --only viewer --out /tmp/look      one of them, elsewhere
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Error, Page

from mrtoct.errors import FileError, MrtoctError
from mrtoct.io.atomic import new_file
from mrtoct.io.files import read_volume
from mrtoct.report.serve import scene_server
from mrtoct.report.volumes import NamedVolume, scene_of_volumes

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import NoBrowserError, chromium, click, picture, show

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1180, 900


def shown(page: Page, address: str, *selectors: str) -> None:
    """Open a page in its light scheme and click elements one after the other."""
    page.emulate_media(color_scheme="light")
    show(page, address)
    for selector in selectors:
        click(page, selector)


def address_of(tour: Path) -> str:
    """Return where the tour's report is."""
    return (tour / "report.html").resolve().as_uri()


def report_images(page: Page, tour: Path) -> bytes:
    """The report's viewer: three planes in the bone window."""
    shown(page, address_of(tour), '[data-plane="all"]', '[data-low="-500"]')
    return picture(page, "#viewer")


def report_uncertainty(page: Page, tour: Path) -> bytes:
    """The report's charts of how far its standard deviations can be trusted."""
    shown(page, address_of(tour))
    return picture(page, "#uncertainty")


def viewer(page: Page, tour: Path) -> bytes:
    """What `mrtoct view MR SCT` shows of a raw MR and its synthetic CT."""
    sct = min((tour / "sct").glob("*.nii.gz"))
    mr = tour / "raw" / sct.name.removesuffix(".nii.gz") / "mr.nii.gz"
    volumes = [NamedVolume("MR", read_volume(mr, "a.u.")),
               NamedVolume("Synthetic CT", read_volume(sct, "HU"))]  # fmt: skip
    server, address = scene_server(scene_of_volumes(volumes))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        shown(page, address, '[data-plane="sagittal"]', '[data-low="-500"]')
        return picture(page, "#viewer")
    finally:
        server.shutdown()
        server.server_close()


PICTURES: dict[str, Callable[[Page, Path], bytes]] = {
    "report-images": report_images,
    "report-uncertainty": report_uncertainty,
    "viewer": viewer,
}


def main() -> None:
    """Write the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tour", type=Path, help="a folder made by mrtoct tour")
    parser.add_argument("--only", choices=PICTURES, nargs="+", default=list(PICTURES))
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    try:
        for needed in ("report.html", "sct", "raw"):
            if not (arguments.tour / needed).exists():
                raise FileError(f"{arguments.tour} has no {needed}: make it with mrtoct tour")
        with chromium(WIDTH, HEIGHT) as page:
            for name in arguments.only:
                shot = PICTURES[name](page, arguments.tour)
                with new_file(arguments.out / f"{name}.png", overwrite=True) as part:
                    part.write_bytes(shot)
    except (MrtoctError, NoBrowserError, Error) as error:
        sys.exit(f"screenshots: {error}")


if __name__ == "__main__":
    main()
