"""Phantoms on disk: the layout of real cohorts, and the same heads for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrtoct.datasets.listing import list_subjects
from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.io.transforms import read_transform
from mrtoct.phantom import TINY, make_subject
from mrtoct.phantom.cohort import write_cohort

COARSE = replace(TINY, anatomy_spacing=5.0, contrasts=("T1", "T2"))


def test_the_files_hold_the_subjects_of_the_seed(tmp_path):
    told = []
    names = write_cohort(tmp_path / "c", 2, seed=7, settings=COARSE, watcher=told.append)
    assert names == [update.note for update in told] == ["phantom-001", "phantom-002"]
    assert [(update.done, update.total) for update in told] == [(1, 2), (2, 2)]
    second = make_subject([7, 1], COARSE)
    folder = tmp_path / "c" / "phantom-002"
    for name, unit, expected in (
        ("ct.nii.gz", "HU", second.ct),
        ("mr_T1.nii.gz", "a.u.", second.mr["T1"]),
        ("mr_T2.nii.gz", "a.u.", second.mr["T2"]),
        ("truth/labels.nii.gz", "label", second.labels),
    ):
        volume = read_volume(folder / name, unit)
        np.testing.assert_array_equal(volume.voxels, expected.voxels)
        assert volume.grid.matches(expected.grid)
    transform = read_transform(folder / "truth" / "ct_to_mr.tfm", rigid=True)
    np.testing.assert_allclose(transform, second.ct_to_mr, atol=1e-9)
    # What no real scan comes with is out of preparation's way.
    listing = list_subjects(tmp_path / "c")
    assert [(s.ct_to_mr, list(s.mr)) for s in listing.subjects] == [(None, ["T1", "T2"])] * 2


def test_existing_folders_are_kept_unless_told_otherwise(tmp_path):
    write_cohort(tmp_path, 2, settings=COARSE)
    (tmp_path / "notes.txt").write_text("mine")
    before = (tmp_path / "phantom-001" / "ct.nii.gz").read_bytes()
    with pytest.raises(FileError, match="exists already; name a new folder; pass overwrite=True"):
        write_cohort(tmp_path, 1, seed=2, settings=COARSE)
    assert (tmp_path / "phantom-001" / "ct.nii.gz").read_bytes() == before
    write_cohort(tmp_path, 1, seed=2, settings=COARSE, overwrite=True)
    assert (tmp_path / "phantom-001" / "ct.nii.gz").read_bytes() != before
    # A head of the former, larger cohort would be taken for one of this.
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", "phantom-001"]


def test_impossible_requests_are_refused(tmp_path):
    for count in (0, 1000):
        with pytest.raises(ValueRangeError, match=f"1 to 999 subjects, got {count}"):
            write_cohort(tmp_path / "new", count, settings=COARSE)
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="file is a file; name a folder"):
        write_cohort(tmp_path / "file", 1, settings=COARSE, overwrite=True)
    assert not (tmp_path / "new").exists()
