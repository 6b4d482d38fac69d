"""Scores of the real-heads benchmark on arrays and bodies whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.real_heads.agreement import agreement
from benchmarks.real_heads.bones import bone_scores
from benchmarks.real_heads.enclosed import directions_blocked, intracranial
from benchmarks.real_heads.heads import with_open_air
from benchmarks.real_heads.part import Made, Table
from benchmarks.real_heads.scores import ct_scores, deviation_scores
from benchmarks.real_heads.tables import markdown
from benchmarks.real_heads.vault import directions, vault, vault_difference

from mrtoct.volume import Grid, Volume
from volumes import oblique_grid

INNER, OUTER, SKIN = 52.0, 59.0, 66.0


def shell(
    grid: Grid, inner: float = INNER, outer: float = OUTER, hole_degrees: float = 0.0
) -> Volume:
    """A head of spheres about the world's origin; the skull may have a round hole at the top."""
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    radius = np.linalg.norm(points, axis=-1)
    # Surfaces are as wide as a voxel, so that where they are does not depend on the grid.
    hu = np.interp(
        radius,
        [inner - 0.5, inner + 0.5, outer - 0.5, outer + 0.5, SKIN - 0.5, SKIN + 0.5],
        [0, 500, 500, 0, 0, -1000],
    )
    hole = points[..., 2] > radius * np.cos(np.deg2rad(hole_degrees))
    return Volume(np.where(hole, np.minimum(hu, 0), hu), grid, "HU")


def world_grid(half: float = 75.0) -> Grid:
    return Grid.from_box([-half] * 3, [half] * 3, [1.0] * 3)


def test_ct_scores_by_hand():
    ct = np.array([0.0, 40.0, 1000.0, 300.0, -1000.0, -900.0, -500.0, -300.0])
    sct = np.array([10.0, 20.0, 800.0, 100.0, -1000.0, 600.0, -300.0, -350.0])
    where = np.ones(8, dtype=bool)
    row = ct_scores(sct, ct, where)
    assert row["MAE"] == pytest.approx((10 + 20 + 200 + 200 + 0 + 1500 + 200 + 50) / 8)
    assert row["bias"] == pytest.approx((10 - 20 - 200 - 200 + 0 + 1500 + 200 - 50) / 8)
    assert row["MAE soft"] == pytest.approx(15)
    assert row["MAE bone"] == pytest.approx(200)
    assert row["MAE air"] == pytest.approx(1700 / 3)
    assert row["bone Dice"] == pytest.approx(2 * 1 / (2 + 2))
    assert row["air Dice"] == pytest.approx(2 * 1 / (1 + 3))
    assert row["air drawn as bone, %"] == pytest.approx(100 / 3)
    assert row["MAE but for bone-air"] == pytest.approx((10 + 20 + 400 + 0 + 200 + 50) / 7)
    where[5] = False
    assert ct_scores(sct, ct, where)["MAE air"] == pytest.approx(100)


def test_deviations_by_hand():
    ct = np.array([0.0, 0.0, 0.0, -1000.0])
    sct = np.array([10.0, -15.0, 30.0, 500.0])
    sd = np.array([10.0, 10.0, 10.0, 400.0])
    row = deviation_scores(sct, sd, ct, np.ones(4, dtype=bool))
    assert row["within 1 sd, %"] == pytest.approx(25)
    assert row["within 2 sd, %"] == pytest.approx(50)
    assert row["sd where bone and air are confused"] == pytest.approx(400)
    assert row["sd elsewhere"] == pytest.approx(10)


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (9.0, -6.0, 4.0)])
def test_a_shells_thickness_is_along_its_normals(centre):
    # From a point off the middle rays are oblique: the way through the wall is longer than it.
    found = vault(shell(world_grid()), np.array(centre), directions())
    assert found.closed == 1
    # 250 HU is half of the bone's: where the surfaces are.
    assert np.nanmedian(found.thickness) == pytest.approx(OUTER - INNER, abs=0.2)
    assert np.nanpercentile(found.thickness, 95) - np.nanpercentile(found.thickness, 5) < 0.8


def test_a_hole_leaves_its_share_of_rays_open():
    found = vault(shell(world_grid(), hole_degrees=30), np.zeros(3), directions())
    # Rays fill the cap above 20 degrees evenly: areas of caps are as 1 - cosine.
    share = (1 - np.cos(np.deg2rad(30))) / (1 - np.sin(np.deg2rad(20)))
    assert found.closed == pytest.approx(1 - share, abs=0.005)


def test_what_the_scan_cuts_off_is_not_known():
    low = shell(Grid.from_box([-75, -75, -75], [75, 75, 40], [1.0] * 3))
    found = vault(low, np.zeros(3), directions())
    # The outer surface leaves the scan where it is higher than its end less 2 mm.
    limit = (40 - 0.5) / (OUTER + 2)
    share = (limit - np.sin(np.deg2rad(20))) / (1 - np.sin(np.deg2rad(20)))
    assert found.known.mean() == pytest.approx(share, abs=0.02)
    assert found.closed == 1


def test_the_difference_of_two_vaults():
    grid = oblique_grid((150, 150, 38), (1.0, 1.0, 4.0), (6, -9, 12), origin=(0, 0, 0))
    affine = grid.affine.copy()
    affine[:3, 3] -= grid.center
    grid = Grid(grid.shape, affine)
    row = vault_difference(shell(grid, outer=OUTER + 2), shell(grid))
    assert row["vault, mm"] == pytest.approx(OUTER - INNER, abs=0.5)
    assert row["thickness bias, mm"] == pytest.approx(2, abs=0.2)
    assert row["vault closed, %"] == 100


def test_the_inside_of_a_skull_that_is_open_below():
    ct = shell(world_grid())
    points = ct.grid.to_world(np.moveaxis(np.indices(ct.grid.shape), 0, -1))
    neck = (np.hypot(points[..., 0], points[..., 1]) < 13) & (points[..., 2] < 0)
    ct = ct.with_voxels(np.where(neck & (ct.voxels > -500), 0, ct.voxels))
    inside = intracranial(ct)
    assert inside.sum() == pytest.approx(4 / 3 * np.pi * INNER**3, rel=0.04)
    # Nothing of the neck, below the opening.
    assert points[inside][:, 2].min() > -OUTER


def test_directions_in_which_a_plate_lies():
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[:, :, 6] = True
    blocked = directions_blocked(mask)
    # Of nine ways up, those that leave the box before they reach the plate do not count.
    assert blocked[4, 4, 3] == 9
    assert blocked[0, 4, 3] == 6
    assert blocked[4, 4, 8] == 9


def test_air_that_is_open_to_one_side_is_inside():
    head = np.zeros((40, 40, 40), dtype=bool)
    head[5:35, 5:35, 5:35] = True
    head[15:25, 15:40, 15:25] = False  # a nose: open forward
    filled = with_open_air(head)
    assert filled[16:24, 16:34, 16:24].all()
    assert not filled[:, 35:, :].any()
    assert not filled[:5].any()


def test_distance_between_two_balls():
    points = np.moveaxis(np.indices((61, 61, 61)), 0, -1) - 30
    radius = np.linalg.norm(points, axis=-1)
    row = bone_scores(radius < 20, radius < 23, np.ones(radius.shape, dtype=bool))
    assert row["surface distance, mm"] == pytest.approx(3, abs=0.2)
    assert row["bone Dice"] == pytest.approx(2 * 20**3 / (20**3 + 23**3), abs=0.01)
    assert row["surfaces within 2 mm, %"] < 5
    half = points[..., 0] > 0
    assert bone_scores(radius < 20, radius < 20, half)["surface distance, mm"] == 0


def test_one_head_scanned_twice_agrees_once_it_is_aligned():
    grid, turned = world_grid(), oblique_grid((150, 150, 75), (1, 1, 2), origin=(0, 0, 0))
    pose = np.eye(4)
    pose[:3, 3] = [4, -7, 11]
    affine = turned.affine.copy()
    affine[:3, 3] -= turned.center
    turned = Grid(turned.shape, affine)
    moved = Grid(turned.shape, pose @ turned.affine)
    one, two = shell(grid), Volume(shell(turned).voxels, moved, "HU")
    mrs = [v.with_voxels(np.where(v.voxels > -500, 500.0, 0.0), "a.u.") for v in (one, two)]
    row = agreement((mrs[0], Made(one, None)), (mrs[1], Made(two, None)), pose)
    assert row["median difference"] < 1
    assert row["bone Dice"] > 0.97
    apart = agreement((mrs[0], Made(one, None)), (mrs[1], Made(two, None)), np.eye(4))
    assert apart["mean difference"] > 5 * row["mean difference"]


def test_a_table_in_markdown():
    table = Table("T", "Note.", [{"MR": "T1", "MAE": 123.4, "Dice": 0.853}, {"MR": "T2"}])
    assert markdown(table).splitlines()[4:] == [
        "| MR | MAE | Dice |",
        "| --- | ---: | ---: |",
        "| T1 | 123 | 0.85 |",
        "| T2 |  |  |",
    ]
