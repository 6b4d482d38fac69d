"""NiiVue, the 3-D viewer: part of a wheel that was built with npm at hand (hatch_build.py)."""

from __future__ import annotations

from functools import cache
from importlib import resources

from mrtoct.report.voxels import deflated

SCRIPT = "niivue.umd.js"


def niivue_script() -> bytes | None:
    """Return the library's JavaScript; None where this installation has none."""
    file = resources.files("mrtoct.report") / "niivue" / SCRIPT
    return file.read_bytes() if file.is_file() else None


@cache  # packing takes half a second
def packed_niivue() -> str | None:
    """Return the JavaScript as base64 of deflated bytes, as a page holds it."""
    script = niivue_script()
    return deflated(script) if script else None
