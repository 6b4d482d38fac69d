"""mrtoct translate --uncertainty, as typed."""

from __future__ import annotations

import json
import shutil

import numpy as np

from mrtoct.io.files import read_volume


def test_it_writes_hu_on_the_grid_of_the_mr(made, mrtoct, tmp_path):
    sct, sd, plain = (tmp_path / name for name in ("sct.nii.gz", "sd.nii.gz", "plain.nii.gz"))
    result = mrtoct("translate", made.mr, sct, "--model", made.best, "--uncertainty", sd)
    assert (result.status, result.out) == (0, ""), result.err
    assert f"{sd}: standard deviation, median in the head" in result.err
    mr, deviation = read_volume(made.mr, "a.u."), read_volume(sd, "HU")
    assert deviation.grid.matches(mr.grid)
    assert deviation.voxels.dtype == np.int16
    inside = deviation.voxels > 0
    assert 0.05 < inside.mean() < 0.9
    assert np.ptp(deviation.voxels[inside]) > 10
    mrtoct("translate", made.mr, plain, "--model", made.best)
    np.testing.assert_array_equal(read_volume(sct, "HU").voxels, read_volume(plain, "HU").voxels)
    assert (read_volume(sct, "HU").voxels[~inside] == -1024).all()


def test_nothing_is_written_where_it_cannot_be_done(made, mrtoct, tmp_path):
    sct, sd = tmp_path / "sct.nii.gz", tmp_path / "sd.nii.gz"
    old = tmp_path / "old"
    shutil.copytree(made.best, old)
    record = json.loads((old / "bundle.json").read_text())
    record["translator"]["deviation"] = None
    (old / "bundle.json").write_text(json.dumps(record))
    (old / "SHA256SUMS").unlink()
    result = mrtoct("translate", made.mr, sct, "--model", old, "--uncertainty", sd)
    assert result.sentence.startswith(f"{old}: this bundle cannot estimate its uncertainty")
    result = mrtoct("translate", made.mr, sct, "--model", made.best, "--uncertainty", sct)
    assert "both name" in result.sentence
    result = mrtoct(
        "translate", made.mr, sct, "--model", made.best, "--uncertainty", tmp_path / "sd.png"
    )
    assert "sd.png" in result.sentence
    assert not sct.exists()
    sd.write_bytes(b"mine")
    result = mrtoct("translate", made.mr, sct, "--model", made.best, "--uncertainty", sd)
    assert "exists" in result.sentence
    assert sd.read_bytes() == b"mine"
    assert not sct.exists()
    result = mrtoct(
        "translate", made.mr, sct, "--model", made.best, "--uncertainty", sd, "--overwrite"
    )
    assert result.status == 0, result.err
    assert read_volume(sd, "HU").voxels.max() > 1
