"""Volumes are matched by the subject's name, whatever way of naming a tool has."""

import pytest

from mrtoct.errors import CohortError, FileError
from mrtoct.judging.folders import find, match, volumes_in
from mrtoct.judging.roles import some


@pytest.mark.parametrize("sct", ["folders", "before", "after", "bare"])
@pytest.mark.parametrize("ct", ["folders", "bare"])
def test_every_way_of_naming_finds_every_subject(folders, sct, ct):
    made, real = folders.write("made", "sct", sct), folders.write("real", "ct", ct)
    matched = match({"a": made}, real)
    assert [subject.name for subject in matched.subjects] == ["1BA001", "1BA005", "head.2"]
    assert matched.unmatched == {}
    (method,) = matched.methods
    assert method.name == "a"
    for subject in matched.subjects:
        assert subject.name in str(method.make(subject).sct.relative_to(folders.root))
        assert subject.name in str(subject.ct.relative_to(folders.root))
        assert (subject.mask, subject.mask_source) == (None, "head found on the CT")


def test_volumes_of_every_kind_may_share_a_folder(folders):
    for kind, layout in (("sct", "before"), ("ct", "after"), ("mask", "after")):
        folders.write("all", kind, layout)
    together = folders.root / "all"
    (together / "notes.txt").write_text("not a volume")
    matched = match({"a": together}, together, together)
    subject = matched.subjects[0]
    assert matched.methods[0].make(subject).sct.name == "sct_1BA001.mha"
    assert subject.ct.name == "1BA001-CT.nii"
    assert subject.mask.name == "1BA001-MASK.nii"
    assert subject.mask_source == "masks in all"
    # Bare names are those of no other kind.
    folders.write("real", "ct", "bare")
    folders.write("real", "mask", "after")
    assert sorted(find(folders.root / "real", "ct")) == ["1BA001", "1BA005", "head.2"]


def test_who_lacks_something_is_named(folders):
    made = folders.write("made", "sct", "folders")
    rival = folders.write("rival", "sct", "bare")
    real = folders.write("real", "ct", "bare")
    masks = folders.write("masks", "mask", "bare")
    (rival / "1BA005.nii.gz").unlink()
    (real / "head.2.nii.gz").rename(real / "else.nii.gz")
    matched = match({"made": made, "rival": rival}, real, masks)
    assert [subject.name for subject in matched.subjects] == ["1BA001"]
    assert matched.unmatched == {
        f"no synthetic CT in {rival}": ["1BA005", "else"],
        f"no synthetic CT in {made}": ["else"],
        f"no CT in {real}": ["head.2"],
        f"no mask in {masks}": ["else"],
    }
    (masks / "1BA001.nii.gz").unlink()
    with pytest.raises(CohortError, match=f"no mask in {masks}: 1BA001"):
        match({"made": made, "rival": rival}, real, masks)


def test_one_subject_twice_is_refused(folders):
    made = folders.write("made", "sct", "folders")
    folders.write("made", "sct", "after")
    with pytest.raises(CohortError, match=r"two synthetic CTs of 1BA001: 1BA001/sct\.nii\.gz and"):
        volumes_in(made, "sct")


def test_a_folder_of_something_else_says_what_it_should_hold(folders, tmp_path):
    masks = folders.write("masks", "mask", "folders")
    with pytest.raises(CohortError, match=r"masks holds no CT: no SUBJECT/ct\.\*"):
        volumes_in(masks, "ct")
    assert find(masks, "sct") == {}
    with pytest.raises(FileError, match="is not a folder"):
        find(tmp_path / "absent", "ct")


def test_long_lists_of_names_are_cut():
    assert some(["a", "b"]) == "a, b"
    assert some(list("abcdefgh")) == "a, b, c, d, e and 3 more"


def test_in_bids_a_session_is_a_subject(tmp_path):
    raw, made = tmp_path / "raw", tmp_path / "made"
    for root, names in (
        (raw, ["sub-1/ses-a/ct/sub-1_ses-a_ct.nii.gz", "sub-2/anat/sub-2_CT.nii.gz"]),
        (raw, ["sub-2/anat/sub-2_T1w.nii.gz"]),
        (made, ["sub-1/ses-a/anat/sub-1_ses-a_desc-sct_ct.nii.gz"]),
        (made, ["sub-1/ses-a/anat/sub-1_ses-a_desc-sct_deviation.nii.gz"]),
        (made, ["sub-2/anat/sub-2_acq-x_desc-sct_ct.nii.gz", "dataset_description.json"]),
    ):
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
    real, synthetic = find(raw, "ct"), find(made, "sct")
    assert list(real) == list(synthetic) == ["sub-1_ses-a", "sub-2"]
    assert real["sub-1_ses-a"].name == "sub-1_ses-a_ct.nii.gz"
    assert synthetic["sub-2"].name == "sub-2_acq-x_desc-sct_ct.nii.gz"
    assert find(made, "ct") == {}  # a synthetic CT is no real one
    (made / "sub-2" / "anat" / "sub-2_desc-sct_ct.nii.gz").touch()
    with pytest.raises(CohortError, match=r"sub-2 has two synthetic CTs: .*; keep one"):
        find(made, "sct")
