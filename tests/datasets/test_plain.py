"""The plain layout, with all that may lie in it."""

from __future__ import annotations

import pytest

from mrtoct.datasets.plain import list_plain
from mrtoct.datasets.subject_files import SubjectFiles
from mrtoct.errors import CohortError
from mrtoct.io.scan import Scan


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_subjects_are_found_by_name_whatever_else_lies_there(tmp_path):
    touch(
        tmp_path,
        "b/mr.nii.gz", "b/ct.mha", "b/notes.txt", "b/truth/labels.nii.gz", "b/._ct.nii",
        "a/mr.mhd", "a/mr.raw", "a/ct.nii", "a/ct_to_mr.tfm", "a/mask.nii.gz", "a/ctx.nii",
        ".cache/mr.nii", "readme.txt",
    )  # fmt: skip
    listing = list_plain(tmp_path)
    a, b = tmp_path / "a", tmp_path / "b"
    assert listing.layout == "plain"
    assert listing.subjects == [
        SubjectFiles(
            "a", {"mr": Scan(a / "mr.mhd")}, Scan(a / "ct.nii"),
            ct_to_mr=a / "ct_to_mr.tfm", mask=a / "mask.nii.gz",
        ),
        SubjectFiles("b", {"mr": Scan(b / "mr.nii.gz")}, Scan(b / "ct.mha")),
    ]  # fmt: skip
    assert listing.rejected == {}


def test_several_channels_the_usual_ones_first(tmp_path):
    touch(tmp_path, *(f"s/mr_{c}.nii" for c in ("T2", "PD", "MP-RAGE", "T1")), "s/CT.NII.GZ")
    touch(tmp_path, "t/mr_T2.mha", "t/mr.nii", "t/ct.nii")
    s, t = list_plain(tmp_path).subjects
    assert list(s.mr) == ["T1", "MP-RAGE", "PD", "T2"]
    assert s.mr["T2"] == Scan(tmp_path / "s" / "mr_T2.nii")
    assert s.ct == Scan(tmp_path / "s" / "CT.NII.GZ")
    assert list(t.mr) == ["mr", "T2"]
    assert list_plain(tmp_path).channels == ["T2"]


def test_folders_of_dicom_and_rire_files_are_scans(tmp_path):
    touch(tmp_path, "s/ct/001.dcm", "s/mr_T1/IM0001", "s/mr_T2/header.ascii", "s/mr_T2/image.bin")
    (subject,) = list_plain(tmp_path).subjects
    s = tmp_path / "s"
    assert subject.ct == Scan(s / "ct")
    assert subject.mr == {"T1": Scan(s / "mr_T1"), "T2": Scan(s / "mr_T2" / "header.ascii")}


def test_linked_folders_and_files_are_followed(tmp_path):
    touch(tmp_path / "elsewhere", "x/mr.nii", "x/ct.nii")
    source = tmp_path / "source"
    source.mkdir()
    (source / "s01").symlink_to(tmp_path / "elsewhere" / "x")
    (source / "s02").mkdir()
    (source / "s02" / "ct.nii").symlink_to(tmp_path / "elsewhere" / "x" / "ct.nii")
    (source / "s02" / "mr.nii").symlink_to(tmp_path / "nothing")
    listing = list_plain(source)
    assert [s.name for s in listing.subjects] == ["s01"]
    assert "mr.nii is a broken link" in listing.rejected["s02"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (
            ["lone/mr.nii"],
            "lone has no ct (.nii.gz, .nii, .mha, .mhd, .nrrd, .nhdr, or a folder of DICOM files)",
        ),
        (["bare/scan.nii"], "bare has no mr or mr_CHANNEL"),
        (["twice/mr.nii", "twice/ct.nii", "twice/ct.nii.gz"], "ct.nii and ct.nii.gz; keep one ct"),
        (["both/mr.nii", "both/ct.nii", "both/ct/1.dcm"], "keep one ct"),
        (["odd/mr_T 1.nii", "odd/ct.nii"], "an MR channel's name"),
        (["none/mr_.nii", "none/ct.nii"], "mr_ has no channel name"),
    ],
)
def test_incomplete_and_ambiguous_subjects_are_rejected_with_the_reason(tmp_path, names, reason):
    touch(tmp_path, "good/mr.nii", "good/ct.nii", *names)
    listing = list_plain(tmp_path)
    assert [s.name for s in listing.subjects] == ["good"]
    ((name, said),) = listing.rejected.items()
    assert name == names[0].split("/")[0]
    assert reason in said


def test_an_empty_folder_is_no_scan(tmp_path):
    touch(tmp_path, "s/mr.nii", "s/ct/.hidden", "t/mr.nii", "t/ct.nii")
    assert "ct is an empty folder" in list_plain(tmp_path).rejected["s"]


def test_a_source_without_subjects_is_an_error(tmp_path):
    with pytest.raises(CohortError, match=r"holds no subject .* it has no subfolders"):
        list_plain(tmp_path)
    touch(tmp_path, *(f"x{n}/mr.nii" for n in range(5)))
    with pytest.raises(CohortError, match=r"x0 has no ct.*x2 has no ct.*; and 2 more$"):
        list_plain(tmp_path)
