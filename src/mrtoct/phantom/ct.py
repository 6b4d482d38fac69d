"""What a CT scanner would see of the anatomy, its own table included."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.phantom.artefacts import beam_hardening, metal_streaks
from mrtoct.phantom.fields import smooth_field
from mrtoct.phantom.shapes import Points
from mrtoct.phantom.tissues import TISSUES, Tissue, draw_hu
from mrtoct.resample import resample
from mrtoct.volume import Array, Grid, Volume

PADDINGS = (-1024, -2000, -2048, -3024)
"""What scanners write outside the circular field of view."""

AIR_HU = -1000.0
POINT_SPREAD_MM = 0.5
"""Standard deviation of the in-plane blur of a head kernel."""


@dataclass(frozen=True)
class CtScan:
    """How one subject's CT is taken."""

    noise: float
    """Standard deviation, HU."""
    padding: int
    """Value outside the circular field of view, HU."""
    hardening: float
    """Beam hardening by bone, 1 / mm: see `artefacts.beam_hardening`; 0 for none."""
    table: bool
    """Scan table and head holder, too."""


def tissue_hu(labels: Volume, rng: np.random.Generator) -> Volume:
    """Return HU (I, J, K) of labelled tissues, float32, each within its published range.

    One value for each soft tissue; the density of bone varies smoothly over centimetres and, in
    marrow, from grain to grain (trabeculae).
    """
    hu = draw_hu(rng)[labels.voxels]
    density = smooth_field(labels.grid.shape, labels.grid.spacing, 40.0, rng)
    for tissue, slow, grain in ((Tissue.CORTICAL_BONE, 0.25, 0.05), (Tissue.DIPLOE, 0.25, 0.25)):
        low, high = TISSUES[tissue].hu
        where = np.flatnonzero(labels.voxels == tissue)
        noise = rng.standard_normal(len(where), dtype=np.float32)
        factor = 1 + slow * density.ravel()[where] + grain * noise
        hu.ravel()[where] = np.clip(hu.ravel()[where] * factor, low, high)
    return Volume(hu, labels.grid, "HU")


def scan_ct(
    hu: Volume,
    metal: Volume | None,
    grid: Grid,
    ct_to_head: Array,
    scan: CtScan,
    rng: np.random.Generator,
) -> Volume:
    """Scan HU (I, J, K) of the head's frame onto a grid in the CT's world; int16 HU.

    metal, on the grid of hu, is 1 in metal and 0 elsewhere, or None. Values are clipped to the
    12-bit range -1024..3071. ct_to_head is the 4 x 4 rigid map from CT to head world in RAS mm.
    """
    scanned = resample(hu, grid, fill=AIR_HU, transform=ct_to_head).voxels
    blur = [POINT_SPREAD_MM / s if s < 2 * POINT_SPREAD_MM + 0.5 else 0 for s in grid.spacing[:2]]
    if any(blur):
        scanned = ndimage.gaussian_filter(scanned, (*blur, 0), mode="nearest", truncate=3)
    if scan.table:
        support = table_profile(scanned, grid, rng)
        np.maximum(scanned, support[:, :, None], out=scanned)
    if scan.hardening > 0:
        scanned += beam_hardening(scanned, grid.spacing, scan.hardening)
    if metal is not None:
        fraction = resample(metal, grid, fill=0.0, transform=ct_to_head).voxels
        scanned += metal_streaks(fraction, grid.spacing, rng)
        # The metal itself stays beyond the range, however many photons are missing.
        np.maximum(scanned, 3 * fraction * TISSUES[Tissue.METAL].hu[1] - 1000, out=scanned)
    if scan.noise > 0:
        scanned += scan.noise * correlated_noise(grid, rng)
    out = np.clip(np.rint(scanned), -1024, 3071).astype(np.int16)
    out[outside_circle(grid)] = scan.padding
    return Volume(out, grid, "HU")


def correlated_noise(grid: Grid, rng: np.random.Generator) -> Array:
    """Return noise (I, J, K) of standard deviation 1 that a smooth kernel correlates in-plane."""
    grain = rng.standard_normal(grid.shape, dtype=np.float32)
    sigma = [0.6 / s for s in grid.spacing[:2]]
    if max(sigma) >= 0.3:
        grain = ndimage.gaussian_filter(grain, (*sigma, 0), mode="wrap", truncate=3)
    return np.asarray(grain / grain.std())


def outside_circle(grid: Grid) -> Array:
    """Return which pixels (I, J) lie outside the largest circle in the field of view."""
    x, y, _ = _plane(grid)
    radius = min(n * s for n, s in zip(grid.shape[:2], grid.spacing[:2], strict=True)) / 2
    return np.asarray(np.hypot(x[:, :, 0], y[:, :, 0]) > radius)


def table_profile(scanned: Array, grid: Grid, rng: np.random.Generator) -> Array:
    """Return HU (I, J) of head holder and table, the same in every slice; air is -1000.

    A trough of carbon fibre with a foam pad holds the back of the head; below it lies the table,
    a curved shell about a foam core. HU of shells and foams are estimates.
    """
    silhouette = (scanned > -500).any(axis=2)
    if not silhouette.any():
        return np.full(grid.shape[:2], AIR_HU, dtype=np.float32)
    # Drawn finer than the pixels, so that thin shells become partial volume.
    fine = 3
    x, y, _ = _plane(grid, fine)
    x, y = x[:, :, 0], y[:, :, 0]
    columns, rows = np.nonzero(silhouette)
    coarse_x, coarse_y, _ = _plane(grid)
    left, right = coarse_x[columns.min(), 0, 0], coarse_x[columns.max(), 0, 0]
    back = coarse_y[0, rows.min(), 0]
    middle = (left + right) / 2 + rng.uniform(-4, 4)
    half = (right - left) / 2
    wide, deep = half + rng.uniform(2, 12), half * rng.uniform(0.85, 1.1)
    bottom = back - rng.uniform(-1.0, 3.0)
    center = bottom + deep
    # An ellipse's first-order distance, positive outside the trough.
    q = np.hypot((x - middle) / wide, (y - center) / deep)
    slope = np.hypot((x - middle) / wide**2, (y - center) / deep**2) + 1e-6
    outside = q * (q - 1) / slope
    rim = center - deep * rng.uniform(0.05, 0.35)
    shell, pad = rng.uniform(2.0, 3.5), rng.uniform(3.0, 7.0)
    profile = np.full(x.shape, AIR_HU, dtype=np.float32)
    profile[(outside > 0) & (outside < pad) & (y < rim)] = rng.uniform(-960, -900)
    carbon = rng.uniform(-450, -200)
    profile[(outside >= pad) & (outside < pad + shell) & (y < rim)] = carbon
    top = bottom - pad - shell - rng.uniform(4, 20)
    sag = top + ((x - middle) / 200) ** 2 * 45  # the table's surface, curved up at its sides
    thick = rng.uniform(30, 45)
    inside = np.minimum(sag - y, y - (sag - thick))
    profile[inside > 0] = carbon
    profile[inside > 1.5] = rng.uniform(-970, -930)
    i, j = grid.shape[:2]
    return np.asarray(profile.reshape(i, fine, j, fine).mean(axis=(1, 3)))


def _plane(grid: Grid, fine: int = 1) -> Points:
    """Return x (I, J, 1), y (I, J, 1) in mm from the middle of a slice, and 0."""
    x, y = (
        ((np.arange(n * fine) + 0.5) / fine - n / 2) * s
        for n, s in zip(grid.shape[:2], grid.spacing[:2], strict=True)
    )
    gx, gy = np.meshgrid(x, y, indexing="ij")
    return gx[:, :, None], gy[:, :, None], np.zeros((1, 1, 1))
