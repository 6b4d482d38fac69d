"""Data sets of derivatives: names, JSON, and what is not overwritten."""

import json

import pytest

from mrtoct.datasets.bids.derivatives import (
    DEVIATION,
    SCT,
    Model,
    begin_dataset,
    derived_path,
    source_uri,
    sources_of,
    write_sidecar,
)
from mrtoct.errors import FileError

HEAD = Model("head", "2")


def test_a_name_keeps_all_that_the_raw_one_says(tmp_path):
    raw = tmp_path / "sub-1" / "ses-b" / "anat" / "sub-1_ses-b_acq-3d_run-2_T2w.nii.gz"
    out = tmp_path / "out"
    at = out / "sub-1" / "ses-b" / "anat" / "sub-1_ses-b_acq-3d_run-2_desc-sct_ct.nii.gz"
    assert derived_path(raw, tmp_path, out, SCT) == at
    assert derived_path(raw, tmp_path, out, DEVIATION).name == (
        "sub-1_ses-b_acq-3d_run-2_desc-sct_deviation.nii.gz"
    )
    uri = source_uri(raw, tmp_path)
    assert uri == "bids:raw:sub-1/ses-b/anat/sub-1_ses-b_acq-3d_run-2_T2w.nii.gz"
    write_sidecar(at, [uri], {"Description": "x"}, overwrite=False)
    said = json.loads(at.with_name(at.name.replace(".nii.gz", ".json")).read_text())
    assert said["Sources"] == [uri] and said["SpatialReference"] == uri
    assert (said["Units"], said["Description"]) == ("HU", "x")
    assert sources_of(at) == [uri]
    assert sources_of(out / "other.nii.gz") == []


def test_a_data_set_says_of_what_and_by_what_it_is(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "raw" / "derivatives" / "mrtoct"
    raw.mkdir()
    (raw / "dataset_description.json").write_text(
        json.dumps({"Name": "Study", "BIDSVersion": "1.9.0", "DatasetDOI": "doi:10.5/x"})
    )
    begin_dataset(out, raw, HEAD, overwrite=False)
    said = json.loads((out / "dataset_description.json").read_text())
    assert said["DatasetType"] == "derivative"
    assert said["Name"] == "Synthetic CTs of Study"
    assert said["GeneratedBy"][0]["Name"] == "mrtoct"
    assert said["GeneratedBy"][0]["Model"] == {"Name": "head", "Version": "2"}
    assert said["SourceDatasets"] == [{"URL": "../..", "DOI": "doi:10.5/x"}]
    assert (out / said["DatasetLinks"]["raw"]).resolve() == raw.resolve()


def test_one_data_set_is_of_one_model(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out"
    begin_dataset(out, raw, HEAD, overwrite=False)
    before = (out / "dataset_description.json").read_bytes()
    begin_dataset(out, raw, HEAD, overwrite=False)  # goes on
    with pytest.raises(FileError, match=r"by another model \(.*head, version 2\); name another"):
        begin_dataset(out, raw, Model("mine"), overwrite=False)
    assert (out / "dataset_description.json").read_bytes() == before
    begin_dataset(out, raw, Model("mine"), overwrite=True)
    assert b"mine" in (out / "dataset_description.json").read_bytes()


@pytest.mark.parametrize(
    "said", ['{"Name": "raw"}', '{"GeneratedBy": [{"Name": "fMRIPrep"}]}', "?"]
)
def test_another_data_set_is_never_taken_over(tmp_path, said):
    (tmp_path / "dataset_description.json").write_text(said)
    for overwrite in (False, True):
        with pytest.raises(FileError, match="mrtoct did not make"):
            begin_dataset(tmp_path, tmp_path / "raw", HEAD, overwrite=overwrite)
    assert (tmp_path / "dataset_description.json").read_text() == said
