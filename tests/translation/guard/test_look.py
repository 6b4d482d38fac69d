"""What is measured of a head, against a head whose every number is known."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.translation.guard.look import DEPTHS_MM, QUANTILES, measure
from mrtoct.volume import Array, Grid, Volume
from volumes import oblique_grid

SPACING = (2.0, 2.0, 2.0)


def ball(grid: Grid, *, scalp: float = 150.0, brain: float = 100.0, drift: float = 0.0) -> Volume:
    """A head of 75 mm radius about 0: 8 mm of scalp, and brain, a share brighter to the right."""
    indices = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    points = grid.to_world(indices)
    radius = np.linalg.norm(points, axis=-1)
    inner = brain * (1 + drift * np.sign(points[..., 0]))
    signal = np.where(radius < 67, inner, np.where(radius < 75, scalp, 0.0))
    return Volume(signal.astype(np.float32), grid, "a.u.")


def around(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
    half = np.array(shape) * spacing / 2
    return Grid.from_box(-half, half, spacing)


WHOLE = around((91, 87, 93), SPACING)


def test_a_ball_is_measured() -> None:
    look = measure(ball(WHOLE), SPACING)
    assert look.numbers["width"] == pytest.approx(150, abs=4)
    assert look.numbers["length"] == pytest.approx(150, abs=4)
    assert look.numbers["reach"] == pytest.approx(150, abs=4)
    assert all(look.numbers[f"cut {side}"] == 0 for side in ("right", "left", "front", "top"))
    assert look.numbers["unevenness"] == 0
    assert look.numbers["background"] < 0.01
    assert look.numbers["noise"] == pytest.approx(0, abs=1e-6)
    assert look.profile.shape == (len(DEPTHS_MM) - 1, len(QUANTILES))
    np.testing.assert_allclose(look.profile[4:], 1.0, atol=1e-5)  # brain from 18 mm on
    assert np.median(look.profile[1]) == pytest.approx(1.5, abs=0.15)  # scalp at 4 to 8 mm


def test_gain_and_an_oblique_stored_grid_change_little() -> None:
    straight = measure(ball(WHOLE), SPACING)
    grid = oblique_grid((120, 61, 110), (1.7, 3.1, 1.9), (12, -7, 25), (1, -1, 1))
    affine = grid.affine.copy()
    affine[:3, 3] -= grid.center
    other = ball(Grid(grid.shape, affine))
    turned = measure(other.with_voxels(other.voxels * 37), SPACING)
    assert np.nanmean(np.abs(turned.profile - straight.profile)) < 0.03
    for name in ("width", "length", "reach"):
        assert turned.numbers[name] == pytest.approx(straight.numbers[name], abs=5)


@pytest.mark.parametrize(
    ("side", "low", "high"),
    [
        ("right", (-93, -87, -93), (45, 87, 93)),
        ("left", (-45, -87, -93), (93, 87, 93)),
        ("front", (-93, -87, -93), (93, 45, 93)),
        ("back", (-93, -45, -93), (93, 87, 93)),
        ("top", (-93, -87, -93), (93, 87, 45)),
    ],
)
def test_a_cut_has_the_area_of_its_section(side: str, low: Array, high: Array) -> None:
    numbers = measure(ball(Grid.from_box(low, high, SPACING)), SPACING).numbers
    section = np.pi * (75**2 - 45**2) / 100
    assert numbers[f"cut {side}"] == pytest.approx(section, rel=0.12)
    others = [s for s in ("right", "left", "front", "back", "top") if s != side]
    assert all(numbers[f"cut {s}"] == 0 for s in others)


def test_the_end_of_an_oblique_stack_is_no_side() -> None:
    """The lower half of a ball is out of view, below a plane that is tilted by 15 degrees."""
    indices = np.stack(np.meshgrid(*map(np.arange, WHOLE.shape), indexing="ij"), axis=-1)
    _, y, z = np.moveaxis(WHOLE.to_world(indices), -1, 0)
    covered = Volume(z > y * np.tan(np.deg2rad(15)), WHOLE, "label")
    numbers = measure(ball(WHOLE), SPACING, covered).numbers
    assert numbers["cut bottom"] == pytest.approx(np.pi * 75**2 / 100, rel=0.1)
    assert all(numbers[f"cut {side}"] < 3 for side in ("right", "left", "front", "back", "top"))


def test_what_was_not_measured_is_a_cut_too() -> None:
    covered = np.ones(WHOLE.shape, dtype=np.bool_)
    covered[:, :20] = False  # up to y = -47
    numbers = measure(ball(WHOLE), SPACING, Volume(covered, WHOLE, "label")).numbers
    assert numbers["cut back"] == pytest.approx(np.pi * (75**2 - 47**2) / 100, rel=0.12)


def test_unevenness_is_the_difference_between_the_brightest_and_the_darkest_part() -> None:
    numbers = measure(ball(WHOLE, drift=0.2), SPACING).numbers
    # 1.2 and 0.8; the median is one of the two, or between them.
    assert 0.4 / 1.2 - 0.02 <= numbers["unevenness"] <= 0.4 / 0.8 + 0.02


def test_a_drift_is_measured_from_end_to_end() -> None:
    still = ball(WHOLE)
    across = WHOLE.to_world([(i, 0, 0) for i in range(WHOLE.shape[0])])[:, 0]
    drift = np.exp(np.log(4.0) * across / 150)  # by a factor of 4 over the 150 mm of the head
    numbers = measure(still.with_voxels(still.voxels * drift[:, None, None]), SPACING).numbers
    assert numbers["ramp"] == pytest.approx(4.0, rel=0.1)
    assert measure(still, SPACING).numbers["ramp"] == pytest.approx(1.0, abs=0.02)


def test_noise_is_found_and_measured() -> None:
    still = ball(WHOLE)
    rng = np.random.default_rng(3)
    sd = 8.0
    noisy = still.with_voxels(still.voxels + rng.normal(0, sd, WHOLE.shape).astype(np.float32))
    numbers = measure(noisy.with_voxels(noisy.voxels.clip(0)), SPACING).numbers
    # A voxel less the mean of six: sd * sqrt(7 / 6); a median of magnitudes is 0.6745 of that.
    expected = 0.6745 * np.sqrt(7 / 6) * sd / 100
    # The upright grid may lie between the voxels: interpolation only lowers it.
    assert 0.3 * expected < numbers["noise"] < 1.05 * expected
    assert numbers["background"] == pytest.approx(sd / np.sqrt(2 * np.pi) / 100, rel=0.15)


def test_nothing_and_a_stick_are_no_head() -> None:
    with pytest.raises(ValueRangeError):
        measure(ball(WHOLE).with_voxels(np.zeros(WHOLE.shape, dtype=np.float32)), SPACING)
    stick = np.zeros(WHOLE.shape, dtype=np.float32)
    stick[40:48, 40:48] = 100
    with pytest.raises(ValueRangeError, match="too thin"):
        measure(Volume(stick, WHOLE, "a.u."), SPACING)
    few = WHOLE.cropped((slice(0, 91), slice(0, 87), slice(44, 52)))
    slices = ball(WHOLE).voxels[:, :, 44:52]
    with pytest.raises(ValueRangeError, match="2 voxels 12 mm deep"):
        measure(Volume(slices, few, "a.u."), SPACING)
