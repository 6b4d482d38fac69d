from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from analytic_head import rigid
from bent_head import bent_head, region_points, true_displacement
from mrtoct.registration.deformation import held
from mrtoct.registration.motion import Motion, RegionalMotion, judge_motion, measure_motion
from mrtoct.registration.regions import NAMES

BENT = [(5.0, 0.0), (10.0, 0.0), (0.0, 6.0), (0.0, -10.0), (7.0, 7.0)]


def measured(jaw: float = 0.0, neck: float = 0.0) -> RegionalMotion:
    head = bent_head(jaw, neck)
    return measure_motion(head.ct, head.mr["T1"], head.ct_to_mr)


@pytest.mark.parametrize("seed", [3, 4])
def test_nobody_is_alarmed_where_nothing_moved(seed: int) -> None:
    head = bent_head(seed=seed)
    found = measure_motion(head.ct, head.mr["T1"], head.ct_to_mr)
    assert [m.verdict for m in found.motions.values()] == ["good"] * 3
    assert max(m.mean_mm for m in found.motions.values()) < 0.6
    assert found.moved == [] and found.doubt is None


@pytest.mark.parametrize(("jaw", "neck"), BENT)
def test_what_moved_is_found_and_nothing_else(jaw: float, neck: float) -> None:
    found = measured(jaw, neck)
    expected = ["face and jaw"] * bool(jaw) + ["neck"] * bool(neck)
    assert found.moved == expected, found.motions
    assert found.motions["skull"].verdict == "good" and found.motions["skull"].mean_mm < 0.6
    head = bent_head(jaw, neck)
    for name in expected:
        index, points = region_points(NAMES.index(name))
        truth = true_displacement(head, index)
        mean = np.linalg.norm(truth, axis=1).mean()
        motion = found.motions[name]
        assert 0.6 < motion.mean_mm / mean < 1.6
        # Its own map explains more of what happened than the skull's does.
        own = np.linalg.inv(head.ct_to_mr) @ motion.transform
        moved = held(found.regions, points)[:, None] * (
            points @ own[:3, :3].T + own[:3, 3] - points
        )
        assert np.linalg.norm(moved - truth, axis=1).mean() < 0.7 * mean


def test_a_map_that_is_off_is_the_skulls_fault() -> None:
    head = bent_head()
    off = rigid((0, 0, 0), (3.0, 2.0, 0.0)) @ head.ct_to_mr
    found = measure_motion(head.ct, head.mr["T1"], off)
    assert found.motions["skull"].verdict == "moved"
    assert found.motions["skull"].mean_mm == pytest.approx(np.hypot(3, 2), abs=0.5)
    assert found.doubt is not None and "the skull by itself fits better 3." in found.doubt
    assert "skull" not in found.moved


def test_what_cannot_be_seen_is_not_known() -> None:
    head = bent_head()
    mr = head.mr["T1"]
    rng = np.random.default_rng(1)
    index = np.indices(mr.grid.shape)
    noise = mr.with_voxels(rng.normal(400, 30, index.shape[1:]).astype(np.float32))
    found = measure_motion(head.ct, noise, head.ct_to_mr)
    assert {m.verdict for m in found.motions.values()} == {"not known"}
    assert "not enough information" in found.motions["neck"].reason
    short = mr.cropped((slice(0, 76), slice(0, 80), slice(24, 56)))
    found = measure_motion(head.ct, short, head.ct_to_mr)
    assert found.motions["skull"].verdict == "good"
    assert found.motions["neck"].verdict == "not known"
    assert found.motions["neck"].reason == "the MR covers 0% of it"
    high = head.ct.cropped((slice(0, 76), slice(0, 80), slice(30, 72)))
    found = measure_motion(high, mr, head.ct_to_mr)
    assert found.motions["skull"].verdict == "good"
    assert found.motions["face and jaw"].reason == "it is not in the CT"
    ball = head.ct.with_voxels(np.minimum(head.ct.voxels, 60))
    found = measure_motion(ball, mr, head.ct_to_mr)
    assert found.regions is None
    assert "no braincase" in found.motions["skull"].reason


def test_the_record_is_plain_json() -> None:
    unknown = Motion("not known", "x", np.eye(4))
    record = RegionalMotion(None, {"neck": unknown}).record()
    assert json.loads(json.dumps(record))["neck"]["mean_mm"] is None
    known = replace(unknown, mean_mm=1.23456)
    assert RegionalMotion(None, {"neck": known}).record()["neck"]["mean_mm"] == 1.2346


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ((0.5, 0.001, 0.4), "good"),
        ((1.3, 0.05, 0.4), "moved"),
        ((1.3, 0.01, 0.4), "good"),  # as good as where it was
        ((5.0, 0.5, 0.05), "not known"),
        ((30.0, 0.5, 0.4), "not known"),
    ],
)
def test_verdicts(values: tuple[float, float, float], verdict: str) -> None:
    mean, gain, contrast = values
    motion = Motion("not known", "", np.eye(4), mean, mean, gain, contrast)
    assert judge_motion("neck", motion)[0] == verdict
