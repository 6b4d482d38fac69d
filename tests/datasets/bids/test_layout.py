"""BIDS data sets as cohorts: which files are a subject's, and which are not."""

import json

import pytest

from mrtoct.datasets.bids.names import is_bids, parsed
from mrtoct.datasets.listing import list_subjects
from mrtoct.datasets.subject_files import person_of
from mrtoct.errors import CohortError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(listing):
    """Names of files by subject: the CT first, then the channels."""
    return {
        s.name: [s.ct.path.name, *(f"{c} {scan.path.name}" for c, scan in s.mr.items())]
        for s in listing.subjects
    }


@pytest.mark.parametrize(
    ("folder", "suffix", "ending"), [("ct", "ct", "nii.gz"), ("anat", "CT", "nii")]
)
def test_an_mr_and_a_ct_are_a_subject(tmp_path, folder, suffix, ending):
    touch(
        tmp_path,
        "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-01/anat/sub-01_T1w.nii.gz",
        "sub-01/anat/sub-01_T1w.json",
        f"sub-01/{folder}/sub-01_{suffix}.{ending}",
        "sub-02/anat/sub-02_T1w.nii.gz",
        "sub-03/func/sub-03_task-rest_bold.nii.gz",
    )
    listing = list_subjects(tmp_path)
    assert listing.layout == "bids"
    assert found(listing) == {
        "sub-01": [f"sub-01_{suffix}.{ending}", "T1w sub-01_T1w.nii.gz", "T2w sub-01_T2w.nii.gz"]
    }
    assert listing.channels == ["T1w", "T2w"]
    assert "sub-02 has no CT (*_ct.nii.gz in anat/ or ct/)" in listing.rejected["sub-02"]
    assert "sub-03 has no MR in anat/ (T1w, T2w, " in listing.rejected["sub-03"]


def test_sessions_are_subjects_of_one_person(tmp_path):
    for session in ("ses-pre", "ses-post"):
        at = f"sub-01/{session}"
        touch(
            tmp_path,
            f"{at}/anat/sub-01_{session}_T1w.nii.gz",
            f"{at}/ct/sub-01_{session}_ct.nii.gz",
        )
    # Two scanners, two visits: one subject.
    touch(tmp_path, "sub-02/ses-mr/anat/sub-02_ses-mr_T1w.nii.gz")
    touch(tmp_path, "sub-02/ses-ct/ct/sub-02_ses-ct_ct.nii.gz", "sub-02/ses-eeg/eeg/x.edf")
    # Of which visit the CT is, is not said.
    for session in ("ses-1", "ses-2"):
        touch(tmp_path, f"sub-03/{session}/anat/sub-03_{session}_T1w.nii.gz")
    touch(tmp_path, "sub-03/ses-3/ct/sub-03_ses-3_ct.nii.gz")
    listing = list_subjects(tmp_path)
    assert list(found(listing)) == ["sub-01_ses-post", "sub-01_ses-pre", "sub-02"]
    assert found(listing)["sub-02"] == [
        "sub-02_ses-ct_ct.nii.gz",
        "T1w sub-02_ses-mr_T1w.nii.gz",
    ]
    assert list(listing.rejected) == ["sub-03_ses-1", "sub-03_ses-2", "sub-03_ses-3"]
    assert [person_of(s.name) for s in listing.subjects] == ["sub-01", "sub-01", "sub-02"]


def test_of_several_the_plain_first_run_is_taken(tmp_path):
    names = [
        "acq-localizer_T1w",
        "acq-scout2_T1w",
        "run-10_T1w",
        "run-2_T1w",
        "ce-gadolinium_run-1_T1w",
        "part-phase_T1w",
        "desc-preproc_T1w",
        "space-MNI152_T1w",
        "echo-1_MEGRE",
    ]
    touch(tmp_path, *(f"sub-a/anat/sub-a_{name}.nii.gz" for name in names))
    touch(tmp_path, "sub-a/anat/sub-a_acq-bone_ct.nii.gz", "sub-a/anat/sub-a_desc-sct_ct.nii.gz")
    # Of other people, or misplaced.
    touch(tmp_path, "sub-a/anat/sub-b_T1w.nii.gz", "derivatives/x/sub-c/anat/sub-c_T1w.nii.gz")
    assert found(list_subjects(tmp_path)) == {
        "sub-a": ["sub-a_acq-bone_ct.nii.gz", "T1w sub-a_run-2_T1w.nii.gz"]
    }


def test_content_that_is_kept_elsewhere_is_named(tmp_path):
    touch(tmp_path, "sub-1/anat/sub-1_T1w.nii.gz", "sub-1/ct/sub-1_ct.nii.gz")
    touch(tmp_path, "sub-2/anat/sub-2_T1w.nii.gz")
    (tmp_path / "sub-2" / "ct").mkdir()
    (tmp_path / "sub-2" / "ct" / "sub-2_ct.nii.gz").symlink_to("../.git/annex/objects/x")
    listing = list_subjects(tmp_path)
    assert [s.name for s in listing.subjects] == ["sub-1"]
    assert "sub-2_ct.nii.gz is a broken link" in listing.rejected["sub-2"]
    assert "datalad get" in listing.rejected["sub-2"]


def test_what_is_bids_and_what_is_not(tmp_path):
    touch(tmp_path, "plain/sub-01/mr.nii.gz", "plain/sub-01/ct.nii.gz")
    touch(tmp_path, "bids/sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz", "one.nii.gz")
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "dataset_description.json").write_text(json.dumps({"Name": "x"}))
    assert list_subjects(tmp_path / "plain").layout == "plain"
    assert [is_bids(tmp_path / name) for name in ("plain", "bids", "said", "one.nii.gz")] == [
        False,
        True,
        True,
        False,
    ]
    with pytest.raises(CohortError, match=r"said holds no subject sub-\*/\[ses-\*/\]anat/"):
        list_subjects(tmp_path / "said")


def test_a_name_is_taken_apart(tmp_path):
    file = parsed(tmp_path / "sub-01_ses-2_acq-mp-rage_run-1_T1w.nii.gz")
    assert (file.suffix, file.source_entities) == ("T1w", "sub-01_ses-2_acq-mp-rage_run-1")
    assert file.entities == {"sub": "01", "ses": "2", "acq": "mp-rage", "run": "1"}
    for other in ("sub-01_T1w.json", "sub-01_T1w.mha", "sub-01_odd_T1w.nii.gz", "T1 w.nii"):
        assert parsed(tmp_path / other) is None
