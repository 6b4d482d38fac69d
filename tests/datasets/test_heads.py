"""Which heads are in a folder of MR, and what is said where that is not clear."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_series import plane_directions, positions, write_series
from mrtoct.datasets.heads import list_heads, studies_in
from mrtoct.errors import CohortError

AXIAL = plane_directions()
STORED = np.ones((3, 4, 4), np.uint16)
EVEN = positions(AXIAL, 2.0 * np.arange(3))


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def study(folder: Path, uid: str, **tags: object) -> None:
    write_series(folder, STORED, AXIAL, EVEN, StudyInstanceUID=uid, **tags)


def found(root: Path, **options: object) -> dict[str, list[str]]:
    """The MR of each head: channel and path."""
    return {
        head.name: [f"{c} {s.path.relative_to(root).as_posix()}" for c, s in head.mr.items()]
        for head in list_heads(root, **options).heads
    }


def test_a_volume_a_head(tmp_path):
    touch(tmp_path, "b.mha", "a.nii.gz", "c.d.nrrd", "a.json", "notes.txt", ".hidden.nii")
    assert found(tmp_path) == {"a": ["mr a.nii.gz"], "b": ["mr b.mha"], "c.d": ["mr c.d.nrrd"]}


def test_names_that_say_what_is_in_a_file(tmp_path):
    touch(tmp_path, "x_mr.nii.gz", "x_ct.nii.gz", "MR-y.nii", "y-mask.nii", "overview.nii")
    assert found(tmp_path) == {"y": ["mr MR-y.nii"], "x": ["mr x_mr.nii.gz"]}
    assert list_heads(tmp_path).passed == ["overview.nii", "x_ct.nii.gz", "y-mask.nii"]


def test_what_is_packed_or_of_another_kind_is_not_lost_without_a_word(tmp_path):
    touch(tmp_path, "a.nii.gz", "b.zip", "c.TAR.GZ", "d.img", "d.hdr", "e.mgz", "list.csv")
    heads = list_heads(tmp_path)
    assert [head.name for head in heads.heads] == ["a"]
    assert sorted(heads.rejected) == ["b.zip", "c.TAR.GZ", "d.hdr", "d.img", "e.mgz"]
    assert heads.rejected["c.TAR.GZ"].endswith(
        "c.TAR.GZ is not read; unpack it, and give the folder"
    )
    assert "mri_convert" in heads.rejected["e.mgz"]
    alone = tmp_path / "alone"
    touch(alone, "b.zip")
    with pytest.raises(CohortError, match=r"b\.zip is not read; unpack it"):
        list_heads(alone)


def test_a_name_given_twice_is_nobodys(tmp_path):
    touch(tmp_path, "a.nii", "a.nii.gz", "a.mha", "b.nii")
    heads = list_heads(tmp_path)
    assert [head.name for head in heads.heads] == ["b"]
    assert list(heads.rejected) == ["a"] and "keep one" in heads.rejected["a"]


def test_subjects_folders(tmp_path):
    touch(
        tmp_path,
        "several/mr_T2.nii.gz",
        "several/mr_T1.nii.gz",
        "several/ct.nii.gz",
        "any/brain.mha",
        "any/CT.mha",
        "odd/brain.mha",
        "odd/face.mha",
        "empty/notes.txt",
        "out/a_sct.nii.gz",
    )
    study(tmp_path / "scanned" / "series" / "1", "1.2.3")
    heads = list_heads(tmp_path, aside=[tmp_path / "out"])
    assert found(tmp_path, aside=[tmp_path / "out"]) == {
        "any": ["mr any/brain.mha"],
        "scanned": ["mr scanned"],
        "several": ["T1 several/mr_T1.nii.gz", "T2 several/mr_T2.nii.gz"],
    }
    assert heads.layout == "folders"
    assert "holds brain.mha, face.mha; name the MR to use mr" in heads.rejected["odd"]
    assert "holds no MR" in heads.rejected["empty"]


def test_studies_are_told_by_what_their_files_say(tmp_path):
    study(tmp_path / "a" / "t1", "1.2.3")
    study(tmp_path / "a" / "MR_T2 tse", "1.2.3", SeriesNumber=7)
    with pytest.raises(CohortError, match="are of one study: give an output file"):
        list_heads(tmp_path / "a")
    with pytest.raises(CohortError, match="are of one study: give an output file"):
        list_heads(tmp_path / "a" / "t1")
    study(tmp_path / "b", "1.2.4")
    assert studies_in(tmp_path) == {"1.2.3", "1.2.4"}
    heads = list_heads(tmp_path, "t1")
    assert [(h.name, h.mr["mr"].path.name, h.mr["mr"].series) for h in heads.heads] == [
        ("a", "a", "t1"),
        ("b", "b", "t1"),
    ]


def test_what_is_no_folder_of_heads(tmp_path):
    touch(tmp_path, "subject/mr.nii.gz", "subject/ct.nii.gz", "mixed/a.nii", "mixed/b/mr.nii")
    touch(tmp_path, "nothing/notes.txt", "bids/sub-1/anat/sub-1_desc-x_T1w.nii.gz")
    with pytest.raises(CohortError, match="is one subject's folder, with ct"):
        list_heads(tmp_path / "subject")
    with pytest.raises(CohortError, match=r"volumes, such as a.nii, and folders .* such as b"):
        list_heads(tmp_path / "mixed")
    with pytest.raises(CohortError, match="nothing holds no head MR: no volume"):
        list_heads(tmp_path / "nothing")
    with pytest.raises(CohortError, match="is a BIDS data set without an MR of a head"):
        list_heads(tmp_path / "bids")


def test_a_session_a_head(tmp_path):
    touch(
        tmp_path,
        "sub-1/ses-a/anat/sub-1_ses-a_FLAIR.nii.gz",
        "sub-1/ses-a/anat/sub-1_ses-a_T1w.nii.gz",
        "sub-1/ses-b/func/sub-1_ses-b_task-rest_bold.nii.gz",
    )
    assert found(tmp_path) == {
        "sub-1_ses-a": [
            "T1w sub-1/ses-a/anat/sub-1_ses-a_T1w.nii.gz",
            "FLAIR sub-1/ses-a/anat/sub-1_ses-a_FLAIR.nii.gz",
        ]
    }
    assert list_heads(tmp_path).passed == ["sub-1_ses-b"]
