from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from bent_head import bent_head, region_points, regions_of, true_displacement
from itk_images import itk_image
from mrtoct.registration.deform import DeformSettings, deform
from mrtoct.registration.deformation import (
    FALLOFF_MM,
    Deformation,
    carried_coverage,
    carry,
    held,
    volume_change,
    whole_field,
)
from mrtoct.registration.motion import measure_motion
from mrtoct.registration.spline import basis, bending_energy
from mrtoct.resample import coverage, resample
from mrtoct.volume import Grid


def some_deformation(seed: int = 1, size: float = 5.0) -> Deformation:
    grid = Grid.from_box((-110, -140, -150), (110, 110, -10), (25, 25, 25))
    rng = np.random.default_rng(seed)
    control = rng.normal(0, size, (*grid.shape, 3)).astype(np.float32)
    return Deformation(grid, control, regions_of())


@pytest.mark.parametrize(("jaw", "neck"), [(5.0, 0.0), (10.0, 0.0), (0.0, -10.0), (7.0, 7.0)])
def test_jaw_and_neck_come_within_a_millimetre_and_a_half(jaw: float, neck: float) -> None:
    head = bent_head(jaw, neck)
    mr = head.mr["T1"]
    motion = measure_motion(head.ct, mr, head.ct_to_mr)
    found = deform(head.ct, mr, head.ct_to_mr, motion)
    assert found.deformation is not None, found.reason
    assert found.gain > 0.05
    assert {m.verdict for m in found.motions.values()} == {"good"}
    for number in (1, 2):
        index, points = region_points(number)
        left = np.linalg.norm(found.deformation.at(points) - true_displacement(head, index), axis=1)
        assert left.mean() < 1.5
    # The skull stays to the last bit, and nothing folds.
    _, skull = region_points(0)
    assert not found.deformation.at(skull).any()
    on = found.deformation.on(head.ct.grid)
    assert not on[regions_of().on(head.ct.grid) == 0].any()
    change = volume_change(on, head.ct.spacing)
    assert change[head.labels.voxels > 0].min() > 0.2
    assert found.volumes[0] <= change.min() + 0.1 and found.volumes[0] >= 0.2


def test_what_is_none_the_better_is_refused() -> None:
    head = bent_head()
    mr = head.mr["T1"]
    motion = measure_motion(head.ct, mr, head.ct_to_mr)
    found = deform(head.ct, mr, head.ct_to_mr, motion)
    assert found.deformation is None and found.reason == "no region is known to have moved"
    # Told that the jaw went 6 mm, though it did not: nothing is gained.
    jaw = motion.motions["face and jaw"]
    wrong = replace(jaw, verdict="moved", transform=head.ct_to_mr, mean_mm=6.0)
    told = replace(motion, motions={**motion.motions, "face and jaw": wrong})
    found = deform(head.ct, mr, head.ct_to_mr, told)
    assert found.deformation is None
    assert "of the mutual information, 2% are needed" in found.reason
    skull = replace(motion.motions["skull"], verdict="moved", mean_mm=3.0)
    told = replace(told, motions={**told.motions, "skull": skull})
    off = deform(head.ct, mr, head.ct_to_mr, told)
    assert off.deformation is None and "the skull by itself fits better 3.0 mm away" in off.reason
    bent = bent_head(jaw=10.0)
    motion = measure_motion(bent.ct, bent.mr["T1"], bent.ct_to_mr)
    strict = DeformSettings(least_volume=0.999, attempts=1, iterations=2)
    found = deform(bent.ct, bent.mr["T1"], bent.ct_to_mr, motion, strict)
    assert found.deformation is None and "it folds" in found.reason


def test_the_weights_of_control_points_are_the_splines() -> None:
    deformation = some_deformation()
    points = np.random.default_rng(2).uniform((-90, -100, -130), (90, 90, -20), (500, 3))
    expected = deformation.at(points)  # by scipy
    weights = basis(deformation, points)
    found = weights @ deformation.control.reshape(-1, 3)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert np.abs(expected).max() > 2
    sums = np.asarray(weights.sum(axis=1)).ravel()
    np.testing.assert_allclose(sums, held(regions_of(), points), atol=1e-5)


def test_bending_energy_is_that_of_a_parabola_and_its_slope_is_right() -> None:
    shape = (5, 6, 4, 3)
    i, _, k, _ = np.indices(shape)
    spacing = 25.0
    # Second difference 2 x 3 mm along I, mixed difference of 2 mm along I and K.
    energy, _ = bending_energy((3.0 * i**2 + 2.0 * i * k).ravel(), shape, spacing)
    assert energy == pytest.approx((6**2 + 2 * 2**2) / spacing**2)
    assert bending_energy((4.0 * i - 2 * k + 7).ravel(), shape, spacing)[0] == pytest.approx(0)
    rng = np.random.default_rng(3)
    control, step = rng.normal(0, 5, np.prod(shape)), rng.normal(0, 1, np.prod(shape))
    _, slope = bending_energy(control, shape, spacing)
    near = [bending_energy(control + t * step, shape, spacing)[0] for t in (-0.01, 0.01)]
    assert slope @ step == pytest.approx((near[1] - near[0]) / 0.02, rel=1e-6)


def test_the_weight_grows_from_nothing_to_all() -> None:
    regions = regions_of()
    y = np.full(200, regions.floor[1])
    line = np.stack([0 * y, y, regions.floor[2] - np.linspace(0, 60, 200)], axis=-1)
    depth, weight = regions.depth(line), held(regions, line)
    assert (weight[depth <= 0] == 0).all() and (weight[depth >= FALLOFF_MM] == 1).all()
    assert (np.diff(weight) >= 0).all()
    middle = np.interp(FALLOFF_MM / 2, depth, weight)
    assert middle == pytest.approx(0.5, abs=0.01)


def test_carried_as_itk_carries() -> None:
    head = bent_head()
    mr, to_mr, grid = head.mr["T1"], head.ct_to_mr, head.ct.grid
    deformation = some_deformation(size=3.0)
    carried = carry(mr, grid, to_mr, deformation)
    still = regions_of().depth(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))) <= 0
    assert not deformation.on(grid)[still].any()
    rigid_only = resample(mr, grid, fill=0.0, transform=to_mr)
    np.testing.assert_array_equal(carried.voxels[still], rigid_only.voxels[still])
    field = whole_field(deformation, to_mr, grid) * [-1, -1, 1]
    fixed = itk_image(head.ct)
    vectors = sitk.GetImageFromArray(np.ascontiguousarray(field.transpose(2, 1, 0, 3)), True)
    vectors.CopyInformation(fixed)
    moves = sitk.DisplacementFieldTransform(sitk.Cast(vectors, sitk.sitkVectorFloat64))
    moving = sitk.Cast(itk_image(mr), sitk.sitkFloat32)
    by_itk = sitk.Resample(moving, fixed, moves, sitk.sitkLinear)
    expected = sitk.GetArrayFromImage(by_itk).T
    covered = carried_coverage(mr.grid, grid, to_mr, deformation)
    moved = ~still & covered
    assert moved.sum() > 20000
    assert np.quantile(np.abs(carried.voxels - expected)[moved], 0.995) < 0.1
    assert (carried.voxels[~covered] == 0).all()
    assert (covered != coverage(mr.grid, grid, to_mr)).any()


def test_volume_change_of_a_known_map() -> None:
    z = np.linspace(0, 1, 11)
    displacement = np.zeros((6, 7, 11, 3))
    displacement[..., 2] = 0.25 * z * 20  # stretched by a quarter along z
    np.testing.assert_allclose(volume_change(displacement, (1.0, 3.0, 2.0)), 1.25)
