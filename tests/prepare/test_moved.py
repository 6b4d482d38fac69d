"""Jaw and neck that moved: left out, carried, or kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bent_head import bent_head, regions_of
from mrtoct.errors import CohortError
from mrtoct.prepare.store import PreparedSubject, read_subject, write_subject
from mrtoct.prepare.subject import Moved, PrepareSettings, RawSubject, prepare_subject
from mrtoct.registration.register import LEVELS, RegistrationSettings
from mrtoct.registration.starts import StartSettings

QUICK = RegistrationSettings(levels=LEVELS[:2], starts=StartSettings(search="near"))

pytestmark = pytest.mark.slow


def prepared(jaw: float, moved: Moved) -> PreparedSubject:
    head = bent_head(jaw)
    raw = RawSubject("a", {"mr": head.mr["T1"]}, head.ct, ct_to_mr=head.ct_to_mr)
    settings = PrepareSettings(spacing=(3.0, 3.0, 3.0), registration=QUICK, moved=moved)
    return prepare_subject(raw, settings)


@pytest.fixture(scope="module")
def kept() -> PreparedSubject:
    return prepared(10.0, "keep")


@pytest.fixture(scope="module")
def carried() -> PreparedSubject:
    return prepared(10.0, "deform")


def test_a_jaw_that_moved_is_left_out_of_what_is_learnt_and_scored(kept) -> None:
    subject = prepared(10.0, "leave out")
    verdicts = {name: r["verdict"] for name, r in subject.registration["regions"].items()}
    assert verdicts == {"skull": "good", "face and jaw": "moved", "neck": "good"}
    jaw = regions_of().on(subject.ct.grid) == 1
    np.testing.assert_array_equal(subject.covered.voxels, kept.covered.voxels & ~jaw)
    head = (subject.head.voxels | subject.mr_head.voxels) & kept.covered.voxels
    assert subject.left_out == {"moved": round(float((head & jaw).sum() / head.sum()), 4)}
    assert 0.03 < subject.left_out["moved"] < 0.2
    np.testing.assert_array_equal(subject.mr.voxels, kept.mr.voxels)
    assert subject.dropped == kept.dropped
    assert kept.left_out == {} and kept.registration["regions"] == subject.registration["regions"]


def test_nothing_is_left_out_where_nothing_moved() -> None:
    subject = prepared(0.0, "leave out")
    assert subject.left_out == {}
    assert {r["verdict"] for r in subject.registration["regions"].values()} == {"good"}
    assert "deformation" not in subject.registration


def test_a_carried_jaw_looks_like_one_that_never_moved(kept, carried) -> None:
    straight = prepared(0.0, "keep")
    assert carried.left_out == {} and carried.registration["deformation"]["used"]
    regions = regions_of()
    number = regions.on(carried.ct.grid)
    head = carried.head.voxels & carried.covered.voxels & straight.covered.voxels
    before, after = (
        np.abs(s.mr.voxels - straight.mr.voxels)[head & (number == 1)].mean()
        for s in (kept, carried)
    )
    assert after < 0.6 * before
    # What is not below the skull is the same to the last bit.
    skull = number == 0
    np.testing.assert_array_equal(carried.mr.voxels[skull], kept.mr.voxels[skull])
    np.testing.assert_array_equal(carried.covered.voxels[skull], kept.covered.voxels[skull])


def test_the_store_keeps_what_carried_it(carried, tmp_path: Path) -> None:
    write_subject(tmp_path, carried)
    again = read_subject(tmp_path, "a")
    assert again.deformation is not None and carried.deformation is not None
    points = np.random.default_rng(1).uniform((-70, -90, -110), (70, 90, -20), (300, 3))
    expected = carried.deformation.at(points)
    np.testing.assert_array_equal(again.deformation.at(points), expected)
    assert np.abs(expected).max() > 2
    (tmp_path / "a" / "deformation.npy").write_bytes(b"x")
    with pytest.raises(CohortError, match=r"deformation.npy is damaged: .*; prepare"):
        read_subject(tmp_path, "a")
