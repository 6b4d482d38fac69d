"""mrtoct check, as a person and as a program call it."""

from __future__ import annotations

import json

import pytest

from mrtoct.io.files import read_volume, write_volume
from mrtoct.phantom import TINY, make_subject


@pytest.fixture
def raw(made, tmp_path):
    """Two subjects of the cohort, to be altered."""
    folder = tmp_path / "raw"
    for name in ("phantom-001", "phantom-002"):
        (folder / name).mkdir(parents=True)
        for scan in ("ct.nii.gz", "mr.nii.gz"):
            (folder / name / scan).symlink_to(made.raw / name / scan)
    return folder


def replaced(path, volume):
    path.unlink()
    write_volume(path, volume)


def test_a_clean_cohort_has_status_0_and_a_table(mrtoct, raw):
    result = mrtoct("check", raw, "--workers", 1)
    assert result.status == 0, result.err
    assert result.err == f"next: mrtoct prepare {raw} STORE\n"
    lines = result.out.splitlines()
    assert lines[0] == "layout: plain; MR channels: mr (2 of 2)"
    assert "phantom-001" in result.out and "64 x 64 x 34 of 3.75 x 3.75 x 6 mm" in result.out
    assert lines[-1] == "2 ok"


def test_an_unusable_subject_has_status_1_and_its_reason(mrtoct, raw):
    path = raw / "phantom-002" / "ct.nii.gz"
    ct = read_volume(path, "HU")
    replaced(path, ct.with_voxels(ct.voxels + 1024))
    (raw / "lone").mkdir()
    result = mrtoct("check", raw, "--workers", 1, "--json")
    assert result.status == 1
    record = json.loads(result.out)
    assert record["usable"] is False
    first, second = record["subjects"]
    assert (first["verdict"], second["verdict"]) == ("ok", "unusable")
    assert second["findings"][0]["kind"] == "moved-hu"
    assert "lone has no mr" in record["rejected"]["lone"]
    table = mrtoct("check", raw, "--workers", 1)
    assert table.status == 1
    assert table.out.splitlines()[-1] == "1 ok, 2 unusable"
    assert "shifted up by about 1024" in " ".join(table.out.replace("│", " ").split())


def test_a_doubtful_subject_has_status_0(mrtoct, raw):
    path = raw / "phantom-001" / "mr.nii.gz"
    mr = read_volume(path, "a.u.")
    replaced(path, mr.with_voxels(mr.voxels - 20))
    result = mrtoct("check", raw, "--workers", 1)
    assert result.status == 0
    assert result.out.splitlines()[-1] == "1 ok, 1 doubtful"


def test_a_pair_alone(mrtoct, made):
    result = mrtoct("check", made.ct, made.mr, "--json")
    assert result.status == 0, result.err
    (subject,) = json.loads(result.out)["subjects"]
    assert (subject["name"], subject["verdict"]) == ("ct", "ok")
    assert set(subject["scans"]) == {"CT", "MR"}
    assert mrtoct("check", made.mr, made.ct, "--json").status == 1


def test_a_source_without_subjects_is_one_sentence(mrtoct, tmp_path):
    assert "holds no subject" in mrtoct("check", tmp_path).sentence
    assert "does not exist" in mrtoct("check", tmp_path / "none").sentence
    assert "is a file; a cohort is" in mrtoct("check", __file__).sentence


def test_a_synthetic_ct_by_itself_is_sent_to_inspect(mrtoct, tmp_path):
    write_volume(tmp_path / "sct.nii.gz", make_subject(3, TINY).ct)
    result = mrtoct("check", tmp_path / "sct.nii.gz")
    assert "sct.nii.gz is one volume" in result.sentence
    assert "'mrtoct inspect'" in result.sentence
