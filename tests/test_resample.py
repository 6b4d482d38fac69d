"""Resampling against scipy, exact cases, the border, averaging and labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.resample import coverage, resample, resample_mask
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid, random_volume, rotation

FILL = -1024.0


def sheared_grid() -> Grid:
    affine = oblique_grid().affine.copy()
    affine[:3, 0] += 0.3 * affine[:3, 1]
    return Grid((11, 12, 6), affine)


def rigid(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    transform = np.eye(4)
    transform[:3, :3] = rotation(degrees)
    transform[:3, 3] = shift
    return transform


def positions(source: Grid, grid: Grid, transform: np.ndarray) -> np.ndarray:
    """Indices (3, I, J, K) in the source of the grid's voxel centres."""
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    moved = world @ transform[:3, :3].T + transform[:3, 3]
    return np.moveaxis(source.to_index(moved), -1, 0)


GRIDS = {
    "oblique": oblique_grid(),
    "flipped": oblique_grid(flip=(-1, 1, -1), origin=(-20.0, 17.0, 45.0)),
    "sheared": sheared_grid(),
    "one slice": oblique_grid(shape=(13, 10, 1)),
    "one column": oblique_grid(shape=(1, 1, 9)),
}


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
@pytest.mark.parametrize("name", GRIDS)
def test_its_own_grid_returns_every_voxel(name, interpolation):
    volume = random_volume(GRIDS[name])
    out = resample(volume, volume.grid, fill=FILL, interpolation=interpolation)
    np.testing.assert_array_equal(out.voxels, volume.voxels)
    assert out.voxels.dtype == (np.float32 if interpolation == "linear" else np.int16)
    assert out.unit == volume.unit


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
@pytest.mark.parametrize("name", ["oblique", "flipped", "sheared"])
def test_whole_voxel_shifts_are_exact(name, interpolation):
    volume = random_volume(GRIDS[name])
    affine = volume.affine.copy()
    affine[:3, 3] = volume.grid.to_world([2, -1, 1])
    out = resample(volume, Grid((8, 9, 7), affine), fill=FILL, interpolation=interpolation).voxels
    padded = np.pad(volume.voxels, 8, constant_values=int(FILL))
    np.testing.assert_array_equal(out, padded[10:18, 7:16, 9:16])


@pytest.mark.parametrize("source", ["oblique", "flipped", "sheared"])
@pytest.mark.parametrize("target", ["oblique", "flipped", "sheared"])
def test_a_rigid_transform_agrees_with_scipy(source, target):
    volume = random_volume(GRIDS[source])
    # As fine as the source's finest axis, so that nothing is averaged.
    affine = GRIDS[target].affine.copy()
    affine[:3, :3] *= 0.6 / np.array(GRIDS[target].spacing)
    grid = Grid((27, 25, 55), affine)
    transform = rigid((6.0, 11.0, -9.0), (1.7, -2.3, 3.1))
    out = resample(volume, grid, fill=FILL, transform=transform).voxels
    where = positions(volume.grid, grid, transform)
    expected = ndimage.map_coordinates(volume.voxels.astype(float), where, order=1, mode="nearest")
    sizes = np.array(volume.grid.shape)[:, None, None, None]
    inside = ((where > -0.5) & (where < sizes - 0.5)).all(axis=0)
    assert 0.1 < inside.mean() < 0.9
    np.testing.assert_allclose(out[inside], expected[inside], atol=1e-3)
    assert (out[~inside] == FILL).all()


@pytest.mark.parametrize("name", GRIDS)
def test_coverage_is_where_nothing_is_filled(name):
    source = GRIDS[name]
    ones = Volume(np.ones(source.shape, np.float32), source, "HU")
    grid = oblique_grid(
        shape=(31, 29, 27), spacing=(1.1, 0.9, 1.3), degrees=(3, 40, -8), origin=(-45, 0, 15)
    )
    transform = rigid((2.0, -3.0, 5.0), (0.3, 0.2, -0.4))
    covered = coverage(source, grid, transform)
    out = resample(ones, grid, fill=0.0, transform=transform).voxels
    np.testing.assert_array_equal(out == 1, covered)
    np.testing.assert_array_equal(out == 0, ~covered)
    assert covered.any()


def test_a_centre_on_the_very_border_is_outside_on_both_sides():
    source = oblique_grid(shape=(6, 5, 4))
    affine = source.affine.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] = source.to_world([-1, -1, -1])
    grid = Grid((17, 15, 13), affine)  # indices -1, -0.5, 0, ... of the source
    expected = np.zeros(grid.shape, bool)
    expected[2:13, 2:11, 2:9] = True
    np.testing.assert_array_equal(coverage(source, grid), expected)
    ones = Volume(np.ones(source.shape, np.float32), source, "HU")
    for interpolation in ("linear", "nearest"):
        out = resample(ones, grid, fill=0.0, interpolation=interpolation).voxels
        np.testing.assert_array_equal(out, expected)


def test_beyond_the_volume_is_only_fill():
    volume = random_volume(oblique_grid())
    out = resample(volume, volume.grid, fill=-7.5, transform=rigid((0, 0, 0), (900, 0, 0)))
    assert (out.voxels == -7.5).all()
    assert not coverage(volume.grid, volume.grid, rigid((0, 0, 0), (900, 0, 0))).any()


def blob(grid: Grid, center: np.ndarray, sigma: float) -> Volume:
    """A smooth blob of 1000 at a world position; sigma in mm."""
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    squared = ((world - center) ** 2).sum(axis=-1)
    return Volume((1000 * np.exp(-squared / (2 * sigma**2))).astype(np.float32), grid, "HU")


@pytest.mark.parametrize("factor", [2.0, 3.3, 5.0])
def test_coarsening_keeps_the_mass_and_its_centre(factor):
    fine = oblique_grid(shape=(60, 50, 24), spacing=(0.7, 0.7, 2.0))
    center = fine.to_world([31.3, 22.8, 11.4])
    volume = blob(fine, center, sigma=4.0)
    coarse = Grid.from_box(
        fine.corners().min(0) + 0.3, fine.corners().max(0), (0.7 * factor, 0.7 * factor, 3.0)
    )
    out = resample(volume, coarse, fill=0.0)
    masses = out.voxels.astype(float).ravel()
    world = coarse.to_world(np.moveaxis(np.indices(coarse.shape), 0, -1)).reshape(-1, 3)
    mass = volume.voxels.sum(dtype=float) * fine.voxel_volume
    assert masses.sum() * coarse.voxel_volume == pytest.approx(mass, rel=0.01)
    np.testing.assert_allclose(masses @ world / masses.sum(), center, atol=0.02)


def test_coarsening_averages_noise_instead_of_picking_it():
    grid = Grid((64, 64, 8), np.diag([0.5, 0.5, 4.0, 1.0]))
    noise = np.random.default_rng(3).normal(40, 100, grid.shape).astype(np.float32)
    coarse = Grid((14, 14, 6), np.diag([2.0, 2.0, 4.0, 1.0]) + np.eye(4, k=3) * 2)
    out = resample(Volume(noise, grid, "HU"), coarse, fill=0.0).voxels
    # Four by four voxels are averaged in a plane, none across the thick slices.
    assert out.std() < 100 / 2.5
    assert out.mean() == pytest.approx(40, abs=3)
    through = Grid((60, 60, 6), np.diag([0.5, 0.5, 4.0, 1.0]))
    assert resample(Volume(noise, grid, "HU"), through, fill=0.0).voxels.std() > 95


def test_averaging_follows_the_axes_when_they_trade_places():
    grid = Grid((48, 40, 9), np.diag([0.5, 0.5, 4.0, 1.0]))
    noise = np.random.default_rng(4).normal(0, 100, grid.shape).astype(np.float32)
    volume = Volume(noise, grid, "HU")
    coarse = Grid((11, 9, 8), np.diag([2.0, 2.0, 4.0, 1.0]))
    turned = Grid((8, 11, 9), coarse.affine[:, [2, 0, 1, 3]])
    np.testing.assert_allclose(
        resample(volume, turned, fill=0.0).voxels,
        resample(volume, coarse, fill=0.0).voxels.transpose(2, 0, 1),
        atol=1e-3,
    )


def test_a_constant_stays_constant_when_coarsened():
    grid = oblique_grid(shape=(40, 40, 9), spacing=(0.65, 0.65, 4.0))
    volume = Volume(np.full(grid.shape, -1000, np.int16), grid, "HU")
    out = resample(volume, oblique_grid((10, 10, 9), (2.6, 2.6, 4.0)), fill=-1000.0).voxels
    np.testing.assert_allclose(out, -1000, rtol=1e-6)


def test_nearest_keeps_labels_and_agrees_with_scipy():
    source = oblique_grid(shape=(21, 19, 11))
    labels = np.random.default_rng(1).choice([0, 3, 7, 200], source.shape).astype(np.uint8)
    volume = Volume(labels, source, "label")
    transform = rigid((6.0, 11.0, -9.0), (1.7, -2.3, 3.1))
    out = resample(volume, source, fill=9, transform=transform, interpolation="nearest")
    assert out.voxels.dtype == np.uint8
    where = positions(source, source, transform)
    expected = ndimage.map_coordinates(labels, where, order=0, mode="nearest")
    inside = coverage(source, source, transform)
    np.testing.assert_array_equal(out.voxels, np.where(inside, expected, 9))


@pytest.mark.parametrize("dtype", ["?", "u1", "u2", "i4", "i8", ">i2", "f2", "f4", "f8"])
def test_nearest_keeps_the_type(dtype):
    grid = oblique_grid()
    voxels = np.random.default_rng(2).integers(0, 2, grid.shape).astype(dtype)
    out = resample(Volume(voxels, grid, "label"), grid, fill=0, interpolation="nearest").voxels
    assert out.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(out, voxels)


@pytest.mark.parametrize(
    ("dtype", "fill"), [("u1", -1024), ("u1", 0.5), ("?", 2), ("i2", 40000), ("i2", np.nan)]
)
def test_a_fill_value_the_voxels_cannot_hold_is_refused(dtype, fill):
    volume = Volume(np.zeros((3, 3, 3), dtype), Grid((3, 3, 3), np.eye(4)), "label")
    with pytest.raises(ValueRangeError, match="cannot hold the fill value"):
        resample(volume, volume.grid, fill=fill, interpolation="nearest")


@pytest.mark.parametrize(
    "transform", [np.full((4, 4), np.nan), np.eye(3), np.diag([1.0, 1.0, 0.0, 1.0])]
)
def test_what_is_no_transform_is_refused(transform):
    volume = random_volume(oblique_grid())
    with pytest.raises(GeometryError, match="a transform is a finite, invertible 4 x 4 matrix"):
        resample(volume, volume.grid, fill=0, transform=transform)
    with pytest.raises(GeometryError, match="a transform is"):
        coverage(volume.grid, volume.grid, transform)


def test_a_mask_keeps_its_volume_through_a_rotation():
    grid = oblique_grid(shape=(40, 40, 30), spacing=(1.0, 1.0, 1.4), degrees=(0, 0, 0))
    world = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    inside = ((world - grid.center) ** 2).sum(-1) < 14**2
    turned = oblique_grid(shape=(60, 60, 60), spacing=(0.9, 0.9, 0.9), origin=(-36, -2, 5))
    out = resample_mask(Volume(inside, grid, "label"), turned)
    assert out.voxels.dtype == np.bool_
    assert out.unit == "label"
    expected = 4 / 3 * np.pi * 14**3
    assert out.voxels.sum() * turned.voxel_volume == pytest.approx(expected, rel=0.02)
    truth = (turned.to_world(np.moveaxis(np.indices(turned.shape), 0, -1)) - grid.center) ** 2
    overlap = out.voxels & (truth.sum(-1) < 14**2)
    assert 2 * overlap.sum() / (out.voxels.sum() + (truth.sum(-1) < 14**2).sum()) > 0.97


def test_the_result_owns_its_memory():
    # Shapes that need no transposition once returned a view into memory already given back.
    volume = random_volume(Grid((1, 1, 5000), np.eye(4)))
    out = resample(volume, volume.grid, fill=0.0).voxels
    others = [np.full(5000, i, np.float32) for i in range(50)]
    assert others[3][0] == 3
    np.testing.assert_array_equal(out, volume.voxels)
    assert out.flags.owndata
    assert out.flags.writeable
