"""The plain layout, with all that may lie in it."""

from __future__ import annotations

import pytest

from mrtoct.datasets.folder import PairFiles, list_pairs
from mrtoct.errors import CohortError, FileError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_pairs_are_found_by_name_whatever_else_lies_there(tmp_path):
    touch(
        tmp_path,
        "b/mr.nii.gz", "b/ct.mha", "b/mr_T2.nii.gz", "b/notes.txt", "b/truth/labels.nii.gz",
        "a/mr.mhd", "a/mr.raw", "a/ct.nii", "a/ct_to_mr.tfm",
        ".cache/mr.nii", "readme.txt",
    )  # fmt: skip
    listing = list_pairs(tmp_path)
    a, b = tmp_path / "a", tmp_path / "b"
    assert listing.pairs == [
        PairFiles("a", a / "mr.mhd", a / "ct.nii", a / "ct_to_mr.tfm"),
        PairFiles("b", b / "mr.nii.gz", b / "ct.mha", None),
    ]
    assert listing.rejected == {}


def test_incomplete_and_ambiguous_subjects_are_rejected_with_the_reason(tmp_path):
    touch(
        tmp_path, "good/mr.nii", "good/ct.nii", "lone/mr.nii", "twice/mr.nii", "twice/ct.nii",
        "twice/ct.nii.gz", "bare/scan.nii",
    )  # fmt: skip
    listing = list_pairs(str(tmp_path))
    assert [pair.name for pair in listing.pairs] == ["good"]
    assert set(listing.rejected) == {"lone", "twice", "bare"}
    assert "lone has no ct (ct.nii.gz, ct.nii, ct.mha, ct.mhd)" in listing.rejected["lone"]
    assert "twice has ct.nii.gz and ct.nii; keep one ct" in listing.rejected["twice"]
    assert "bare has no mr" in listing.rejected["bare"]


def test_a_source_without_pairs_is_an_error(tmp_path):
    with pytest.raises(FileError, match="nowhere is not a folder"):
        list_pairs(tmp_path / "nowhere")
    with pytest.raises(CohortError, match=r"holds no subject .* it has no subfolders"):
        list_pairs(tmp_path)
    touch(tmp_path, "x/mr.nii")
    with pytest.raises(CohortError, match=r"holds no subject .*x has no ct"):
        list_pairs(tmp_path)
