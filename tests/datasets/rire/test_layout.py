"""RIRE's folders, as the archives unpack them."""

from __future__ import annotations

import pytest

from mrtoct.datasets.listing import list_subjects
from mrtoct.errors import CohortError
from mrtoct.io.scan import Scan


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_headers_of_both_kinds_and_all_channels_in_order(tmp_path):
    one, two = "patient_001", "training_001"
    for modality in ("ct", "mr_T2", "mr_T1", "mr_T1_rectified", "mr_PD", "mr_MP-RAGE", "pet"):
        touch(tmp_path, f"{one}/{modality}/header.ascii", f"{one}/{modality}/image.bin.Z")
    for modality in ("ct", "mr_T1"):
        touch(tmp_path, f"{two}/{modality}/{two}_{modality}.mhd", f"{two}/{modality}/image.bin")
    touch(tmp_path, "transformations/ct_T1.standard", "fetched.json")
    listing = list_subjects(tmp_path)
    assert listing.layout == "rire"
    first, second = listing.subjects
    assert (first.name, second.name) == (one, two)
    assert list(first.mr) == ["T1", "T2", "PD", "MP-RAGE", "T1_rectified"]
    assert first.ct == Scan(tmp_path / one / "ct" / "header.ascii")
    assert second.mr == {"T1": Scan(tmp_path / two / "mr_T1" / f"{two}_mr_T1.mhd")}
    assert (first.aligned, first.ct_to_mr) == (False, None)
    assert listing.channels == ["T1"]


def test_subjects_without_a_ct_are_rejected(tmp_path):
    touch(tmp_path, "patient_008/mr_T1/header.ascii", "patient_008/pet/header.ascii")
    touch(tmp_path, "patient_001/mr_T1/header.ascii", "patient_001/ct/header.ascii")
    touch(tmp_path, "patient_002/mr_T1/a.mhd", "patient_002/mr_T1/b.mhd", "patient_002/ct/c.mhd")
    listing = list_subjects(tmp_path)
    assert [s.name for s in listing.subjects] == ["patient_001"]
    assert "no ct with header.ascii or a .mhd; it has mr_T1" in listing.rejected["patient_008"]
    assert "a.mhd and b.mhd; keep one" in listing.rejected["patient_002"]


def test_converted_files_under_rires_names_are_plain(tmp_path):
    touch(tmp_path, "patient_001/ct.nii.gz", "patient_001/mr_T1.nii.gz")
    assert list_subjects(tmp_path).layout == "plain"
    with pytest.raises(CohortError, match="patient_001 has no ct with"):
        list_subjects(tmp_path, "rire")
