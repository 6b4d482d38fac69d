"""Outlines of a mask, slice by slice, as closed curves that every reader fills alike.

DICOM has no agreed way to say that a curve is a hole: nested curves are read as filled by some. So
a hole is joined to the curve around it by a way in and the same way out (a keyhole).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.measure import find_contours, points_in_poly

from mrtoct.volume import Array

SMALLEST_MM2 = 3.0
"""Area below which an outline, or a hole, is noise. Not in pixels: one of a thick, coarse slice is
as large as an ear's canal."""


@dataclass(frozen=True, eq=False)
class Outline:
    """One closed curve; the last point is joined to the first."""

    points: Array
    """(n, 2), in pixels: centres are whole numbers."""


def outlines(mask: Array, pixel_mm2: float) -> list[Outline]:
    """Return the closed curves around a slice's mask (I, J), boolean, holes joined as keyholes."""
    smallest = SMALLEST_MM2 / pixel_mm2
    padded = np.pad(mask.astype(np.float32), 1)
    curves = [curve[:-1] - 1 for curve in find_contours(padded, 0.5, fully_connected="low")]
    areas = [_signed_area(curve) for curve in curves]
    # The marching squares run around holes the other way; around the largest area it is no hole.
    if not curves:
        return []
    outer_sign = np.sign(areas[int(np.argmax(np.abs(areas)))])
    kept = [(c, a * outer_sign) for c, a in zip(curves, areas, strict=True)]
    outer = sorted([(c, a) for c, a in kept if a >= smallest], key=lambda item: item[1])
    holes: list[list[Array]] = [[] for _ in outer]
    for curve, area in kept:
        if area > -smallest:
            continue
        # Within the smallest outline that holds it; those of dropped islands belong to none.
        for n, (around, size) in enumerate(outer):
            if size > -area and points_in_poly(curve[:1], around)[0]:
                holes[n].append(curve)
                break
    return [
        Outline(_with_keyholes(curve, inner))
        for (curve, _), inner in zip(outer, holes, strict=True)
    ]


def _with_keyholes(outer: Array, holes: list[Array]) -> Array:
    """Join holes to the outline, each where the two come nearest, the nearest hole first."""
    curve, left = outer, list(holes)
    while left:
        nearest = [_nearest(curve, hole) for hole in left]
        best = int(np.argmin([distance for distance, _, _ in nearest]))
        _, on_curve, on_hole = nearest[best]
        hole = np.roll(left.pop(best), -on_hole, axis=0)
        curve = np.concatenate([curve[: on_curve + 1], hole, hole[:1], curve[on_curve:]])
    return curve


def _nearest(curve: Array, hole: Array) -> tuple[float, int, int]:
    distance = ((curve[:, None, :] - hole[None, :, :]) ** 2).sum(axis=-1)
    on_curve, on_hole = np.unravel_index(int(distance.argmin()), distance.shape)
    return float(distance[on_curve, on_hole]), int(on_curve), int(on_hole)


def _signed_area(curve: Array) -> float:
    x, y = curve[:, 0], curve[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)
