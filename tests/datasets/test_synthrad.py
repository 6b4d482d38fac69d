"""Both years' layouts, from any of the folders a user may name."""

from __future__ import annotations

import pytest

from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import SubjectFiles
from mrtoct.errors import CohortError
from mrtoct.io.scan import Scan


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def year_2023(root):
    for region, name in (("brain", "1BA001"), ("brain", "1BC010"), ("pelvis", "1PA004")):
        touch(root, *(f"Task1/{region}/{name}/{s}.nii.gz" for s in ("mr", "ct", "mask")))
    touch(root, "Task1/brain/overview/1_brain_train.xlsx", "Task1/brain/overview/1BA001_train.png")


def year_2025(root, part="synthRAD2025_Task1_Train"):
    for region, name in (("HN", "1HNA001"), ("TH", "1THB011"), ("AB", "1ABA005")):
        touch(root, *(f"{part}/Task1/{region}/{name}/{s}.mha" for s in ("mr", "ct", "mask")))
    touch(root, f"{part}/Task1/HN/overviews/1_HN_train_parameters.xlsx")


@pytest.mark.parametrize("named", [".", "Task1"])
def test_2023_from_above_and_from_task1(tmp_path, named):
    year_2023(tmp_path)
    listing = list_subjects(tmp_path / named)
    assert listing.layout == "synthrad"
    assert [s.name for s in listing.subjects] == ["1BA001", "1BC010", "1PA004"]
    folder = tmp_path / "Task1" / "brain" / "1BA001"
    assert listing.subjects[0] == SubjectFiles(
        "1BA001",
        mr={"mr": Scan(folder / "mr.nii.gz")},
        ct=Scan(folder / "ct.nii.gz"),
        aligned=True,
        mask=folder / "mask.nii.gz",
    )
    assert listing.rejected == {}


def test_one_region_alone(tmp_path):
    year_2023(tmp_path)
    listing = list_subjects(tmp_path / "Task1" / "brain")
    assert (listing.layout, len(listing.subjects)) == ("synthrad", 2)
    # Without the folder's own name: the subjects' names tell.
    (tmp_path / "Task1" / "brain").rename(tmp_path / "heads")
    assert list_subjects(tmp_path / "heads").layout == "synthrad"


def test_2025_in_parts_side_by_side(tmp_path):
    year_2025(tmp_path)
    touch(tmp_path, *(f"synthRAD2025_Task1_Train_D/Task1/HN/1HND001/{s}.mha" for s in ("mr", "ct")))
    listing = list_subjects(tmp_path)
    assert [s.name for s in listing.subjects] == ["1ABA005", "1HNA001", "1HND001", "1THB011"]
    assert listing.subjects[2].mask is None
    assert all(s.aligned for s in listing.subjects)


def test_subjects_without_a_ct_or_there_twice_are_rejected(tmp_path):
    year_2025(tmp_path)
    touch(tmp_path, "val/Task1/HN/1HNA002/mr.mha", "val/Task1/HN/1HNA002/mask.mha")
    for name in ("mr", "ct"):
        touch(tmp_path, f"again/Task1/HN/1HNA001/{name}.mha")
    listing = list_subjects(tmp_path)
    assert [s.name for s in listing.subjects] == ["1ABA005", "1THB011"]
    assert "has no ct" in listing.rejected["1HNA002"]
    assert "validation and test subjects have none" in listing.rejected["1HNA002"]
    assert "exists twice" in listing.rejected["1HNA001"]


def test_the_second_task_is_refused(tmp_path):
    touch(tmp_path, "Task2/brain/2BA001/cbct.nii.gz", "Task2/brain/2BA001/ct.nii.gz")
    with pytest.raises(CohortError, match="second task, cone-beam CT to CT"):
        list_subjects(tmp_path)


def test_a_plain_cohort_of_brains_is_not_taken_for_aligned(tmp_path):
    touch(tmp_path, "brain/s01/mr.nii", "brain/s01/ct.nii")
    listing = list_subjects(tmp_path / "brain")
    assert (listing.layout, listing.subjects[0].aligned) == ("plain", False)
    assert list_subjects(tmp_path / "brain", "synthrad").subjects[0].aligned
