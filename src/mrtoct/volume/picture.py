"""A volume in a few words and three slices, for those who type its name."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING

import numpy as np

from mrtoct.volume.grid import Array

if TYPE_CHECKING:
    from mrtoct.volume.volume import Volume

HU_SHOWN = (-1024.0, 2000.0)
"""Black and white of CT: air to dense bone."""
SHOWN_PERCENTILES = (1.0, 99.5)
"""Of the slices shown, black and white of MR, whose few brightest voxels say nothing; of HU that
are never negative, which are no CT but a standard deviation or the size of an error, the white."""
STRIPES = ((58, 74, 107), (92, 110, 148))
"""What was not measured, in two blues: neither the black of air nor any grey."""
STRIPE = 3
"""How wide a stripe is, in voxels."""


def summary(volume: Volume) -> dict[str, str]:
    """Return in words how large a volume is, how it lies, and what values it holds."""
    from nibabel.orientations import aff2axcodes

    low, high, odd = _range(volume.known if volume.known.size else np.zeros(1))
    missing = {"not measured": share(volume.unmeasured)} if volume.measured is not None else {}
    return {
        "shape": " x ".join(map(str, volume.grid.shape)),
        "spacing": " x ".join(f"{s:.4g}" for s in volume.spacing) + " mm",
        "axes": "".join(code or "?" for code in aff2axcodes(volume.affine)),
        "values": f"{low:g} to {high:g}" + (f" and {odd} not finite" if odd else ""),
        "unit": volume.unit,
        "type": str(volume.voxels.dtype),
        **missing,
    }


def share(part: float) -> str:
    """Return a part above 0 in per cent, as 100 % only if it is all."""
    if 0.0005 <= part < 0.9995 or part == 1:
        return f"{100 * part:.1f} %" if part < 1 else "100 %"
    return "under 0.1 %" if part < 0.5 else "over 99.9 %"


def as_html(volume: Volume) -> str:
    """Return a table of these facts beside a picture of the three middle slices."""
    facts = summary(volume)
    if "not measured" in facts:
        facts["not measured"] += ", striped in blue"
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    picture = base64.b64encode(png(volume)).decode("ascii")
    return (
        "<div style='display:flex;flex-wrap:wrap;align-items:center;gap:1em'>"
        f"<table><caption>Volume</caption>{rows}</table>"
        f"<img alt='middle slices, transverse, coronal and sagittal; the patient&#39;s right and "
        f"front are on the left' src='data:image/png;base64,{picture}'/></div>"
    )


def png(volume: Volume) -> bytes:
    """Return the middle transverse, coronal and sagittal slice as one PNG, in their proportions.

    Radiological convention: the patient's right is on the left; sagittal the front. What was not
    measured is striped.
    """
    from matplotlib.figure import Figure

    slices = middle_slices(volume)
    if volume.measured is None:
        missing: list[Array] = []
    else:
        missing = [s for s, _ in middle_slices(volume.with_voxels(~volume.measured, "label"))]
    low, high = _window(volume, [values for values, _ in slices])
    figure = Figure(figsize=(6.6, 2.3), dpi=100, facecolor="black")
    for n, (values, aspect) in enumerate(slices):
        axes = figure.add_axes((n / 3 + 0.005, 0.02, 1 / 3 - 0.01, 0.96))
        axes.imshow(values, cmap="gray", vmin=low, vmax=high, aspect=aspect)
        if missing and missing[n].any():
            axes.imshow(stripes(missing[n]), aspect=aspect, interpolation="nearest")
        axes.set_axis_off()
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def stripes(missing: Array) -> Array:
    """Return a picture (rows, columns, RGBA as bytes) with stripes where a mask is true."""
    row, column = np.indices(missing.shape)
    shade = np.asarray(STRIPES, np.uint8)[(row + column) // STRIPE % 2]
    return np.dstack([shade, np.where(missing, 255, 0).astype(np.uint8)])


def middle_slices(volume: Volume) -> list[tuple[Array, float]]:
    """Return the middle transverse, coronal and sagittal slice as rows from top to bottom.

    Beside each is how much higher than wide its pixels are. Oblique grids are shown along their
    own axes, the nearest to the patient's.
    """
    from nibabel.orientations import apply_orientation, io_orientation

    order = io_orientation(volume.affine)
    voxels = apply_orientation(volume.voxels, order)
    # Row n of the order says which axis of the patient the n-th of the array is nearest to.
    spacing = np.array(volume.spacing)[np.argsort(order[:, 0])]
    shown = []
    for axis in (2, 1, 0):
        wide, high = (a for a in range(3) if a != axis)
        middle = np.take(voxels, voxels.shape[axis] // 2, axis=axis)
        shown.append((np.asarray(middle[::-1, ::-1].T), float(spacing[high] / spacing[wide])))
    return shown


def _range(voxels: Array) -> tuple[float, float, int]:
    """Return the lowest and highest finite value, and how many voxels are not finite."""
    if voxels.dtype.kind == "f":
        finite = np.isfinite(voxels)
        odd = int(voxels.size - finite.sum())
        if odd:
            voxels = voxels[finite] if odd < voxels.size else np.zeros(1)
    else:
        odd = 0
    return float(voxels.min()), float(voxels.max()), odd


def _window(volume: Volume, slices: list[Array]) -> tuple[float, float]:
    """Return what is black and what is white."""
    if volume.unit == "HU" and _range(volume.voxels)[0] < 0:
        return HU_SHOWN
    if volume.unit == "HU":
        white = np.nanpercentile(np.concatenate([s.ravel() for s in slices]), SHOWN_PERCENTILES[1])
        return 0.0, float(max(white, 1.0))
    if volume.unit == "a.u.":
        values = np.concatenate([s.ravel() for s in slices]).astype(np.float64)
        values = values[np.isfinite(values)]
        if values.size:
            low, high = np.percentile(values, SHOWN_PERCENTILES)
            return float(low), float(max(high, low + 1e-6))
    low, high, _ = _range(volume.voxels)
    return low, max(high, low + 1e-6)
