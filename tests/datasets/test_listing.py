"""Which layout a source has, and what is said where none fits."""

from __future__ import annotations

import pytest

from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import name_fault
from mrtoct.errors import CohortError, FileError
from mrtoct.phantom import TINY
from mrtoct.phantom.cohort import write_cohort


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_phantom_cohort_is_plain(tmp_path):
    write_cohort(tmp_path / "c", 1, settings=TINY)
    listing = list_subjects(str(tmp_path / "c"))
    assert (listing.layout, listing.channels) == ("plain", ["mr"])


def test_what_was_found_and_what_is_allowed_are_said(tmp_path):
    with pytest.raises(FileError, match="nowhere does not exist"):
        list_subjects(tmp_path / "nowhere")
    touch(tmp_path, "one/mr.nii", "one/ct.nii", "scan.nii")
    with pytest.raises(FileError, match=r"scan.nii is a file; .* a table \(.csv, .tsv\)"):
        list_subjects(tmp_path / "scan.nii")
    with pytest.raises(CohortError, match=r"one holds ct.nii itself.*give the folder above"):
        list_subjects(tmp_path / "one")
    with pytest.raises(CohortError, match="'twofold' is unknown; allowed: auto, plain, rire"):
        list_subjects(tmp_path, "twofold")
    with pytest.raises(FileError, match="is a folder; a table is a file"):
        list_subjects(tmp_path, "table")
    (tmp_path / "c.csv").write_text("subject,ct,mr\na,one/ct.nii,one/mr.nii\n")
    with pytest.raises(
        FileError, match="is a file that does not have the layout plain; a cohort is"
    ):
        list_subjects(tmp_path / "c.csv", "plain")


def test_a_subject_may_be_named_ct(tmp_path):
    touch(tmp_path, "ct/mr.nii", "ct/ct.nii")
    assert [s.name for s in list_subjects(tmp_path).subjects] == ["ct"]


@pytest.mark.parametrize("name", ["s01", "Ärztin 7", "1BA001", "a.b-c_d", "x" * 100])
def test_names_that_folders_can_have(name):
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name", ["", " a", ".a", "..", "a.", "a/b", "a\\b", "a:b", "a\nb", "x" * 101, "CON", "nul.txt"]
)
def test_names_that_some_system_refuses(name):
    assert name_fault(name)
