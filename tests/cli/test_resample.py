"""mrtoct resample, and what else brings volumes on other grids together."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mrtoct.cli.resample import moved
from mrtoct.io.files import read_volume, write_volume
from mrtoct.io.transforms import write_transform
from mrtoct.phantom import TINY, make_subject
from mrtoct.report.apart import MOST_APART_MM, heads_apart
from mrtoct.resample import coverage, resample
from mrtoct.volume import AIR_HU


@pytest.fixture(scope="module")
def head():
    return make_subject(2, TINY)


@pytest.fixture
def files(head, tmp_path):
    write_volume(tmp_path / "ct.nii.gz", head.ct)
    write_volume(tmp_path / "mr.nii.gz", head.mr["T1"])
    write_volume(tmp_path / "labels.nii.gz", head.labels)
    write_transform(tmp_path / "ct_to_mr.tfm", head.ct_to_mr)
    return tmp_path


def test_an_mr_on_the_cts_grid_through_the_transform_and_back(mrtoct, files, head):
    mr = head.mr["T1"]
    on_ct = files / "on_ct.nii.gz"
    said = mrtoct(
        "resample", files / "mr.nii.gz", on_ct, "--like", files / "ct.nii.gz", "--transform",
        files / "ct_to_mr.tfm",
    )  # fmt: skip
    assert said.status == 0, said.err
    made = read_volume(on_ct, "a.u.")
    expected = resample(mr, head.ct.grid, fill=0, transform=head.ct_to_mr)
    assert made.voxels.dtype == np.int16
    np.testing.assert_allclose(made.voxels, expected.voxels, atol=0.51)
    seen = coverage(mr.grid, head.ct.grid, head.ct_to_mr)
    np.testing.assert_array_equal(made.measured, seen)
    assert "were not measured" in said.err
    back = mrtoct(
        "resample", files / "ct.nii.gz", files / "back.nii.gz", "--like", files / "mr.nii.gz",
        "--transform", files / "ct_to_mr.tfm", "--inverse",
    )  # fmt: skip
    assert back.status == 0, back.err
    ct = read_volume(files / "back.nii.gz", "HU")
    wanted = resample(head.ct, mr.grid, fill=AIR_HU, transform=np.linalg.inv(head.ct_to_mr))
    np.testing.assert_allclose(ct.voxels, wanted.voxels, atol=0.51)


def test_labels_stay_labels_and_a_spacing_gives_a_grid(mrtoct, files, head):
    out = files / "coarse.nii.gz"
    said = mrtoct(
        "resample", files / "labels.nii.gz", out, "--spacing", "5,5,8", "--kind", "labels"
    )
    assert said.status == 0, said.err
    made = read_volume(out, "label")
    assert made.spacing == pytest.approx((5, 5, 8))
    assert set(np.unique(made.voxels)) <= set(np.unique(head.labels.voxels))
    source = read_volume(files / "labels.nii.gz", "label")  # whose affine is in single precision
    wanted = moved(source, source.grid.upright((5, 5, 8)))
    np.testing.assert_array_equal(made.voxels, wanted.voxels)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give either --like REFERENCE or --spacing MM"),
        (["--spacing", "1,x"], "--spacing takes 1 or 1,1,3"),
        (["--spacing", "0.001"], "--spacing takes 1 or 1,1,3"),
        (["--spacing", "2", "--inverse"], "--inverse needs"),
    ],
)
def test_what_makes_no_sense_is_refused(mrtoct, files, options, said):
    result = mrtoct("resample", files / "mr.nii.gz", files / "out.nii.gz", *options)
    assert said in result.sentence
    assert not (files / "out.nii.gz").exists()


def test_evaluate_resamples_on_request_and_leaves_out_what_lies_beyond(mrtoct, files, head):
    part = head.ct.cropped(
        tuple(slice(4 * (n == 2), size) for n, size in enumerate(head.ct.grid.shape))
    )
    write_volume(files / "sct.nii.gz", part)
    refused = mrtoct("evaluate", files / "sct.nii.gz", files / "ct.nii.gz")
    assert "mrtoct resample" in refused.sentence
    judged = mrtoct("evaluate", files / "sct.nii.gz", files / "ct.nii.gz", "--resample", "--json")
    assert judged.status == 0, judged.err
    assert "was resampled to the CT's grid" in judged.err
    assert json.loads(judged.out)["body"]["mae"] == pytest.approx(0, abs=1e-3)


def test_heads_that_do_not_lie_on_each_other_are_known(head):
    mr = head.mr["T1"]
    aligned = heads_apart(head.ct, mr, head.ct_to_mr)
    as_scanned = heads_apart(head.ct, mr)
    assert aligned < MOST_APART_MM < as_scanned
    shift = np.eye(4)
    shift[0, 3] = 15.0
    assert heads_apart(head.ct, mr, head.ct_to_mr @ shift) > aligned + 3
    assert heads_apart(head.ct, head.labels) is None


def test_what_was_made_on_the_grid_of_a_scan_is_not_apart_from_it_however_wrong(head):
    mr = head.mr["T1"]
    mr_to_ct = np.linalg.inv(head.ct_to_mr)
    on_mr = resample(head.ct, mr.grid, fill=AIR_HU, transform=mr_to_ct)
    wrong = on_mr.with_voxels(np.roll(on_mr.voxels, 4, axis=0))  # 15 mm
    assert heads_apart(mr, wrong) is None
    assert heads_apart(mr, wrong, np.eye(4)) > MOST_APART_MM


def test_view_warns_of_them_and_lays_them_right(mrtoct, files, monkeypatch):
    import mrtoct.cli.view as command

    shown = []

    class Server:
        def serve_forever(self, poll_interval):
            raise KeyboardInterrupt

        def server_close(self):
            pass

    def serve(scene, port):
        shown.append(scene)
        return Server(), "http://127.0.0.1:1"

    monkeypatch.setattr(command, "scene_server", serve)
    pair = (files / "ct.nii.gz", files / "mr.nii.gz", "--no-browser")
    assert "mm apart: align them with --transform" in " ".join(mrtoct("view", *pair).err.split())
    laid = mrtoct("view", *pair, "--transform", files / "ct_to_mr.tfm")
    assert "apart" not in laid.err
    as_scanned, right = (np.frombuffer(scene.codes["layer1"], "<u2") for scene in shown)
    assert (as_scanned != right).mean() > 0.1
    assert "one for each" in mrtoct("view", *pair, "--transform", "a.tfm,b.tfm").sentence
