"""One subject's files, looked at as a whole: clean ones say nothing, altered ones what was done."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest

from mrtoct.check.subject import as_json, check_subject
from mrtoct.datasets.subject_files import SubjectFiles
from mrtoct.io.files import write_volume
from mrtoct.io.scan import Scan
from mrtoct.io.transforms import write_transform
from mrtoct.phantom import RIRE, Tissue, make_subject
from mrtoct.prepare.mask import head_mask_ct, head_mask_mr
from mrtoct.resample import resample
from mrtoct.volume import Grid, Volume

BRAIN = (Tissue.WHITE_MATTER, Tissue.GREY_MATTER, Tissue.CSF)


def test_a_clean_phantom_is_ok(bench, tmp_path):
    write_volume(tmp_path / "mask.nii.gz", bench.phantom.labels)
    check = bench.check(mask=tmp_path / "mask.nii.gz")
    assert check.findings == []
    assert check.verdict == "ok"
    assert check.scans["CT"].grid.size == (64, 64, 34)
    assert check.scans["CT"].background == pytest.approx(-1000, abs=25)
    assert check.scans["MR"].head.width_mm == pytest.approx(
        check.scans["CT"].head.width_mm, rel=0.08
    )


@pytest.mark.slow
def test_thick_slabs_of_a_head_are_ok(tmp_path):
    raw = make_subject([1, 0], RIRE)
    for contrast, scan in raw.mr.items():
        write_volume(tmp_path / f"{contrast}.nii", scan)
    write_volume(tmp_path / "ct.nii", raw.ct)
    mr = {contrast: Scan(tmp_path / f"{contrast}.nii") for contrast in raw.mr}
    check = check_subject(SubjectFiles("head", mr, Scan(tmp_path / "ct.nii")))
    # They start some mm below the vertex.
    assert {(f.weight, f.kind) for f in check.findings} == {("note", "top-missing")}
    assert check.verdict == "ok"


def test_what_was_not_measured_is_a_note(bench):
    voxels = bench.mr.voxels.astype(np.float32)
    voxels[:4] = np.nan
    check = bench.check(mr=bench.mr.with_voxels(voxels))
    (found,) = check.findings
    part = f"{100 * 4 / len(voxels):.1f} %"
    assert str(found) == f"MR: {part} of its voxels were not measured and are left out of training"
    assert (found.weight, check.verdict) == ("note", "ok")


def test_every_scan_is_read_once(bench, monkeypatch):
    import mrtoct.check.subject as module

    read = []
    original = module.read_scan
    monkeypatch.setattr(
        module, "read_scan", lambda s, u: read.append(s.path.name) or original(s, u)
    )
    bench.check()
    assert sorted(read) == ["ct.nii.gz", "mr.nii.gz"]


def test_exchanged_scans_are_recognised(bench, kinds):
    check = bench.check(ct=bench.mr, mr=bench.ct)
    assert check.verdict == "unusable"
    assert kinds(check) == {"looks-like-mr", "looks-like-ct", "exchanged"}


def test_files_that_cannot_be_read_are_findings(bench, tmp_path, kinds):
    bench.check()
    damaged = tmp_path / "mr.nii.gz"
    damaged.write_bytes(gzip.compress(gzip.decompress(damaged.read_bytes())[:5000]))
    files = SubjectFiles(
        "head", mr={"T1": Scan(damaged), "T2": Scan(tmp_path / "no.nii")},
        ct=Scan(tmp_path / "ct.nii.gz"),
    )  # fmt: skip
    check = check_subject(files)
    assert check.verdict == "unusable"
    said = {f.scan: f.sentence for f in check.findings}
    assert "mr.nii.gz" in said["MR T1"] and "announces" in said["MR T1"]
    assert "no.nii does not exist" in said["MR T2"]
    assert set(check.scans) == {"CT"}


def test_a_constant_mr_and_one_without_a_head_are_unusable(bench, kinds):
    constant = bench.mr.with_voxels(np.full(bench.mr.grid.shape, 5, np.int16))
    check = bench.check(mr=constant)
    assert [(f.kind, f.weight) for f in check.findings] == [("unreadable", "unusable")]
    assert "constant: every voxel is 5" in check.findings[0].sentence
    low = bench.ct.with_voxels(np.minimum(bench.ct.voxels, 250))
    assert "unusable" in {f.weight for f in bench.check(ct=low).findings}


def test_a_mask_must_lie_on_the_ct_and_hold_something(bench, tmp_path):
    path = tmp_path / "mask.nii.gz"
    labels = bench.phantom.labels
    write_volume(path, labels.cropped((slice(0, 60), slice(0, 64), slice(0, 34))))
    check = bench.check(mask=path)
    assert check.verdict == "unusable"
    assert "different grids" in check.findings[0].sentence
    write_volume(path, labels.with_voxels(np.zeros_like(labels.voxels)), overwrite=True)
    (finding,) = bench.check(mask=path).findings
    assert finding.sentence == f"{path} is empty"


def test_a_transform_that_came_along_is_checked(bench, tmp_path, kinds):
    path = tmp_path / "x.tfm"
    truth = bench.phantom.ct_to_mr
    write_transform(path, truth)
    assert bench.check(ct_to_mr=path).findings == []
    # The inverse is the usual mistake; it is off by twice the offset.
    off = truth.copy()
    off[:3, 3] += (30, 0, 25)
    write_transform(path, off, overwrite=True)
    assert kinds(bench.check(ct_to_mr=path)) == {"poor-overlap"}
    write_transform(path, np.diag([1.1, 1.1, 1.1, 1]), rigid=False, overwrite=True)
    check = bench.check(ct_to_mr=path)
    assert check.verdict == "unusable"
    assert "not rigid" in check.findings[0].sentence


def test_scans_said_to_be_aligned_must_be(bench, kinds):
    inverse = np.linalg.inv(bench.phantom.ct_to_mr)
    aligned = Volume(
        bench.mr.voxels, Grid(bench.mr.grid.shape, inverse @ bench.mr.affine), bench.mr.unit
    )
    assert bench.check(mr=aligned, aligned=True).findings == []
    shift = np.eye(4)
    shift[:3, 3] = (0, 30, 20)
    moved = Volume(aligned.voxels, Grid(aligned.grid.shape, shift @ aligned.affine), "a.u.")
    assert kinds(bench.check(mr=moved, aligned=True)) == {"poor-overlap"}


def test_a_turned_mr_is_told_once(bench, kinds):
    down = np.diag([1.0, -1, -1, 1])
    turned = Volume(bench.mr.voxels, Grid(bench.mr.grid.shape, down @ bench.mr.affine), "a.u.")
    assert kinds(bench.check(mr=turned)) == {"not-upright"}
    round_ = np.diag([-1.0, -1, 1, 1])
    turned = Volume(bench.mr.voxels, Grid(bench.mr.grid.shape, round_ @ bench.mr.affine), "a.u.")
    assert kinds(bench.check(mr=turned)) == {"position"}


def test_the_check_becomes_json(bench):
    import json

    record = json.loads(
        json.dumps(as_json(bench.check(mr=bench.mr.with_voxels(bench.mr.voxels - 9))))
    )
    assert (record["name"], record["verdict"]) == ("head", "doubtful")
    assert record["findings"][0]["kind"] == "negative"
    assert record["scans"]["CT"]["grid"]["spacing_mm"] == [3.75, 3.75, 6.0]


@pytest.mark.slow
def test_a_real_pair_that_is_no_head(real_data, kinds):
    folder = real_data / "pork_phantom_ct_mr"
    files = SubjectFiles(
        "pork", mr={"mr": Scan(folder / "mr_t2_full.nii.gz")}, ct=Scan(folder / "ct_full.nii.gz")
    )
    check = check_subject(files)
    # Meat has no neck and little bone; the two scans state opposite patient positions.
    assert kinds(check, "CT") == {"little-bone", "no-neck"}
    assert kinds(check, "MR") == {"position"}
    assert check.verdict == "doubtful"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    ["rire/training_001_mr_T1.mha", "colin27_brainweb/t1.nii.gz", "visible_human_male/mr.mha"],
)
def test_real_head_mrs_give_no_false_alarm(real_data, tmp_path, bench, path):
    bench.check()
    check = check_subject(
        SubjectFiles("real", mr={"T1": Scan(real_data / path)}, ct=Scan(tmp_path / "ct.nii.gz"))
    )
    # A vertex that is just out of view is noted, as RIRE's is.
    noted = [f for f in check.findings if (f.weight, f.kind) == ("note", "top-missing")]
    odd = [f for f in check.findings if f.kind != "size-mismatch" and f not in noted]
    assert [str(f) for f in odd] == []


def in_front_below(volume: Volume, low: float, behind: float) -> np.ndarray:
    """Voxels so far (mm) below the vertex, and up to so far behind the foremost point of a head."""
    head = (head_mask_ct if volume.unit == "HU" else head_mask_mr)(volume).voxels
    indices = np.stack(np.meshgrid(*map(np.arange, volume.grid.shape), indexing="ij"), axis=-1)
    _, y, z = np.moveaxis(volume.grid.to_world(indices), -1, 0)
    return (z < z[head].max() - low) & (y > y[head].max() - behind)


@pytest.mark.parametrize("scan", ["MR", "CT"])
def test_a_removed_face_is_called_that_and_no_gap_between_slices(bench, kinds, scan):
    whole = bench.mr if scan == "MR" else bench.ct
    taken = in_front_below(whole, 85, 60)
    cut = whole.with_voxels(np.where(taken, whole.voxels.min(), whole.voxels))
    check = bench.check(**{scan.lower(): cut})
    assert kinds(check, scan) == {"no-face"}
    (finding,) = [f for f in check.findings if f.kind == "no-face"]
    assert "the face was removed: not measured there" in finding.sentence
    assert finding.weight == "doubtful"


def test_metal_is_named_with_its_place(bench, kinds):
    block = bench.ct.voxels.astype(np.int16)
    center = np.array(head_mask_ct(bench.ct).voxels.nonzero()).mean(axis=1).round().astype(int)
    i, j, k = center
    block[i - 3 : i, j - 1 : j + 2, k : k + 2] = 12000
    check = bench.check(ct=bench.ct.with_voxels(block))
    assert kinds(check) == {"metal"}
    (finding,) = check.findings
    ml = 18 * bench.ct.grid.voxel_volume / 1000
    assert f"it holds {ml:.2g} ml of metal in the" in finding.sentence
    assert "up to 12000 HU" in finding.sentence


def test_a_scan_that_ends_within_its_grid_is_cut_in_the_same_words(bench):
    side = np.zeros(bench.mr.grid.shape, bool)
    side[:24] = True
    sides = []
    for mr in (
        bench.mr.with_voxels(np.where(side, 0, bench.mr.voxels)),
        bench.mr.cropped((slice(24, 64), slice(0, 64), slice(0, 32))),
    ):
        (cut,) = [f for f in bench.check(mr=mr).findings if f.kind == "cut"]
        sides.append(re.sub(r"\d+ cm2 of it", "", cut.sentence))
    assert sides[0] == sides[1]
    assert "the field of view cuts the head at the left" in sides[0]


def test_a_brain_without_its_skull_is_called_that(bench, kinds):
    labels, back = bench.phantom.labels, np.linalg.inv(bench.phantom.ct_to_mr)
    brain = resample(
        labels.with_voxels(np.isin(labels.voxels, BRAIN), "label"),
        bench.mr.grid,
        fill=0,
        transform=back,
        interpolation="nearest",
    ).voxels
    check = bench.check(mr=bench.mr.with_voxels(np.where(brain, bench.mr.voxels, 0)))
    assert "skull-stripped" in kinds(check, "MR")
    assert "no-face" not in kinds(check, "MR")
