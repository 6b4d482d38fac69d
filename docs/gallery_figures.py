"""The gallery's small pictures, from the notebooks as the built site shows them.

python docs/gallery_figures.py build/site
"""

from __future__ import annotations

import base64
import io
import re
import sys
from pathlib import Path

from PIL import Image

SHOWN = {
    "first-translation": 1, "own-cohort": -1, "fine-tuning": 0, "judging": -1, "ultrasound": 1,
    "pet-mr": -1, "dose": -1,
}  # fmt: skip
"""Which of a page's pictures."""
FOLDER = Path(__file__).parent / "images" / "gallery"
WIDTH = 480


def pictures(site: Path, page: str) -> list[Image.Image]:
    """Return the pictures of a page's cells in order, inline ones and files."""
    text = (site / "gallery" / f"{page}.html").read_text(encoding="utf-8")
    text = text.partition('<article role="main"')[2]
    found = []
    for source in re.findall(r'<img [^>]*?src=[\'"]([^\'"]+)', text):
        if source.startswith("data:image/png;base64,"):
            content = base64.b64decode(source.partition(",")[2])
        else:
            content = (site / "gallery" / source).resolve().read_bytes()
        found.append(Image.open(io.BytesIO(content)).convert("RGB"))
    return found


def main(site: Path) -> None:
    """Write a small picture for each page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for page, which in SHOWN.items():
        picture = pictures(site, page)[which]
        picture.thumbnail((WIDTH, WIDTH))
        picture.quantize(128).save(FOLDER / f"{page}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
