"""What mrtoct translate writes beside HU: structures, calibration, doubts about the result.

The network is left out: a phantom's CT stands for what it would make at its best.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw

from dicom_series import write_series
from doc_kit import write_dicom
from mrtoct.io.calibration import CtCalibration, read_calibration
from mrtoct.io.dicom import find_series, read_series
from mrtoct.io.files import write_volume
from mrtoct.io.scan import Scan
from mrtoct.phantom import TINY, make_subject
from mrtoct.properties.structures import structures_of
from mrtoct.resample import resample
from mrtoct.translation.bundle import read_bundle, write_bundle
from mrtoct.translation.pretrained import shipped
from mrtoct.translation.training_cts import TrainingCts
from mrtoct.translation.translator import Translator
from mrtoct.volume import AIR_HU, Volume
from shipped_model import write_shipped

FINER = 8


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """A phantom's CT at 6 mm, an MR series and an MR file on its grid."""
    folder = tmp_path_factory.mktemp("scans")
    head = make_subject(3, TINY)
    mr = resample(head.mr["T1"], head.ct.grid, fill=0.0, transform=head.ct_to_mr)
    whole = mr.with_voxels(np.rint(mr.voxels).astype(np.int16))
    write_dicom(folder / "mr", whole, "MR", SeriesNumber=5, BodyPartExamined="HEAD")
    write_volume(folder / "mr.nii.gz", whole)
    return folder, head.ct


@pytest.fixture
def perfect(scans, tmp_path, monkeypatch):
    """Every translation is the phantom's CT."""
    monkeypatch.setattr(shipped, "FOLDER", write_shipped(tmp_path / "package"))

    def translate(self, channels, *, onto=None, **options) -> Volume:
        made = resample(scans[1], onto, fill=AIR_HU)
        return made.with_voxels(np.rint(made.voxels).astype(np.int16))

    monkeypatch.setattr(Translator, "translate", translate)
    monkeypatch.setattr(Translator, "doubts", lambda self, channels: [])


def drawn(path: Path, series) -> dict[str, np.ndarray]:
    """Return the masks (slices, rows, columns) of a structure set, filled by Pillow."""
    images = {frame.file.sop_instance: frame for frame in series.frames}
    order = sorted(images, key=lambda uid: images[uid].position[2])
    rows, columns = series.frames[0].shape
    ds = pydicom.dcmread(path)
    names = {roi.ROINumber: roi.ROIName for roi in ds.StructureSetROISequence}
    masks = {}
    for roi in ds.ROIContourSequence:
        mask = np.zeros((len(order), rows, columns), bool)
        for contour in roi.ContourSequence:
            uid = contour.ContourImageSequence[0].ReferencedSOPInstanceUID
            frame = images[uid]
            points = np.array(contour.ContourData, float).reshape(-1, 3) - frame.position
            assert np.abs(points[:, 2]).max() < 0.006
            column, row = points[:, 0] / frame.spacing[1], points[:, 1] / frame.spacing[0]
            image = Image.new("1", (columns * FINER, rows * FINER))
            corners = np.stack([column + 0.5, row + 0.5], axis=1) * FINER
            ImageDraw.Draw(image).polygon([*map(tuple, corners)], fill=1)
            mask[order.index(uid)] ^= np.asarray(image)[FINER // 2 :: FINER, FINER // 2 :: FINER]
        masks[names[roi.ReferencedROINumber]] = mask
    return masks


def test_the_set_lies_on_the_series_that_was_just_written(mrtoct, scans, perfect, tmp_path):
    folder, _ = scans
    sct = tmp_path / "sct"
    result = mrtoct("translate", folder / "mr", sct, "--format", "dicom", "--structures")
    assert (result.status, result.out) == (0, ""), result.err
    series = find_series(sct, "HU")
    ds = pydicom.dcmread(sct / "structures.dcm")
    (frame,) = ds.ReferencedFrameOfReferenceSequence
    mr = find_series(folder / "mr", "a.u.").frames[0].file
    assert frame.FrameOfReferenceUID == mr.frame_of_reference
    assert ds.StudyInstanceUID == mr.study
    (listed,) = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence
    assert listed.SeriesInstanceUID == series.uid
    assert {item.ReferencedSOPInstanceUID for item in listed.ContourImageSequence} == {
        frame.file.sop_instance for frame in series.frames
    }
    found = drawn(sct / "structures.dcm", series)
    for structure in structures_of(read_series(series, "HU")):
        mask = structure.mask.voxels.transpose(2, 1, 0)
        dice = 2 * (found[structure.name] & mask).sum() / (found[structure.name].sum() + mask.sum())
        assert dice > 0.99, structure.name
        assert mask.sum() > 100
    if shutil.which("dciodvfy") is not None:
        for name in ("structures.dcm", "CT0001.dcm"):
            done = subprocess.run(
                ["dciodvfy", "-new", sct / name], capture_output=True, text=True, check=False
            )
            said = (done.stdout + done.stderr).splitlines()
            assert [line for line in said if line.startswith(("Error", "Warning"))] == []


def test_what_cannot_have_structures_is_refused_before_the_work(
    mrtoct, scans, perfect, tmp_path, monkeypatch
):
    folder, _ = scans
    monkeypatch.setattr(Translator, "translate", pytest.fail)
    file = mrtoct("translate", folder / "mr.nii.gz", tmp_path / "sct.nii.gz", "--structures")
    assert "structures refer to a DICOM series: add --format dicom" in file.sentence
    sagittal = tmp_path / "sagittal"
    write_sagittal(sagittal, read_series(find_series(folder / "mr", "a.u."), "a.u."))
    kept = mrtoct(
        "translate", sagittal, tmp_path / "sct", "--format", "dicom", "--slices", "source",
        "--structures",
    )  # fmt: skip
    assert "structures on transverse slices only" in kept.sentence
    assert not (tmp_path / "sct").exists()


def write_sagittal(folder: Path, volume: Volume) -> None:
    # Voxels run to the left, to the back and up; rows of a slice run back, columns down.
    planes = volume.voxels[:, :, ::-1].transpose(0, 2, 1)
    shape = volume.grid.shape
    firsts = volume.grid.to_world([(i, 0, shape[2] - 1) for i in range(shape[0])]) * (-1, -1, 1)
    spacing = (volume.spacing[2], volume.spacing[1])
    write_series(folder, planes, [0, 1, 0, 0, 0, -1], firsts, spacing=spacing, SeriesNumber=4)


@pytest.fixture
def at_100_kvp(perfect, tmp_path) -> Path:
    """The same model, trained on CTs at 100 kVp."""
    bundle, network = read_bundle(tmp_path / "package" / "head")
    cts = TrainingCts((CtCalibration(100.0, "H30s", "Siemens"),))
    folder = tmp_path / "at-100"
    write_bundle(folder, replace(bundle, cts=cts, deviation=None), network.state_dict())
    return folder


def test_a_file_has_its_tube_voltage_beside_it_by_which_a_curve_is_chosen(
    mrtoct, scans, at_100_kvp, tmp_path
):
    folder, _ = scans
    sct = tmp_path / "sct.nii.gz"
    arguments = ("translate", folder / "mr.nii.gz", sct, "--model", at_100_kvp)
    assert mrtoct(*arguments).status == 0
    assert read_calibration(Scan(sct)) == CtCalibration(100.0, "H30s", None)
    told = json.loads((tmp_path / "sct.json").read_text())["Description"]
    assert told.endswith("; HU as of CTs: 100 kVp, kernel H30s, Siemens")
    result = mrtoct("convert", sct, tmp_path / "mu.nii.gz", "--to", "mu511")
    assert "by carney-2006-100kvp" in result.err
    assert "sct.nii.gz has HU of 100 kVp, like carney-2006-100kvp" in result.err
    sct.unlink()
    assert "sct.json exists already" in mrtoct(*arguments).sentence
    assert not sct.exists()


def test_a_series_says_it_too(mrtoct, scans, at_100_kvp, tmp_path):
    folder, _ = scans
    sct = tmp_path / "sct"
    result = mrtoct("translate", folder / "mr", sct, "--model", at_100_kvp, "--format", "dicom")
    assert result.status == 0, result.err
    assert not (tmp_path / "sct.json").exists()
    image = pydicom.dcmread(sct / "CT0003.dcm")
    assert image.KVP == 100
    assert image.DerivationDescription.endswith("; HU as of CTs: 100 kVp, kernel H30s, Siemens")
    result = mrtoct("convert", sct, tmp_path / "mu.nii.gz", "--to", "mu511")
    assert "by carney-2006-100kvp" in result.err


def test_without_a_calibration_nothing_lies_beside_the_file(mrtoct, scans, perfect, tmp_path):
    sct = tmp_path / "sct.nii.gz"
    assert mrtoct("translate", scans[0] / "mr.nii.gz", sct).status == 0
    assert not (tmp_path / "sct.json").exists()
    result = mrtoct("convert", sct, tmp_path / "mu.nii.gz", "--to", "mu511")
    assert "is not known; carney-2006-120kvp was used" in result.err


def test_what_is_odd_about_the_synthetic_ct_is_said_and_stands_on_the_page(
    mrtoct, scans, at_100_kvp, tmp_path, monkeypatch
):
    soft = scans[1].with_voxels(np.minimum(scans[1].voxels, 280))
    monkeypatch.setattr(Translator, "translate", lambda self, channels, **options: soft)
    sct, page = tmp_path / "sct.nii.gz", tmp_path / "page.html"
    result = mrtoct(
        "translate", scans[0] / "mr.nii.gz", sct, "--model", at_100_kvp, "--page", page
    )  # fmt: skip
    assert result.status == 0
    assert "warning: synthetic CT: 0.0% of the head is bone" in result.err
    html = page.read_text(encoding="utf-8")
    assert 'class="verdict caution"' in html
    assert "<li>synthetic CT: 0.0% of the head is bone (above 300 HU)" in html
    assert "<dt>Training CTs</dt><dd>100 kVp, kernel H30s, Siemens</dd>" in html
