from __future__ import annotations

import numpy as np

from mrtoct.phantom.shapes import (
    box,
    capsule,
    chain,
    ellipsoid,
    smooth_intersection,
    smooth_union,
)

POINTS = tuple(np.meshgrid(*(np.linspace(-20, 20, 17),) * 3, indexing="ij", sparse=True))
X, Y, Z = np.broadcast_arrays(*POINTS)


def test_a_sphere_is_exact_everywhere() -> None:
    distance = ellipsoid(POINTS, (2, -1, 3), (7, 7, 7))
    expected = np.sqrt((X - 2) ** 2 + (Y + 1) ** 2 + (Z - 3) ** 2) - 7
    np.testing.assert_allclose(distance, expected, atol=1e-2)


def test_an_ellipsoid_has_its_surface_at_its_radii() -> None:
    tips = np.array([[3.0, 0, 0], [0, 8, 0], [0, 0, -5], [1.5, 8 * 0.6, 5 * np.sqrt(0.39)]])
    distance = ellipsoid((tips[:, 0], tips[:, 1], tips[:, 2]), (0, 0, 0), (3, 8, 5))
    np.testing.assert_allclose(distance, 0, atol=1e-4)


def test_a_capsule_is_the_distance_to_a_segment() -> None:
    start, end = np.array([-5.0, 2, 0]), np.array([9.0, -3, 6])
    line = start + np.linspace(0, 1, 4001)[:, None] * (end - start)
    points = np.random.default_rng(0).uniform(-20, 20, (50, 3))
    expected = np.linalg.norm(points[:, None] - line[None], axis=2).min(axis=1) - 2.5
    found = capsule(tuple(points.T), tuple(start), tuple(end), 2.5)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_chain_within_reach_equals_the_chain_without() -> None:
    nodes = ((-8, 0, 2, 3), (0, 5, 4, 2), (11, 3, -6, 1))
    full = chain(POINTS, nodes)
    cut = chain(POINTS, nodes, 4.0)
    near = full < 4
    assert 0.02 < near.mean() < 0.5
    np.testing.assert_allclose(cut[near], full[near], atol=1e-5)
    assert (cut[~near] >= 4 - 1e-5).all()


def test_a_box_measures_from_faces_and_corners() -> None:
    probes = np.array([[6.0, 0, 0], [5, 6, 0], [0, 0, 0], [5, 6, 14]])
    distance = box(tuple(probes.T), (0, 0, 0), (2, 3, 10))
    np.testing.assert_allclose(distance, [4, np.hypot(3, 3), -2, np.sqrt(9 + 9 + 16)])


def test_blending_only_adds_to_a_union_and_takes_from_an_intersection() -> None:
    first = ellipsoid(POINTS, (-4, 0, 0), (6, 6, 6))
    second = ellipsoid(POINTS, (4, 0, 0), (6, 6, 6))
    union, sharp = smooth_union(first, second, 4.0), np.minimum(first, second)
    assert (union <= sharp + 1e-6).all()
    assert (sharp - union).max() <= 1 + 1e-6  # a quarter of the blend
    np.testing.assert_allclose(union[np.abs(first - second) > 4], sharp[np.abs(first - second) > 4])
    assert (smooth_intersection(first, second, 4.0) >= np.maximum(first, second) - 1e-6).all()
