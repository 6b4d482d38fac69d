"""What registration looks at: two volumes cropped, scaled to 0..1, pooled and smoothed.

Rigid registration goes from coarse to fine. A level averages blocks of voxels until each axis
reaches about the level's spacing; axes that are coarser from the start, the thick slices of
clinical scans, are left alone, because pooling them would throw away what little they hold.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.errors import RegistrationError
from mrtoct.volume import Array, Grid, Volume

CT_SCALE = ((-1000.0, -200.0, 200.0, 1600.0), (0.0, 0.2, 0.6, 1.0))
"""HU and their place between 0 and 1: mutual information does not mind a monotonous map, and this
one gives soft tissue (fat -100, water 0, muscle 60) as many histogram bins as bone."""

BODY_HU = -300.0
"""Between air and the lightest soft tissue; foam and carbon of a holder stay mostly below."""


def scaled(volume: Volume) -> Volume:
    """Map a CT (HU) or an MR (any other unit) to 0..1."""
    return scaled_ct(volume) if volume.unit == "HU" else scaled_mr(volume)


def body(volume: Volume) -> Volume:
    """Find the body in a CT (HU) or an MR (any other unit), on a coarse grid."""
    return body_mask(volume) if volume.unit == "HU" else foreground_mask(volume)


def scaled_ct(ct: Volume) -> Volume:
    """Map HU to 0..1 by `CT_SCALE`; what is below air, as padding is, becomes air."""
    scaled = np.interp(np.asarray(ct.voxels, dtype=np.float32), *CT_SCALE)
    return ct.with_voxels(scaled.astype(np.float32), "a.u.")


def scaled_mr(mr: Volume) -> Volume:
    """Map MR signal to 0..1 between its percentiles 0.5 and 99.5, clipped beyond them."""
    step = [max(1, n // 64) for n in mr.grid.shape]
    some = np.asarray(mr.voxels[:: step[0], :: step[1], :: step[2]], dtype=np.float32)
    low, high = np.percentile(some, (0.5, 99.5))
    if not high > low:
        raise RegistrationError(f"the MR volume is constant ({low:g}): nothing to register")
    scaled = (np.asarray(mr.voxels, dtype=np.float32) - np.float32(low)) / np.float32(high - low)
    return mr.with_voxels(np.clip(scaled, 0, 1, out=scaled), "a.u.")


def pooled(volume: Volume, spacing: float) -> Volume:
    """Average blocks of voxels so that each axis gets as near to spacing (mm) as blocks allow."""
    factors = [
        min(n, max(1, round(spacing / s)))
        for n, s in zip(volume.grid.shape, volume.spacing, strict=True)
    ]
    shape = [n // f for n, f in zip(volume.grid.shape, factors, strict=True)]
    voxels = np.asarray(volume.voxels, dtype=np.float32)
    voxels = voxels[tuple(slice(n * f) for n, f in zip(shape, factors, strict=True))]
    for axis, factor in enumerate(factors):
        if factor > 1:
            blocks = [*voxels.shape[:axis], shape[axis], factor, *voxels.shape[axis + 1 :]]
            voxels = voxels.reshape(blocks).mean(axis=axis + 1)
    affine = volume.affine @ np.diag([*factors, 1.0])
    affine[:3, 3] = volume.grid.to_world([(f - 1) / 2 for f in factors])
    return Volume(voxels, Grid((shape[0], shape[1], shape[2]), affine), volume.unit)


def smoothed(volume: Volume, sigma: float) -> Volume:
    """Smooth by a Gaussian of sigma mm along the axes fine enough to hold it."""
    sigmas = [sigma / s if sigma / s >= 0.4 else 0.0 for s in volume.spacing]
    if not any(sigmas):
        return volume
    return volume.with_voxels(
        ndimage.gaussian_filter(volume.voxels, sigmas, mode="nearest", truncate=3.0)
    )


def body_mask(ct: Volume, spacing: float = 4.0) -> Volume:
    """Find the body in a CT (HU): the largest piece above -300 HU, on a coarse grid."""
    step = [max(1, round(spacing / s)) for s in ct.spacing]
    affine = ct.affine @ np.diag([*step, 1.0])
    voxels = ct.voxels[:: step[0], :: step[1], :: step[2]]
    mask = _largest_piece(np.asarray(voxels > BODY_HU), Grid(voxels.shape, affine))
    if not mask.any():
        raise RegistrationError(
            f"the CT holds nothing above {BODY_HU:g} HU: is it in Hounsfield units?"
        )
    return Volume(mask, Grid(voxels.shape, affine), "label")


def foreground_mask(mr: Volume, spacing: float = 4.0) -> Volume:
    """Find the body in an MR: the largest piece above half its mean signal, on a coarse grid."""
    coarse = pooled(mr, spacing)
    mask = _largest_piece(coarse.voxels > 0.5 * coarse.voxels.mean(), coarse.grid)
    return coarse.with_voxels(mask, "label")


def dilated(mask: Volume, margin: float) -> Volume:
    """Grow a mask by a margin in mm, beyond the edges of its grid as well."""
    pad = [int(np.ceil(margin / s)) for s in mask.spacing]
    away = ndimage.distance_transform_edt(
        ~np.pad(mask.voxels, [(p, p) for p in pad]), sampling=mask.spacing
    )
    affine = mask.affine.copy()
    affine[:3, 3] = mask.grid.to_world([-p for p in pad])
    return Volume(away <= margin, Grid(away.shape, affine), "label")


def center_of_mass(mask: Volume) -> Array:
    """Return the mean world position (3,) of a mask's voxels in mm."""
    return mask.grid.to_world(np.argwhere(mask.voxels).mean(axis=0))


def box_around(mask: Volume, grid: Grid, margin: float) -> tuple[slice, slice, slice]:
    """Return the box of grid's indices that holds the mask's voxels and a margin in mm."""
    where = grid.to_index(mask.grid.to_world(np.argwhere(mask.voxels)))
    pad = margin / np.array(grid.spacing) + np.array(mask.grid.spacing) / np.array(grid.spacing)
    low = np.maximum(np.floor(where.min(axis=0) - pad), 0).astype(int)
    high = np.minimum(np.ceil(where.max(axis=0) + pad) + 1, grid.shape).astype(int)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return i, j, k


def _largest_piece(mask: Array, grid: Grid) -> Array:
    """Keep the largest connected piece after an opening by about 4 mm cuts thin bridges."""
    reach = [1 if s <= 6 else 0 for s in grid.spacing]  # thick slices must not be eroded away
    cube = np.ones([2 * r + 1 for r in reach], dtype=bool)
    opened = ndimage.binary_opening(mask, cube)
    pieces, count = ndimage.label(opened if opened.any() else mask)
    if count == 0:
        return mask
    return np.asarray(pieces == np.bincount(pieces.ravel())[1:].argmax() + 1)


def mixed(volume: Volume, spacing: float, change: float) -> Volume:
    """Tell which voxels seem to hold several tissues along axes coarser than spacing (mm).

    There a voxel differs by more than change (of the scale 0..1) from a neighbour. A thick slice
    that grazes a surface, as at the vertex, mixes bone with what is above or below it: to the
    histogram the mixture looks like a third tissue, and registration slides along the slice
    normal to please it.
    """
    steep = np.zeros(volume.grid.shape, dtype=np.bool_)
    for axis, size in enumerate(volume.spacing):
        if size > 1.5 * spacing:
            step = np.moveaxis(np.abs(np.diff(volume.voxels, axis=axis)) > change, axis, 0)
            along = np.moveaxis(steep, axis, 0)  # a view: what is set here is set in steep
            along[:-1] |= step
            along[1:] |= step
    return volume.with_voxels(steep, "label")


def random_points(
    mask: Volume,
    thinned: Volume,
    share: float,
    batches: int,
    samples: int,
    rng: np.random.Generator,
) -> Array:
    """Draw points (batches, samples, 3; RAS mm) even in a mask and in the grid of thinned.

    Of the points where thinned is true, only a share is kept. Points lie anywhere in a voxel: on
    the centres every sample would be interpolated alike, and the metric would favour poses in
    which the two grids coincide. Fewer come back where there is little to draw from.
    """
    voxels = np.argwhere(mask.voxels)
    voxels = voxels[inside(thinned.grid, mask.grid.to_world(voxels))]
    # More than needed: some fall outside the grid, some are thinned out.
    chosen = voxels[rng.integers(len(voxels), size=2 * batches * samples)]
    points = mask.grid.to_world(chosen + rng.uniform(-0.5, 0.5, chosen.shape))
    points = points[inside(thinned.grid, points)]
    i, j, k = np.rint(thinned.grid.to_index(points)).astype(int).T
    points = points[~thinned.voxels[i, j, k] | (rng.uniform(size=len(points)) < share)]
    samples = min(samples, len(points))
    batches = min(batches, len(points) // samples)
    return np.asarray(points[: batches * samples].reshape(batches, samples, 3))


def inside(grid: Grid, points: Array) -> Array:
    """Tell which points (N, 3; RAS mm) lie in the voxels of a grid."""
    index = grid.to_index(points)
    return np.asarray(((index >= -0.5) & (index < np.array(grid.shape) - 0.5)).all(axis=-1))


def covered(grid: Grid, points: Array, transform: Array) -> float:
    """Return which part of points (N, 3) a transform (4 x 4, RAS mm) takes into a grid's voxels."""
    return float(inside(grid, points @ transform[:3, :3].T + transform[:3, 3]).mean())
