"""Do a CT and an MR fit together: heads of one size, the same way up, the same place if said so?

Nothing is registered here. The heads are compared roughly: all 24 ways of laying one grid's axes
along the other's, each with all shifts at once by Fourier transform.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from scipy import fft

from mrtoct.check.finding import Finding
from mrtoct.check.head import HeadFacts
from mrtoct.prepare.mask import LEAST_OVERLAP
from mrtoct.resample import coverage, resample
from mrtoct.volume import Array, Grid, Volume

SIZE_MISMATCH = 0.11
"""Difference of the heads' mean diameter: 0.03 usually and 0.08 at most on phantoms, turned against
each other by up to 20 degrees; a brain without its skull is 0.17 to 0.19 smaller."""
LEAST_HEIGHT_MM = 80.0
"""Of a lower slab the largest section may be out of view."""
LEAST_COVERED = 0.5
"""Part of the CT's head inside the MR's field of view."""

COARSE_MM = 8.0
FINE_MM = 2.0
MARGIN_MM = 40.0
"""Kept around the heads, so that field of view without a head counts, too."""
MOST_SHIFT_MM = 100.0
"""By which the middles of two heads' boxes may lie apart: half a head."""
LEAST_SHARED = 0.5
"""Part of the smaller head that must lie on the other; slabs slide off each other otherwise."""
CLEARLY_BETTER = 0.09
"""By so much a wrong way up must beat the stated one. Where the stated one was right, it led by
0.10 to 0.28 on whole heads, and on slabs without face and neck, which look alike after half a
turn, it trailed by 0.08 at most; turned heads led by 0.10 to 0.17. Registration looks for other
positions by itself where the stated one does not fit: a missed turn costs time only."""


def check_size(ct: HeadFacts, mr: HeadFacts, scan: str) -> list[Finding]:
    """Compare the size of the two heads, each whole from side to side."""
    if min(ct.height_mm, mr.height_mm) < LEAST_HEIGHT_MM or ct.sides_cut or mr.sides_cut:
        return []
    ratio = float(np.sqrt(mr.width_mm * mr.length_mm / (ct.width_mm * ct.length_mm)))
    if abs(ratio - 1) <= SIZE_MISMATCH:
        return []
    why = "a brain without its skull, a wrong voxel spacing," if ratio < 1 else "a wrong spacing"
    return [
        Finding(
            "doubtful",
            "size-mismatch",
            f"the head is {mr.width_mm:.0f} x {mr.length_mm:.0f} mm on it and "
            f"{ct.width_mm:.0f} x {ct.length_mm:.0f} mm on the CT; within {SIZE_MISMATCH:.0%} is "
            f"usual: {why} or another patient?",
            scan,
        )
    ]


def check_overlap(ct_head: Volume, mr_head: Volume, ct_to_mr: Array, scan: str) -> list[Finding]:
    """Compare head masks that are declared as aligned through a 4 x 4 map (RAS mm)."""
    grid = ct_head.grid.upright((4.0, 4.0, 4.0))
    a = resample(ct_head, grid, fill=0.0).voxels >= 0.5
    b = resample(mr_head, grid, fill=0.0, transform=ct_to_mr).voxels >= 0.5
    seen = coverage(mr_head.grid, grid, ct_to_mr) & coverage(ct_head.grid, grid)
    covered = float((a & seen).sum() / max(a.sum(), 1))
    how = (
        "but through ct_to_mr" if not np.array_equal(ct_to_mr, np.eye(4)) else "declared as aligned"
    )
    if covered == 0:
        return [
            Finding(
                "unusable",
                "apart",
                f"{how}, the MR's field of view does not contain the CT's head; correct the "
                "transform, or let mrtoct register them",
                scan,
            )
        ]
    a, b = a & seen, b & seen
    dice = 2.0 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0)
    if dice < LEAST_OVERLAP:
        return [
            Finding(
                "doubtful",
                "poor-overlap",
                f"{how}, the head on the MR and on the CT overlap poorly (Dice {dice:.2f}; "
                f"{LEAST_OVERLAP} or more is usual): view both, or let mrtoct register them",
                scan,
            )
        ]
    if covered < LEAST_COVERED:
        return [
            Finding(
                "doubtful",
                "little-overlap",
                f"the MR's field of view contains {covered:.0%} of the CT's head; "
                f"{LEAST_COVERED:.0%} or more is usual: the rest is left out of training",
                scan,
            )
        ]
    return []


@dataclass(frozen=True, eq=False)
class CoarseHead:
    """A head on a coarse upright grid: parts of voxels, float32 (I, J, K)."""

    head: Array
    dark: Array
    """Bone and air, which are dark in MR."""
    seen: Array
    """Field of view."""


def coarse_ct(ct: Volume, head: Volume) -> CoarseHead:
    """Reduce a CT (HU) to its head, bone and air."""
    return _coarse(head, ((ct.voxels > 300) | (ct.voxels < -400)) & head.voxels)


def coarse_mr(mr: Volume, head: Volume) -> CoarseHead:
    """Reduce an MR to its head and what is dark in it."""
    low = float(mr.voxels.min())
    middle = float(np.median(mr.voxels[head.voxels])) - low
    return _coarse(head, (mr.voxels - low < 0.4 * middle) & head.voxels)


def check_position(ct: CoarseHead, mr: CoarseHead, scan: str) -> list[Finding]:
    """Return a finding if the MR fits the CT clearly better after a turn by 90 or 180 degrees."""
    fits = position_fits(ct, mr)
    stated = fits.pop(STATED)
    best = max(fits, key=lambda turn: fits[turn])
    if fits[best] - stated <= CLEARLY_BETTER:
        return []
    return [
        Finding(
            "doubtful",
            "position",
            f"its head fits the CT's better {in_words(best)} than as stated in the headers "
            f"({fits[best]:.2f} to {stated:.2f}): one of them states a wrong patient position; "
            "correct it, or registration must search all positions",
            scan,
        )
    ]


Turn = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Which axis each axis comes from, and whether it is reversed (-1)."""
STATED: Turn = ((0, 1, 2), (1, 1, 1))
"""As the files say."""


def position_fits(
    fixed: CoarseHead, moving: CoarseHead, turns: Iterable[Turn] | None = None
) -> dict[Turn, float]:
    """Return how well a head fits another after each turn, all 24 of axes onto axes by default.

    A fit is the best sum of Dice (heads) and correlation (dark parts) over all shifts.
    """
    # Room for the shifts at which heads can coincide; what wraps around from further is nothing.
    room = int(np.ceil(MOST_SHIFT_MM / COARSE_MM))
    size = fft.next_fast_len(max(*fixed.head.shape, *moving.head.shape) + room, real=True)
    spectra = [fft.rfftn(m, (size,) * 3) for m in (fixed.head, fixed.dark, fixed.seen)]
    least = LEAST_SHARED * min(float(fixed.head.sum()), float(moving.head.sum()))
    fits = {}
    for turn in turns or _turns():
        parts = [turned(m, turn) for m in (moving.head, moving.dark, moving.seen)]
        conjugates = [np.conj(fft.rfftn(m, (size,) * 3)) for m in parts]
        fits[turn] = _best_fit(spectra, conjugates, size, least)
    return fits


def _turns() -> Iterator[Turn]:
    """Yield the 24 turns of axes onto axes: where each comes from, and whether it is reversed."""
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            matrix = np.eye(3)[list(order)] * np.array(signs)[:, None]
            if np.linalg.det(matrix) > 0:
                yield order, signs  # type: ignore[misc]


def turned(array: Array, turn: Turn) -> Array:
    """Return an array (I, J, K) turned."""
    order, signs = turn
    return np.transpose(array, order)[tuple(slice(None, None, s) for s in signs)]


def in_words(turn: Turn) -> str:
    """Say what a turn does."""
    order, signs = turn
    if order != (0, 1, 2):
        return "after a quarter turn"
    axis = {(1, -1, -1): "right-left", (-1, 1, -1): "back-front", (-1, -1, 1): "foot-head"}
    return f"rotated by 180 degrees about the {axis[signs]} axis"


def _coarse(head: Volume, dark: Array) -> CoarseHead:
    # Every nth voxel is enough for voxels of 8 mm.
    step = [max(int(FINE_MM / spacing), 1) for spacing in head.spacing]
    part = tuple(slice(None, None, n) for n in step)
    mask = head.voxels[part]
    fine = Grid((mask.shape[0], mask.shape[1], mask.shape[2]), head.affine @ np.diag([*step, 1]))
    places = fine.to_world(np.argwhere(mask))
    low, high = places.min(axis=0) - MARGIN_MM, places.max(axis=0) + MARGIN_MM
    grid = Grid.from_box(low, high, (COARSE_MM,) * 3)
    soft = [
        resample(Volume(values, fine, "label"), grid, fill=0.0).voxels
        for values in (mask, dark[part])
    ]
    return CoarseHead(soft[0], soft[1], coverage(head.grid, grid).astype(np.float32))


def _best_fit(fixed: list[Array], moving: list[Array], size: int, least: float) -> float:
    """Return the best sum of Dice (heads) and correlation (dark parts) over all shifts.

    fixed and moving are Fourier transforms of head, dark parts and field of view, moving's
    conjugate; least is how much of the heads must coincide, in voxels.
    """
    head_a, dark_a, seen_a = fixed
    head_b, dark_b, seen_b = moving

    def shifted(spectrum: Array) -> Array:
        return np.asarray(fft.irfftn(spectrum, (size,) * 3))

    both = shifted(head_a * head_b)
    dice = 2 * both / np.maximum(shifted(head_a * seen_b + seen_a * head_b), 1)
    n = np.maximum(both, 1)
    a, b = shifted(dark_a * head_b), shifted(head_a * dark_b)
    spread = np.maximum(a * (n - a), 1) * np.maximum(b * (n - b), 1)
    correlation = (shifted(dark_a * dark_b) * n - a * b) / np.sqrt(spread)
    return float(np.max(np.where(both > least, dice + correlation, 0)))
