import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.registration import pyramid
from mrtoct.volume import Grid, Volume


def oblique(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (8, -15, 25), degrees=True).as_matrix() * spacing
    affine[:3, 3] = (-20, 30, 5)
    return Grid(shape, affine)


def test_pooling_keeps_a_linear_field_in_place_and_thick_slices_alone() -> None:
    grid = oblique((23, 17, 5), (0.9, 1.1, 4.0))
    direction = np.array([0.3, -0.2, 0.7])

    def field(g: Grid) -> np.ndarray:
        return g.to_world(np.moveaxis(np.indices(g.shape), 0, -1)) @ direction

    coarse = pyramid.pooled(Volume(field(grid), grid, "a.u."), 4.0)
    np.testing.assert_allclose(coarse.spacing, (3.6, 4.4, 4.0))
    np.testing.assert_allclose(coarse.voxels, field(coarse.grid), atol=1e-4)


def test_the_body_is_found_beside_a_table_and_padding() -> None:
    grid = oblique((60, 70, 20), (2.0, 2.0, 3.0))
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    head = (((index - (30, 40, 10)) / (15, 18, 30)) ** 2).sum(axis=-1) < 1
    hu = np.where(head, 40, -1000)
    hu[:, 5:7] = 200  # table
    hu[:4] = -2048  # padding
    body = pyramid.body_mask(Volume(hu, grid, "HU"))
    expected = grid.to_world(np.argwhere(head).mean(axis=0))
    np.testing.assert_allclose(pyramid.center_of_mass(body), expected, atol=3.0)
    box = pyramid.box_around(body, grid, 6.0)
    ends = np.array([[s.start, s.stop - 1] for s in box])
    true = np.stack([np.argwhere(head).min(axis=0), np.argwhere(head).max(axis=0)], axis=1)
    assert (ends[:, 0] <= np.maximum(true[:, 0] - 2, 0)).all()
    assert (ends[:, 1] >= np.minimum(true[:, 1] + 2, np.array(grid.shape) - 1)).all()
    assert ends[1, 0] > 7  # the table stays outside


def test_dilation_reaches_the_margin_in_mm() -> None:
    mask = np.zeros((5, 5, 3), dtype=bool)
    mask[2, 2, 1] = True
    grown = pyramid.dilated(Volume(mask, oblique((5, 5, 3), (2.0, 3.0, 4.0)), "label"), 9.0)
    center = grown.grid.to_world(np.argwhere(grown.voxels)).mean(axis=0)
    points = grown.grid.to_world(np.moveaxis(np.indices(grown.grid.shape), 0, -1))
    inside = np.linalg.norm(points - center, axis=-1) <= 9.0 + 1e-9
    np.testing.assert_array_equal(grown.voxels, inside)


def test_only_thick_slices_that_graze_a_surface_count_as_mixed() -> None:
    voxels = np.zeros((3, 3, 6))
    voxels[:, :, 3:] = 0.5
    voxels[0, 0, 5] = 0.65  # a small step is noise
    volume = Volume(voxels, oblique((3, 3, 6), (1, 1, 4)), "a.u.")
    thick = pyramid.mixed(volume, 1.0, 0.2).voxels
    expected = np.zeros((3, 3, 6), dtype=bool)
    expected[:, :, 2:4] = True
    np.testing.assert_array_equal(thick, expected)
    assert not pyramid.mixed(volume, 4.0, 0.2).voxels.any()


def test_random_points_are_even_and_thinned_where_asked() -> None:
    mask = Volume(np.ones((10, 10, 10), dtype=bool), oblique((10, 10, 10), (4, 4, 4)), "label")
    thinned = np.zeros((40, 40, 10), dtype=bool)
    thinned[:20] = True
    grid = oblique((40, 40, 10), (1, 1, 4))
    points = pyramid.random_points(
        mask, Volume(thinned, grid, "label"), 0.25, 3, 4000, np.random.default_rng(0)
    )
    index = grid.to_index(points.reshape(-1, 3))
    assert points.shape == (3, 4000, 3)
    # The mask reaches from 2 mm before the centre both grids share, outside grid, to index 38.
    counts, _ = np.histogram(index[:, 0], bins=[-0.5, 9.5, 19.5, 28.5, 37.5])
    np.testing.assert_allclose(counts / counts.sum(), np.array([2.5, 2.5, 9, 9]) / 23, atol=0.01)
    even, _ = np.histogram(index[:, 1], bins=4, range=(-0.5, 37.5))
    np.testing.assert_allclose(even / even.sum(), 0.25, atol=0.02)
