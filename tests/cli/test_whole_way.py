"""Raw scans to a page through the commands, and what each leaves and says."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest

from mrtoct.io.files import read_volume, write_volume
from mrtoct.io.transforms import read_transform
from mrtoct.judging.metrics.evaluation import Evaluation, evaluation_of
from mrtoct.phantom import TINY, make_subject
from mrtoct.prepare.intensity import checked_ct
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.resample import resample


def test_phantom_writes_the_heads_of_its_seed(made):
    assert sorted(p.name for p in made.raw.iterdir()) == [f"phantom-00{n}" for n in (1, 2, 3)]
    expected = make_subject([1, 0], TINY)
    np.testing.assert_array_equal(read_volume(made.ct, "HU").voxels, expected.ct.voxels)
    assert (
        f"next: mrtoct prepare {shlex.quote(str(made.raw))} STORE --recipe demo"
        in made.said["phantom"].err
    )
    assert made.said["phantom"].out == ""


def test_prepare_registers_every_head(made):
    manifest = read_manifest(made.store)
    assert manifest.subjects == ["phantom-001", "phantom-002", "phantom-003"]
    assert manifest.failed == {}
    for name in manifest.subjects:
        subject = read_subject(made.store, name)
        assert subject.ct.spacing == pytest.approx((6.0, 6.0, 6.0))
        truth = read_transform(made.raw / name / "truth" / "ct_to_mr.tfm")
        off = np.array(subject.registration["transform"]) - truth
        corners = subject.ct.grid.corners()
        assert np.linalg.norm(corners @ off[:3, :3].T + off[:3, 3], axis=1).max() < 5.0  # mm
    assert f"3 subjects ready in {made.store}" in made.said["prepare"].err
    assert made.said["prepare"].out.split().count("good") == 3


def test_prepare_again_redoes_nothing(made, mrtoct):
    before = (made.store / "phantom-001" / "subject.json").stat().st_mtime_ns
    result = mrtoct("prepare", made.raw, made.store, "--recipe", made.recipe, "--workers", 1)
    assert result.status == 0
    assert (made.store / "phantom-001" / "subject.json").stat().st_mtime_ns == before
    refused = mrtoct("prepare", made.raw, made.store, "--workers", 1)
    assert "was prepared with other settings" in refused.err
    assert refused.status == 1


def test_train_leaves_a_run_and_says_what_is_next(made):
    assert {"best", "last", "curves.csv", "run.json"} <= {p.name for p in made.run.iterdir()}
    assert f"mrtoct report {shlex.quote(str(made.run))}" in made.said["train"].err
    assert made.said["train"].out == ""


def test_translate_writes_hu_on_the_grid_of_the_mr(made, mrtoct, tmp_path):
    mr = read_volume(made.mr, "a.u.")
    outputs = [tmp_path / "new" / f"sct{ending}" for ending in (".nii.gz", ".mha")]
    for output in outputs:
        result = mrtoct("translate", made.mr, output, "--model", made.best, "--device", "cpu")
        assert (result.status, result.out) == (0, ""), result.err
        assert str(mr.grid) in result.err
    first, second = (read_volume(output, "HU") for output in outputs)
    assert first.grid.matches(mr.grid)
    assert first.voxels.dtype == np.int16
    assert first.voxels.min() == -1024
    assert first.voxels.max() > 0
    np.testing.assert_array_equal(first.voxels, second.voxels)


@pytest.fixture(scope="module")
def pair(made, tmp_path_factory):
    """A CT and what is 100 HU too bright and noisy inside the head."""
    ct = checked_ct(read_volume(made.ct, "HU"))
    noise = np.random.default_rng(3).normal(100, 20, ct.grid.shape)
    sct = np.where(head_mask_ct(ct).voxels, ct.voxels + noise, -1024)
    folder = tmp_path_factory.mktemp("pair")
    write_volume(folder / "sct.nii.gz", ct.with_voxels(np.rint(sct).astype(np.int16)))
    write_volume(folder / "ct.nii.gz", ct)
    write_volume(folder / "mask.nii.gz", ct.with_voxels(ct.voxels > 300, "label"))
    return folder


def test_evaluate_prints_one_json_object_and_nothing_else(mrtoct, pair):
    result = mrtoct("evaluate", pair / "sct.nii.gz", pair / "ct.nii.gz", "--json")
    assert (result.status, result.err) == (0, "")
    values = json.loads(result.out)
    ct = read_volume(pair / "ct.nii.gz", "HU")
    sct = read_volume(pair / "sct.nii.gz", "HU")
    head = head_mask_ct(ct)
    expected = evaluation_of(sct, ct, head, "head found on the CT")
    assert values == json.loads(json.dumps(expected.to_json()))
    assert Evaluation.from_json(values).body.mae == pytest.approx(
        np.abs(sct.voxels.astype(float) - ct.voxels)[head.voxels].mean()
    )
    assert values["body"]["me"] == pytest.approx(100, abs=1)


def test_evaluate_inside_a_given_mask(mrtoct, pair):
    sct, ct, mask = (pair / f"{name}.nii.gz" for name in ("sct", "ct", "mask"))
    result = mrtoct("evaluate", sct, ct, "--mask", mask, "--json")
    values = json.loads(result.out)
    bone = read_volume(pair / "mask.nii.gz", "label").voxels > 0
    assert values["mask"] == {
        "source": "mask.nii.gz",
        "voxels": int(bone.sum()),
        "milliliters": pytest.approx(bone.sum() * 3.75 * 3.75 * 6 / 1000),
    }


def test_evaluate_as_a_table(mrtoct, pair, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    odd = pair / "[bold]sct.nii.gz"  # not the terminal's markup
    odd.write_bytes((pair / "sct.nii.gz").read_bytes())
    result = mrtoct("evaluate", odd, pair / "ct.nii.gz")
    assert result.status == 0
    assert (
        result.err
        == f"next: mrtoct view '{odd}' --against {shlex.quote(str(pair / 'ct.nii.gz'))}\n"
    )
    assert "[bold]sct" in result.out
    assert "mask: head found on the CT" in result.out


def test_report_judges_the_test_subject_and_writes_a_page(made, mrtoct, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    page = tmp_path / "page.html"
    result = mrtoct("report", made.run, "--out", page)
    assert result.status == 0, result.err
    html = page.read_text(encoding="utf-8")
    assert "small" in html
    (folder,) = (made.run / "evaluation").iterdir()
    values = json.loads((folder / "metrics.json").read_text())
    assert values["role"] == "test"
    assert set(values["methods"]) == {"small", "intensity map", "water"}
    assert folder.name in html
    # The numbers are those of the volume that was left beside them.
    subject = read_subject(made.store, folder.name)
    sct = read_volume(folder / "sct.nii.gz", "HU")
    inside = subject.head.voxels & subject.covered.voxels
    mae = np.abs(sct.voxels.astype(float) - subject.ct.voxels)[inside].mean()
    assert values["methods"]["small"]["body"]["mae"] == pytest.approx(mae)
    assert 50 < mae < 1000  # barely trained
    assert f" {mae:.1f} │" in result.out


def test_report_finds_a_store_that_moved(made, mrtoct, tmp_path):
    moved = tmp_path / "elsewhere"
    made.store.rename(moved)
    try:
        page = tmp_path / "page.html"
        gone = mrtoct("report", made.run, "--out", page)
        assert f"{made.store}, the store of {made.run}, does not exist" in gone.sentence
        assert "--store" in gone.sentence
        assert not page.exists()
        assert mrtoct("report", made.run, "--out", page, "--store", moved).status == 0
        assert page.stat().st_size > 100_000
    finally:
        moved.rename(made.store)


def test_the_translation_is_better_registered_than_not(made, mrtoct, tmp_path):
    """A CT resampled onto the MR by the stored transform agrees with the synthetic one."""
    subject = read_subject(made.store, "phantom-001")
    mr = read_volume(made.mr, "a.u.")
    back = np.linalg.inv(np.array(subject.registration["transform"]))
    ct = resample(checked_ct(read_volume(made.ct, "HU")), mr.grid, fill=-1024, transform=back)
    mrtoct("translate", made.mr, tmp_path / "sct.nii.gz", "--model", made.best)
    sct = read_volume(tmp_path / "sct.nii.gz", "HU").voxels
    head = sct > -1024
    agreement = np.corrcoef(sct[head], ct.voxels[head])[0, 1]
    shifted = np.corrcoef(sct[head], np.roll(ct.voxels, 4, axis=0)[head])[0, 1]
    assert agreement > shifted
