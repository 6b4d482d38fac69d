"""Doses from a pretended engine, whose figures are known, and from engines that fail."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from fake_engine import pretend
from mrtoct.errors import FileError, MrtoctError, ValueRangeError
from mrtoct.properties.curves.find import CURVES
from mrtoct.properties.dose.compare import (
    BONELESS,
    REAL,
    SYNTHETIC,
    compare_doses,
    planned_head,
)
from mrtoct.properties.dose.engine import Plan, calculate, require_engine
from mrtoct.properties.wepl import sphere

PYTHON = Path(sys.executable)
PLAN = Plan("protons", (90.0, 210.0))
SPR = CURVES["spr"]["schneider-2000"]


@pytest.fixture(scope="module")
def planned(shells):
    ct = shells.ct()
    soft = ct.with_voxels(np.where(ct.voxels > 300, 700, ct.voxels).astype(np.int16))
    return planned_head(soft, ct, sphere(ct, shells.middle, 16.0), grid_mm=4.0)


def test_a_head_is_prepared_for_a_plan(shells, planned):
    grid = planned.body.grid
    assert grid.spacing == (4.0, 4.0, 4.0)
    assert np.allclose(grid.affine[:3, :3], 4 * np.eye(3))
    radius = np.linalg.norm(
        grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) - shells.middle, axis=-1
    )
    skull = (radius > 63) & (radius < 65)  # in the middle of its 8 mm
    brain = radius < 50
    for name, bone in ((REAL, 1000), (SYNTHETIC, 700), (BONELESS, 40)):
        hu = planned.cts[name].voxels
        assert hu[skull].mean() == pytest.approx(bone, abs=60)
        assert hu[brain].mean() == pytest.approx(40, abs=0.5)
    off_rim = np.abs(radius - 16) > 1
    np.testing.assert_array_equal(planned.target.voxels[off_rim], (radius <= 16)[off_rim])
    assert planned.body.voxels[radius < 70].all()
    assert not planned.body.voxels[radius > 80].any()
    ct = shells.ct()
    with pytest.raises(ValueRangeError, match="inside both the target and the body"):
        corner = sphere(ct, ct.grid.to_world((2, 2, 2)), 4.0)
        planned_head(ct, ct, corner)


def test_figures_of_doses_that_are_known(planned, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path)
    heard = []
    found = compare_doses(planned, PLAN, SPR, PYTHON, watcher=heard.append)
    assert [str(update) for update in heard] == ["protons, 1 of 2, dose"]
    assert list(found.doses) == [REAL, SYNTHETIC, BONELESS]
    means = [figures.target.mean_gy for figures in found.figures.values()]
    assert means == pytest.approx([2.0, 1.94, 1.88], abs=1e-4)
    inside = planned.target.voxels.sum() / planned.body.voxels.sum()
    wrong = [found.figures[name].mean_difference_percent for name in (SYNTHETIC, BONELESS)]
    assert wrong == pytest.approx([3 * inside, 6 * inside], abs=1e-3)
    core = found.gamma[SYNTHETIC][tuple(n // 2 for n in planned.body.grid.shape)]
    assert core == pytest.approx(1.5, abs=1e-3)  # 3 % of 2 Gy, of 2 %; no other dose is near
    assert found.gamma[BONELESS][planned.target.voxels].max() == 2
    assert 0 < 100 - found.figures[SYNTHETIC].gamma["2 %/2 mm"] <= 100 * inside + 0.01
    told = found.facts()
    assert told["engine"] == "pretended"
    assert told["on"][SYNTHETIC]["target"]["v95_percent"] == 100
    assert told["on"][BONELESS]["target"]["v95_percent"] == 0


FAILURES = {
    "raise RuntimeError('no such machine')": r"failed \(RuntimeError: no such machine\).*no-deps",
    "sys.exit(3)": r"failed \(status 3\)",
    "time.sleep(60)": "was stopped after 2 s",
    "(folder / 'answer.json').write_text('{\"spots\": 1')": "no usable answer",
    "(folder / 'answer.json').unlink()": "no usable answer",
    "(folder / '1.dose.nii').unlink()": "no usable answer",
    "(folder / '1.dose.nii').write_bytes(b'garbage')": "no usable answer",
    "sitk.WriteImage(dose[1:, :, :], str(folder / '1.dose.nii'))": "different grids",
    "sitk.WriteImage(dose * float('nan'), str(folder / '1.dose.nii'))": "every voxel is NaN",
    "sitk.WriteImage(dose - 1.5, str(folder / '1.dose.nii'))": "is no dose",
}


@pytest.mark.parametrize("then", FAILURES)
def test_an_engine_that_fails_is_told_in_a_sentence(planned, monkeypatch, tmp_path, then):
    pretend(monkeypatch, tmp_path, then)
    masks = planned.body, planned.target
    with pytest.raises(MrtoctError, match=FAILURES[then]) as caught:
        calculate(PLAN, planned.cts, *masks, SPR, PYTHON, patience_s=2 if "sleep" in then else 60)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_an_engine_that_is_killed(planned, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path, "os.kill(os.getpid(), 9)")
    with pytest.raises(MrtoctError, match=r"killed \(signal 9\), often because memory ran out"):
        compare_doses(planned, PLAN, SPR, PYTHON)


def test_a_plan_that_misses_its_target(planned, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path, "sitk.WriteImage(body, str(folder / '0.dose.nii'))")
    with pytest.raises(MrtoctError, match=r"gives the target 1\.00 Gy on average, not 2 Gy"):
        compare_doses(planned, PLAN, SPR, PYTHON)


def test_a_watcher_that_raises_ends_the_engine(planned, monkeypatch, tmp_path):
    pretend(monkeypatch, tmp_path, "time.sleep(60); Path('late').touch()")

    def stop(update):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_doses(planned, PLAN, SPR, PYTHON, watcher=stop)


def test_an_engine_that_is_not_there(tmp_path):
    with pytest.raises(MrtoctError, match=r"no-deps -r .*requirements\.txt.*engine=True"):
        require_engine(None)
    with pytest.raises(FileError, match="not a usable Python"):
        require_engine(tmp_path / "python")
    assert require_engine(PYTHON) == PYTHON


@pytest.mark.slow
def test_pyradplan_stops_protons_where_the_water_equivalent_path_says(shells, tmp_path):
    """The far edge of a proton dose moves by the change of the water-equivalent path length."""
    named = os.environ.get("MRTOCT_DOSE_ENGINE")
    if not named:
        pytest.skip("MRTOCT_DOSE_ENGINE names no Python with pyRadPlan")
    ct = shells.ct()
    head = planned_head(ct, ct, sphere(ct, shells.middle, 14.0), grid_mm=4.0)
    found = compare_doses(head, Plan("protons", (90.0,)), SPR, Path(named))
    assert found.figures[SYNTHETIC].gamma["1 %/1 mm"] == 100.0  # the same CT
    assert found.figures[SYNTHETIC].mean_difference_percent < 0.01
    assert found.figures[REAL].target.d95_gy > 1.7
    grid = head.body.grid
    _, j, k = np.rint(grid.to_index(shells.middle)).astype(int)
    edges = []
    for name in (REAL, BONELESS):
        # From the left to the right: the last place of 80 % of the dose.
        line = found.doses[name].voxels[:, j, k]
        last = int(np.flatnonzero(line >= 1.6)[-1])
        edges.append(4.0 * (last + (line[last] - 1.6) / (line[last] - line[last + 1])))
    bone, brain = SPR(np.array([1000.0, 40.0]))
    assert edges[1] - edges[0] == pytest.approx(8.0 * (bone - brain) / brain, abs=0.6)
