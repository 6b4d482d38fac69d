"""A head of ellipsoids that is asymmetric in every direction, scanned as a CT and as an MR."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.volume import Grid, Volume

# Ellipsoids (centre, half axes in mm), painted in this order: HU, T1-like and T2-like signal.
HEAD = [
    ((0, 0, 0), (78, 98, 90), 30.0, 700.0, 300.0),  # scalp
    ((0, 92, -30), (14, 22, 24), 30.0, 650.0, 310.0),  # nose
    ((0, 0, 2), (72, 92, 84), 1000.0, 20.0, 15.0),  # skull
    ((0, 0, 3), (66, 86, 78), 5.0, 150.0, 900.0),  # cerebrospinal fluid
    ((31, 0, 6), (29, 78, 66), 38.0, 420.0, 450.0),  # brain
    ((-31, -4, 6), (29, 76, 66), 38.0, 420.0, 450.0),
    ((0, -44, -46), (40, 28, 20), 42.0, 400.0, 460.0),  # cerebellum
    ((12, 10, 15), (9, 32, 14), 8.0, 120.0, 950.0),  # ventricles
    ((-14, 6, 12), (8, 26, 12), 8.0, 120.0, 950.0),
    ((30, -40, 30), (14, 10, 12), 60.0, 250.0, 700.0),  # lesion
    ((34, 70, -28), (14, 14, 13), 5.0, 130.0, 980.0),  # eyes
    ((-34, 70, -28), (14, 14, 13), 5.0, 130.0, 980.0),
    ((0, 66, -52), (20, 18, 20), -1000.0, 10.0, 5.0),  # nasal air
    ((48, -10, -50), (14, 20, 18), 900.0, 30.0, 25.0),  # skull base
    ((-48, -10, -50), (14, 20, 18), 900.0, 30.0, 25.0),
]


def rigid(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def scan(grid: Grid, world_to_head: np.ndarray, channel: int, background: float) -> np.ndarray:
    """Evaluate the head at a grid's voxel centres; channel 2 is HU, 3 T1-like, 4 T2-like."""
    average = np.zeros(grid.shape)
    for part in (-1 / 3, 0, 1 / 3):  # a thick slice averages over its thickness
        points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1) + np.array([0, 0, part]))
        points = points @ world_to_head[:3, :3].T + world_to_head[:3, 3]
        voxels = np.full(grid.shape, background)
        for tissue in HEAD:
            center, half = np.array(tissue[0]), np.array(tissue[1])
            voxels[(((points - center) / half) ** 2).sum(axis=-1) < 1] = tissue[channel]
        average += voxels / 3
    return average


def grid_at(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], pose: np.ndarray
) -> Grid:
    affine = pose @ np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])  # LPS-like: flipped axes
    affine[:3, 3] = pose[:3, 3] - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


TRUE = rigid((11.0, -6.0, 9.0), (14.0, -9.0, 8.0))  # CT point to MR point


@cache
def head_pair() -> tuple[Volume, Volume]:
    """CT with a table and padding, and T1-like MR, both in thick oblique slices."""
    rng = np.random.default_rng(4)
    ct_grid = grid_at((101, 111, 45), (2.1, 2.1, 4.0), rigid((3, -2, 5), (2, 5, 7)))
    mr_grid = grid_at((97, 103, 47), (2.2, 2.2, 4.1), rigid((-6, 4, 8), (12, 3, 5)))
    hu = scan(ct_grid, np.eye(4), 2, -1000.0) + rng.normal(0, 10, ct_grid.shape)
    hu[:, 6:8, :] = -250.0  # a table behind the head
    hu[:6, :, :] = -3024.0  # padding
    signal = scan(mr_grid, np.linalg.inv(TRUE), 3, 0.0)
    noise = rng.normal(0, 15, (2, *mr_grid.shape))
    return (
        Volume(hu.astype(np.int16), ct_grid, "HU"),
        Volume(np.hypot(signal + noise[0], noise[1]).astype(np.int16), mr_grid, "a.u."),
    )


@cache
def t2_scan() -> Volume:
    """The T2-like scan of the same session, in slices of its own."""
    grid = grid_at((91, 107, 41), (2.3, 2.1, 4.6), rigid((2, 5, -4), (18, -2, 11)))
    signal = scan(grid, np.linalg.inv(TRUE), 4, 0.0)
    noise = np.random.default_rng(5).normal(0, 20, (2, *grid.shape))
    return Volume(np.hypot(signal + noise[0], noise[1]).astype(np.int16), grid, "a.u.")


def turned(volume: Volume, turn: np.ndarray) -> Volume:
    """Move a volume's world."""
    return Volume(volume.voxels, Grid(volume.grid.shape, turn @ volume.affine), volume.unit)


def error(found: np.ndarray, true: np.ndarray = TRUE) -> float:
    """Mean displacement in mm over the corners of the head's box."""
    corners = np.array([[x, y, z] for x in (-78, 78) for y in (-98, 98) for z in (-90, 90)])
    difference = corners @ (found - true)[:3, :3].T + (found - true)[:3, 3]
    return float(np.linalg.norm(difference, axis=1).mean())
