"""The real-heads benchmark's own simulator: equations, slices, and what fills voxels."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.real_heads.anatomy import SOFT_TISSUES, Anatomy, anatomy_of
from benchmarks.real_heads.brain import CSF, GREY, WHITE, draw_brain
from benchmarks.real_heads.heads import CtHead
from benchmarks.real_heads.scanner import BRIGHT, Scan, measure
from benchmarks.real_heads.signals import (
    SEQUENCES,
    TISSUES,
    Relaxation,
    inversion_echo,
    named,
    spin_echo,
)
from benchmarks.real_heads.tilted import read_tilted

from dicom_series import plane_directions, positions, write_series
from mrtoct.volume import Grid, Volume

QUIET = Scan(blur_mm=0.0, noise=0.0, bias=0.0, texture=0.0)


def signals(name: str) -> dict[str, float]:
    return {tissue: named(name).signal(tissue, r) for tissue, r in TISSUES.items()}


def test_a_spin_echo_with_all_the_time_in_the_world_is_density_times_decay():
    water = Relaxation(1000, 100, 50, 0.8)
    assert spin_echo(water, 1e5, 100) == pytest.approx(0.8 * np.exp(-1))
    assert spin_echo(water, 1000, 1e-6) == pytest.approx(0.8 * (1 - np.exp(-1)), abs=1e-6)


def test_an_inversion_is_null_at_ln_2_of_t1():
    water = Relaxation(1000, 100, 50, 1.0)
    assert inversion_echo(water, 1e5, 1000 * np.log(2), 10) == pytest.approx(0, abs=1e-9)
    assert inversion_echo(water, 1e5, 1e5, 100) == pytest.approx(np.exp(-1), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("T1", ["fat", "white", "grey", "csf"]),
        ("MP-RAGE", ["fat", "white", "grey", "csf"]),
        ("T2", ["csf", "grey", "white", "muscle"]),
        ("PD", ["grey", "csf", "white"]),
        ("FLAIR", ["grey", "white", "muscle", "csf"]),
        ("T1 with agent", ["mucosa", "white", "grey", "csf"]),
    ],
)
def test_tissues_shine_in_the_order_that_radiologists_know(name, order):
    shown = signals(name)
    values = [shown[tissue] for tissue in order]
    assert values == sorted(values, reverse=True)


def test_fluid_is_all_but_gone_in_flair_and_brightest_in_t2():
    assert signals("FLAIR")["csf"] < 0.02 * signals("FLAIR")["grey"]
    assert signals("T2")["eye"] > 2 * signals("T2")["white"]
    assert signals("T1")["blood"] < 0.2 * signals("T1 with agent")["blood"]


def columns(values: list[str], shape=(4, 4, 12)) -> Anatomy:
    """Planes along I of one tissue each."""
    full = (len(values), *shape[1:])
    tissue = np.zeros(full, dtype=np.uint8)
    soft, fat = np.zeros((2, *full), dtype=np.float32)
    for i, value in enumerate(values):
        if value in SOFT_TISSUES:
            soft[i], tissue[i] = 1, SOFT_TISSUES.index(value)
        elif value == "fat":
            fat[i] = 1
    return Anatomy(soft, fat, np.zeros(full, dtype=np.float32), tissue)


def test_pure_voxels_have_their_tissues_signals_and_bone_and_air_none():
    made = measure(
        columns(["fat", "white", "csf", "air"]),
        Grid((4, 4, 12), np.eye(4)),
        named("T1"),
        QUIET,
        np.random.default_rng(1),
    )
    shown = signals("T1")
    wanted = [round(BRIGHT * shown[t] / shown["fat"]) for t in ("fat", "white", "csf")]
    assert made.voxels[:, 1, 1].tolist() == [*wanted, 0]


def test_thick_slices_are_means_and_lie_in_the_middle_of_theirs():
    anatomy = columns(["fat", "fat"])
    anatomy.fat[:, :, 5] = 0
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [5, 6, 7]
    scan = Scan(slices_mm=4, blur_mm=0.0, noise=0.0, bias=0.0, texture=0.0)
    made = measure(anatomy, Grid((2, 4, 12), affine), named("T1"), scan, np.random.default_rng(1))
    assert made.voxels[0, 0].tolist() == [1000, 750, 1000]
    assert made.spacing == (1, 1, 4)
    assert made.grid.to_world([0, 0, 0]).tolist() == [5, 6, 8.5]


def test_noise_in_air_is_rayleighs():
    scan = Scan(noise=0.05, blur_mm=0.0, bias=0.0, texture=0.0)
    made = measure(
        columns(["air"] * 40, (40, 40, 40)),
        Grid((40, 40, 40), np.eye(4)),
        named("T2"),
        scan,
        np.random.default_rng(2),
    )
    assert made.voxels.mean() == pytest.approx(50 * np.sqrt(np.pi / 2), rel=0.01)


def test_a_simulation_repeats_itself():
    grid = Grid((4, 4, 12), np.eye(4))
    one, two = (
        measure(
            columns(["fat", "white", "csf", "air"]),
            grid,
            SEQUENCES[0],
            Scan(),
            np.random.default_rng(3),
        )
        for _ in range(2)
    )
    assert np.array_equal(one.voxels, two.voxels)


@pytest.fixture(scope="module")
def ball() -> CtHead:
    """A head of spheres: brain, skull of cortex, marrow and cortex, fat, skin; a sinus of air."""
    grid = Grid.from_box([-80] * 3, [80] * 3, [1.0] * 3)
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    radius = np.linalg.norm(points, axis=-1)
    edges, values = [56, 59, 65, 68, 74, 76], [40.0, 1500.0, 300.0, 1500.0, -90.0, 40.0, -1000.0]
    hu = np.asarray(values)[np.searchsorted(edges, radius)]
    sinus = np.linalg.norm(points - [0, 20, -10], axis=-1)
    hu[sinus < 11], hu[(sinus >= 11) & (sinus < 15)] = -1000, 40
    inside = radius < 76
    return CtHead(
        "ball", Volume(hu, grid, "HU"), inside, inside, np.zeros(grid.shape[2], dtype=bool)
    )


def test_ct_numbers_become_what_fills_the_voxels(ball):
    made = anatomy_of(ball, np.random.default_rng(4))
    radius = np.linalg.norm(
        ball.ct.grid.to_world(np.moveaxis(np.indices(ball.ct.grid.shape), 0, -1)), axis=-1
    )
    whole = made.soft + made.fat + made.marrow
    cortex = ((radius > 57.5) & (radius < 58.5)) | ((radius > 66) & (radius < 67))
    assert whole[cortex].max() < 0.02  # no signal
    marrow = (radius > 61) & (radius < 63)
    # 300 HU is 21 % of the way from soft tissue to mineral.
    assert made.marrow[marrow].mean() == pytest.approx(1 - 255 / 1205, abs=0.01)
    assert made.fat[(radius > 69.5) & (radius < 73)].min() > 0.99
    assert whole[radius > 77].max() == 0
    skin = (radius > 74.8) & (radius < 75.5)
    assert (made.tissue[skin] == SOFT_TISSUES.index("skin")).mean() > 0.95
    assert made.fat[skin].max() < 0.05
    sinus = np.linalg.norm(
        ball.ct.grid.to_world(np.moveaxis(np.indices(ball.ct.grid.shape), 0, -1)) - [0, 20, -10],
        axis=-1,
    )
    assert whole[sinus < 10].max() == 0


def test_a_brain_has_about_the_shares_of_a_brain():
    points = np.moveaxis(np.indices((150, 180, 150)), 0, -1) - [75, 90, 75]
    inside = np.linalg.norm(points / [66, 82, 64], axis=-1) < 1
    brain = draw_brain(inside, np.random.default_rng(5))[inside]
    shares = [float((brain == tissue).mean()) for tissue in (CSF, GREY, WHITE)]
    assert shares[0] == pytest.approx(0.2, abs=0.1)
    assert shares[1] == pytest.approx(0.33, abs=0.13)
    assert shares[2] == pytest.approx(0.45, abs=0.15)


def test_a_tilted_uneven_series_keeps_every_point_in_its_place(tmp_path):
    # HU that rises evenly through the world: any linear interpolation must find it again.
    tilt = 17.0
    directions = plane_directions((tilt, 0, 0))
    distances = np.array([0.0, 4.0, 8.0, 9.5, 16.5, 23.5])
    # A gantry's slices step along the table, not along their normal.
    firsts = positions(directions, distances, shear=(0.0, np.tan(np.deg2rad(tilt))))
    spacing = (0.5, 0.5)
    rows, columns_ = 80, 70
    row, column = np.array(directions, float).reshape(2, 3)
    slope = np.array([3.0, -2.0, 4.0])  # HU per mm, LPS
    i, j = np.arange(columns_)[None, :, None], np.arange(rows)[:, None, None]
    planes = [(first + 0.5 * i * row + 0.5 * j * column) @ slope for first in firsts]
    stored = np.rint(planes).astype(np.int16) + 1024  # the series' own intercept
    write_series(tmp_path / "ct", stored, directions, firsts, spacing=spacing, modality="CT")
    made = read_tilted(tmp_path / "ct")
    assert made.spacing == pytest.approx((1, 1, 1))
    assert (np.diag(made.affine)[:3] > 0.9).all()
    world = made.grid.to_world(np.moveaxis(np.indices(made.grid.shape), 0, -1))
    wanted = (world * (-1, -1, 1)) @ slope
    # Where slices lie all around: away from the ends of the planes.
    known = made.voxels > -1000
    core = known & np.roll(known, 3, 1) & np.roll(known, -3, 1)
    core[:3] = core[-3:] = False
    core[:, :3] = core[:, -3:] = False
    assert core.sum() > 5000
    assert np.abs(made.voxels - wanted)[core].max() < 2
