import json
import math
from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.judging.metrics.evaluation import Evaluation, evaluation_of
from mrtoct.judging.metrics.paper import paper_metrics
from mrtoct.judging.metrics.seams import TileGrid
from mrtoct.volume import Grid, Volume

OBLIQUE = np.array(
    [[1.8, 0.3, 0, -20], [-0.3, 1.8, 0.2, 11], [0, -0.2, 2.4, 5], [0, 0, 0, 1]], dtype=float
)


@pytest.fixture
def volumes():
    generator = np.random.default_rng(5)
    shape = (19, 23, 13)
    grid = Grid(shape, OBLIQUE)
    mask = np.zeros(shape, dtype=np.uint8)
    mask[3:16, 4:20, 2:12] = 1
    ct = np.where(mask, generator.normal(40, 400, shape), -1000).astype(np.float32)
    sct = ct + generator.normal(0, 50, shape).astype(np.float32)
    return Volume(sct, grid, "HU"), Volume(ct, grid, "HU"), Volume(mask, grid, "label")


def test_numbers_are_those_of_the_parts(volumes):
    sct, ct, mask = volumes
    result = evaluation_of(sct, ct, mask, "test box")
    inside = mask.voxels > 0
    error = sct.voxels.astype(float) - ct.voxels
    assert result.mask.source == "test box"
    assert result.mask.voxels == 13 * 16 * 10
    assert result.mask.milliliters == pytest.approx(2080 * abs(np.linalg.det(OBLIQUE)) / 1000)
    assert result.body.mae == pytest.approx(np.abs(error[inside]).mean(), rel=1e-6)
    assert result.synthrad_2023.mae == pytest.approx(result.body.mae)
    assert result.soft_tissue.voxels + result.bone.voxels + result.air.voxels == 2080
    weighted = sum(c.mae * c.voxels for c in (result.soft_tissue, result.bone, result.air))
    assert weighted / 2080 == pytest.approx(result.body.mae)
    box = (slice(3, 16), slice(4, 20), slice(2, 12))
    assert result.paper == paper_metrics(sct.voxels[box], ct.voxels[box])


def test_mask_of_any_positive_label_counts(volumes):
    sct, ct, mask = volumes
    labels = mask.with_voxels(mask.voxels * 7)
    boolean = mask.with_voxels(mask.voxels > 0)
    assert evaluation_of(sct, ct, labels, "m") == evaluation_of(sct, ct, boolean, "m")


def test_json_round_trip_has_no_nan(volumes):
    sct, ct, mask = volumes
    perfect = evaluation_of(ct, ct, mask, "m")
    flat = evaluation_of(
        mask.with_voxels(np.zeros(ct.grid.shape), "HU"),
        ct.with_voxels(np.zeros(ct.grid.shape)),
        mask,
        "m",
    )
    tiled = evaluation_of(sct, ct, mask, "m", tiles=TileGrid((5, 4, 3), (1, 0, 2)))
    for result in (evaluation_of(sct, ct, mask, "m"), perfect, flat, tiled):
        text = json.dumps(result.to_json(), allow_nan=False)
        again = Evaluation.from_json(json.loads(text))
        assert json.dumps(again.to_json(), allow_nan=False) == text
    plain = flat.to_json()
    nothing = {"voxels": 0, "mae": None, "me": None, "dice": None, "hd95_mm": None}
    assert plain["bone"] == nothing
    assert plain["measured"] == {"slice_discontinuity": None}
    assert perfect.to_json()["paper"]["psnr"] is None
    assert plain["definitions"] == "1"


def test_an_older_evaluation_is_read_without_what_came_later(volumes):
    result = evaluation_of(*volumes, "m")
    plain = result.to_json()
    for structure in ("soft_tissue", "air"):
        del plain[structure]["dice"]
    for structure in ("soft_tissue", "bone", "air"):
        del plain[structure]["hd95_mm"]
    del plain["levels"], plain["seam"], plain["left_out"]
    old = Evaluation.from_json(plain)
    assert old.left_out is None
    assert math.isnan(old.bone.hd95_mm)
    assert math.isnan(old.air.dice)
    assert (old.levels, old.seam) == ((), None)
    assert (old.bone.dice, old.synthrad_2025) == (result.bone.dice, result.synthrad_2025)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 2, 0), (0, 2, 1)])
def test_slices_are_transverse_however_the_array_is_stored(order):
    """A sagittal or coronal array has the numbers of the same volume in the usual order."""
    generator = np.random.default_rng(8)
    shape = (9, 8, 11)
    grid = Grid(shape, np.diag([1.0, 1.5, 2.5, 1]))
    ct = Volume(generator.normal(0, 400, shape), grid, "HU")
    sct = ct.with_voxels(ct.voxels + generator.normal(0, 90, 11))  # offsets by slice
    mask = ct.with_voxels(generator.random(shape) < 0.8, "label")
    affine = grid.affine[:, [*order, 3]]
    stored = [
        Volume(v.voxels.transpose(order), Grid(tuple(shape[a] for a in order), affine), v.unit)
        for v in (sct, ct, mask)
    ]
    usual, other = evaluation_of(sct, ct, mask, "m"), evaluation_of(*stored, "m")
    assert usual.measured["slice_discontinuity"] > 1.01
    assert other.measured == pytest.approx(usual.measured)
    assert [s.index for s in other.slice_profile] == list(range(11))
    assert [s.mae for s in other.slice_profile] == pytest.approx(
        [s.mae for s in usual.slice_profile]
    )
    assert [level.mae for level in other.levels] == pytest.approx(
        [level.mae for level in usual.levels]
    )
    assert other.bone.hd95_mm == pytest.approx(usual.bone.hd95_mm)


def test_results_of_other_definitions_are_refused(volumes):
    sct, ct, mask = volumes
    plain = evaluation_of(sct, ct, mask, "m").to_json() | {"definitions": "0"}
    with pytest.raises(ValueRangeError, match="definitions '0'"):
        Evaluation.from_json(plain)


def test_other_grids_are_an_error_not_a_resampling(volumes):
    sct, ct, mask = volumes
    shifted = OBLIQUE.copy()
    shifted[0, 3] += 0.5
    with pytest.raises(GeometryError, match=r"synthetic CT .* different grids.*0\.5 mm"):
        evaluation_of(Volume(sct.voxels, Grid(sct.grid.shape, shifted), "HU"), ct, mask, "m")
    with pytest.raises(GeometryError, match="mask"):
        evaluation_of(sct, ct, Volume(mask.voxels, Grid(mask.grid.shape, shifted), "label"), "m")


def test_wrong_units_values_and_masks_are_refused(volumes):
    sct, ct, mask = volumes
    with pytest.raises(ValueRangeError, match=r"synthetic CT is in a\.u\., metrics need HU"):
        evaluation_of(sct.with_voxels(sct.voxels, "a.u."), ct, mask, "m")
    broken = ct.voxels.copy()
    broken[0, 0, 0] = np.nan
    broken[1, 0, 0] = np.inf
    with pytest.raises(ValueRangeError, match="CT holds 2 voxels that are NaN or infinite"):
        evaluation_of(sct, ct.with_voxels(broken), mask, "m")
    with pytest.raises(ValueRangeError, match="mask is empty"):
        evaluation_of(sct, ct, mask.with_voxels(np.zeros_like(mask.voxels)), "m")


@pytest.mark.parametrize("missing", ["sct", "ct", "both"])
def test_what_was_not_measured_is_as_if_the_mask_did_not_hold_it(volumes, missing):
    """Except that both figures are told."""
    sct, ct, mask = volumes
    first, second = (np.ones(ct.grid.shape, bool) for _ in range(2))
    if missing != "ct":
        first[:, :, 9:] = False  # 3 of the mask's 10 slices, and what is beyond
    if missing != "sct":
        second[:6] = False  # 3 of its 13 planes
    measured = first & second
    holed = sct.with_voxels(np.where(first, sct.voxels, -1024)).measured_where(first)
    real = ct.with_voxels(np.where(second, ct.voxels, -1024)).measured_where(second)
    found = evaluation_of(holed, real, mask, "m")
    smaller = mask.with_voxels(np.uint8((mask.voxels > 0) & measured))
    wanted = evaluation_of(holed.with_voxels(holed.voxels, "HU"), real, smaller, "m")
    inside = mask.voxels > 0
    error = np.abs(holed.voxels.astype(float) - real.voxels)
    part = {"sct": 0.3, "ct": 3 / 13, "both": 1 - 0.7 * 10 / 13}[missing]
    assert found.left_out.part == pytest.approx(part)
    assert found.left_out.mae == pytest.approx(error[inside].mean())
    assert found.left_out.mae > 2 * found.body.mae
    assert found.body.mae == pytest.approx(error[inside & measured].mean())
    assert wanted.left_out is None
    assert replace(found, left_out=None) == wanted
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.left_out == found.left_out


def test_a_mask_of_which_nothing_was_measured_is_refused(volumes):
    sct, ct, mask = volumes
    nowhere = sct.measured_where(mask.voxels == 0)
    with pytest.raises(ValueRangeError, match="no voxel of the mask was measured"):
        evaluation_of(nowhere, ct, mask, "m")
