"""mrtoct inspect, on a phantom's CT as if it were synthetic."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mrtoct.io.files import write_volume
from mrtoct.phantom import TINY, make_subject


@pytest.fixture(scope="module")
def ct():
    return make_subject(3, TINY).ct


def test_what_is_odd_is_said_and_ends_with_1(mrtoct, ct, tmp_path):
    soft = np.where(ct.voxels > 200, 200 + (ct.voxels - 200) * 0.3, ct.voxels)
    write_volume(tmp_path / "sct.nii.gz", ct.with_voxels(np.rint(soft).astype(np.int16)))
    shown = mrtoct("inspect", tmp_path / "sct.nii.gz")
    assert shown.status == 1
    assert "! half of the bone lies below" in shown.out
    told = mrtoct("inspect", tmp_path / "sct.nii.gz", "--json")
    facts = json.loads(told.out)
    assert "bone-hu" in {finding["kind"] for finding in facts["findings"]}
    assert f"{facts['bone_hu'][1]:.0f}" in shown.out


def test_what_is_no_ct_is_refused(mrtoct, tmp_path):
    write_volume(tmp_path / "mr.nii.gz", make_subject(3, TINY).mr["T1"])
    assert "mr.nii.gz: looks like an MR" in mrtoct("inspect", tmp_path / "mr.nii.gz").sentence
