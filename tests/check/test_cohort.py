"""What only shows between subjects."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mrtoct.check.cohort import check_cohort
from mrtoct.datasets.listing import list_subjects
from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Grid, Volume


@pytest.fixture
def cohort(phantom, tmp_path):
    """Four subjects on disk: one head with other noise, which is quick to make."""
    rng = np.random.default_rng(0)
    for n in range(4):
        folder = tmp_path / "cohort" / f"s{n}"
        for name, scan in (("ct", phantom.ct), ("mr", phantom.mr["T1"])):
            noise = rng.integers(0, 5, scan.grid.shape) * (scan.voxels > scan.voxels.min())
            write_volume(folder / f"{name}.nii", scan.with_voxels(np.int16(scan.voxels + noise)))
    return tmp_path / "cohort"


def only(cohort, *names):
    """A listing of some of the subjects."""
    listing = list_subjects(cohort)
    return replace(listing, subjects=[s for s in listing.subjects if s.name in names])


def mirrored(volume: Volume) -> Volume:
    """The same volume stored from left to right."""
    back = np.diag([-1.0, 1, 1, 1])
    back[0, 3] = volume.grid.shape[0] - 1
    return Volume(volume.voxels[::-1], Grid(volume.grid.shape, volume.affine @ back), volume.unit)


def said(result):
    return {s.name: [(f.kind, f.scan) for f in s.findings] for s in result.subjects}


def test_subjects_are_looked_at_in_parallel(cohort):
    seen = []
    listing = only(cohort, "s1", "s2")
    result = check_cohort(listing, workers=2, watcher=lambda update: seen.append(update.note))
    assert result.usable
    assert sorted(seen) == [s.name for s in result.subjects] == ["s1", "s2"]
    assert [s.verdict for s in result.subjects] == ["ok", "ok"]
    assert result.channels == {"mr": 2}


def test_copies_are_found_however_they_are_stored(cohort):
    ct, mr = (read_volume(cohort / "s0" / f"{n}.nii", "HU") for n in ("ct", "mr"))
    write_volume(cohort / "s1" / "ct.nii", mirrored(ct), overwrite=True)
    write_volume(cohort / "s2" / "mr_T2.nii", mr.with_voxels(np.float32(mr.voxels)))
    write_volume(cohort / "s3" / "mr_T2.nii", read_volume(cohort / "s3" / "mr.nii", "a.u."))
    result = check_cohort(list_subjects(cohort))
    found = {n: [f for f in fs if f[0] in ("copy", "same-scan")] for n, fs in said(result).items()}
    assert found == {
        "s0": [("copy", "CT"), ("copy", "MR")],
        "s1": [("copy", "CT")],
        "s2": [("copy", "MR T2")],
        "s3": [("same-scan", "MR"), ("same-scan", "MR T2")],
    }
    sentences = [str(f) for f in result.subjects[0].findings]
    assert any("CT: has the same voxels as s1 (CT)" in s for s in sentences)
    assert any("MR: has the same voxels as s2 (MR T2)" in s for s in sentences)
    assert all(s.verdict == "doubtful" for s in result.subjects)
    # The copy stored another way round is also the odd one out; the missing channel is a note.
    assert ("handedness", "CT") in said(result)["s1"]
    assert ("missing-channel", "") in said(result)["s0"]


def test_what_is_unusable_in_one_subject_changes_no_other(cohort):
    (cohort / "s0" / "mr.nii").write_bytes((cohort / "s0" / "ct.nii").read_bytes())
    result = check_cohort(only(cohort, "s0", "s1"))
    assert not result.usable
    assert ("same-scan", "CT") in said(result)["s0"]
    assert [s.verdict for s in result.subjects] == ["unusable", "ok"]


def test_rejected_subjects_are_kept_and_make_it_unusable(cohort):
    (cohort / "s2" / "ct.nii").unlink()
    result = check_cohort(only(cohort, "s3"))
    assert result.subjects[0].verdict == "ok"
    assert not result.usable
    assert "has no ct" in result.rejected["s2"]
    record = json.loads(json.dumps(result.to_json()))
    assert record["usable"] is False
    assert [s["name"] for s in record["subjects"]] == ["s3"]
