"""A synthetic CT as a series: where it lies, whose it is, what it claims and what it does not."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import DataElement, dcmread
from pydicom.uid import CTImageStorage, MRImageStorage

from dicom_series import DIRECTIONS, PATIENT_ID, plane_directions, positions, write_series
from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.calibration import CtCalibration, read_calibration
from mrtoct.io.dicom import find_series, read_series, write_ct_series
from mrtoct.io.dicom.planning import is_transverse, transverse_grid
from mrtoct.io.scan import Scan
from mrtoct.volume import Volume
from volumes import oblique_grid, random_volume

SHAPE = (7, 10, 13)
STORED = np.random.default_rng(3).integers(0, 900, SHAPE).astype(np.uint16)
OBLIQUE = plane_directions((12, -7, 25))
SAGITTAL = [0, 1, 0, 0, 0, -1]


def mr_series(folder, directions, *, spacing=(1.3, 0.9), step=2.5, **tags):
    firsts = positions(directions, step * np.arange(SHAPE[0]))
    write_series(folder, STORED, directions, firsts, spacing=spacing, **tags)
    return find_series(folder, "a.u.")


def hu_on(source, seed=1):
    return random_volume(read_series(source, "a.u.").grid, seed=seed)


def images_in(folder):
    return [dcmread(path) for path in sorted(folder.iterdir())]


@pytest.mark.parametrize("position", DIRECTIONS)
@pytest.mark.parametrize("slices", ["transverse", "source"])
def test_all_patient_positions_come_back(tmp_path, position, slices):
    """Upright slices stay as they are; oblique ones do where they are asked to."""
    degrees = (0, 0, 0) if slices == "transverse" else (3, -4, 5)
    directions = plane_directions(degrees, base=position)
    source = mr_series(tmp_path / "mr", directions, PatientPosition=position)
    sct = hu_on(source)
    written = write_ct_series(tmp_path / "ct", sct, source, slices=slices)
    assert written is sct
    back = read_series(find_series(tmp_path / "ct", "HU"), "HU")
    np.testing.assert_array_equal(back.voxels, sct.voxels)
    assert back.voxels.dtype == np.int16
    np.testing.assert_allclose(back.affine, sct.affine, atol=1e-6)
    mr = {tuple(d.ImagePositionPatient): d for d in images_in(tmp_path / "mr")}
    for image in images_in(tmp_path / "ct"):
        assert image.PatientPosition == position
        (made_of,) = image.SourceImageSequence
        near = min(
            mr, key=lambda p, at=image.ImagePositionPatient: np.linalg.norm(np.subtract(p, at))
        )
        np.testing.assert_allclose(near, image.ImagePositionPatient, atol=1e-6)
        assert made_of.ReferencedSOPInstanceUID == mr[near].SOPInstanceUID
        assert made_of.SpatialLocationsPreserved == "YES"


def test_agrees_with_itk(tmp_path):
    source = mr_series(tmp_path / "mr", OBLIQUE)
    sct = hu_on(source)
    write_ct_series(tmp_path / "ct", sct, source, slices="source")
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "ct"))
    image = sitk.ReadImage(names)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, sct.voxels)
    for index in [(0, 0, 0), (12, 3, 6)]:
        lps = np.array(image.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(sct.grid.to_world(index), lps * (-1, -1, 1), atol=1e-5)


@pytest.mark.parametrize("directions", [SAGITTAL, OBLIQUE], ids=["sagittal", "oblique"])
def test_other_slices_become_transverse_in_the_same_place(tmp_path, directions):
    """A field that is linear in the world stays itself under linear interpolation."""
    source = mr_series(tmp_path / "mr", directions)
    grid = read_series(source, "a.u.").grid
    gradient = np.array([7.0, -5.0, 9.0])
    points = grid.to_world(np.stack(np.indices(grid.shape), axis=-1))
    sct = Volume(np.rint(points @ gradient).astype(np.int16), grid, "HU")
    write_ct_series(tmp_path / "ct", sct, source)
    images = images_in(tmp_path / "ct")
    for image in images:
        assert list(image.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
        assert image.PixelSpacing[0] == image.PixelSpacing[1] == pytest.approx(0.9)
        assert image.FrameOfReferenceUID == "1.2.3.5"
        assert image.DerivationCodeSequence[0].CodeMeaning == "Spatial resampling"
        assert len(image.SourceImageSequence) == SHAPE[0]
        assert image.SourceImageSequence[0].SpatialLocationsPreserved == "NO"
    heights = [float(image.ImagePositionPatient[2]) for image in images]
    np.testing.assert_allclose(np.diff(heights), 1.3 if directions is SAGITTAL else 2.5)
    # Every voxel inside, by DICOM's own formula; outside the MR's voxels is air.
    inside = 0
    for image in images:
        hu = image.pixel_array.astype(float) * image.RescaleSlope + image.RescaleIntercept
        first = np.array(image.ImagePositionPatient, float)
        rows, columns = np.indices(hu.shape)
        world = np.stack([first[0] + 0.9 * columns, first[1] + 0.9 * rows,
                          np.full(hu.shape, first[2])], axis=-1) * (-1, -1, 1)  # fmt: skip
        at = grid.to_index(world)
        within = ((at >= 0) & (at <= np.array(grid.shape) - 1)).all(axis=-1)
        beyond = ((at < -0.51) | (at > np.array(grid.shape) - 0.49)).any(axis=-1)
        assert np.abs(hu - world @ gradient)[within].max(initial=0) < 1.1
        assert (hu[beyond] == -1024).all()
        inside += within.sum()
    assert inside > 500


def test_a_transverse_grid_holds_all_in_no_more_than_512_pixels():
    grid = oblique_grid(shape=(700, 10, 7), spacing=(0.4, 0.5, 4.0))
    new = transverse_grid(grid)
    assert is_transverse(new)
    assert not is_transverse(grid)
    assert max(new.shape[:2]) <= 512 + 1
    assert new.spacing[0] == pytest.approx(new.spacing[1])
    assert new.spacing[2] == pytest.approx(4.0)
    corners = new.to_index(grid.corners(outer=True))
    assert (corners > -0.5 - 1e-6).all()
    assert (corners < np.array(new.shape) - 0.5 + 1e-6).all()


def test_what_the_images_say(tmp_path):
    stated = {"BodyPartExamined": "HEAD", "PatientAge": "089Y", "StudyDescription": "head"}
    source = mr_series(tmp_path / "mr", plane_directions(), InstitutionName="Clinic", **stated)
    write_ct_series(tmp_path / "ct", hu_on(source), source, derivation="By a network")
    images, mr = images_in(tmp_path / "ct"), images_in(tmp_path / "mr")
    assert len({d.SOPInstanceUID for d in images} | {d.SOPInstanceUID for d in mr}) == 14
    assert len({d.SeriesInstanceUID for d in images} | {source.uid}) == 2
    for image in images:
        for keyword in (
            "StudyInstanceUID", "FrameOfReferenceUID", "PatientName", "PatientID",
            "PatientBirthDate", "PatientSex", "PatientAge", "StudyDate", "StudyTime", "StudyID",
            "AccessionNumber", "ReferringPhysicianName", "StudyDescription", "PatientPosition",
            "BodyPartExamined",
        ):  # fmt: skip
            assert image[keyword] == mr[0][keyword], keyword
        assert image.SOPClassUID == CTImageStorage
        assert image.Modality == "CT"
        assert list(image.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
        assert "Synthetic" in image.SeriesDescription
        assert image.DerivationDescription == "By a network"
        assert "DerivationCodeSequence" not in image
        assert (image.RescaleSlope, image.RescaleIntercept) == (1, -1024)
        assert (image.BitsAllocated, image.PixelRepresentation) == (16, 1)
        assert image.Manufacturer == "mrtoct"
        assert image.SeriesNumber == 1005
        # Nothing that only a scanner would know is invented, nor taken from the MR's.
        assert image["KVP"].is_empty
        for keyword in ("EchoTime", "InstitutionName", "ConvolutionKernel", "ExposureTime"):
            assert keyword not in image
        (series,) = image.ReferencedSeriesSequence
        assert series.SeriesInstanceUID == source.uid
        (listed,) = series.ReferencedInstanceSequence
        (made_of,) = image.SourceImageSequence
        assert listed.ReferencedSOPInstanceUID == made_of.ReferencedSOPInstanceUID
        assert image.SourceImageSequence[0].ReferencedSOPClassUID == MRImageStorage
        assert image.SourceImageSequence[0].PurposeOfReferenceCodeSequence[0].CodeValue == "121322"


def test_the_calibration_of_the_training_is_stated(tmp_path):
    source = mr_series(tmp_path / "mr", plane_directions(), BodyPartExamined="HEAD")
    known = CtCalibration(120.0, "H30s", "Siemens Sensation 64")
    write_ct_series(
        tmp_path / "ct", hu_on(source), source, derivation=f"HU as of CTs: {known}",
        calibration=known,
    )  # fmt: skip
    for image in images_in(tmp_path / "ct"):
        assert (image.KVP, image.ConvolutionKernel) == (120, "H30s")
        assert image.SeriesDescription == "Synthetic CT from MR (mrtoct), HU as at 120 kVp H30s"
        assert image.DerivationDescription == (
            "HU as of CTs: 120 kVp, kernel H30s, Siemens Sensation 64"
        )
        assert image.ManufacturerModelName == "mrtoct"  # no scanner made these images
    found = read_calibration(Scan(tmp_path / "ct"))
    assert found == CtCalibration(120.0, "H30s", "mrtoct")
    require_valid(tmp_path / "ct" / "CT0001.dcm", "CTImage")


def require_valid(path, kind):
    """Let an independent validator look at a file, where there is one."""
    if shutil.which("dciodvfy") is not None:
        done = subprocess.run(
            ["dciodvfy", "-new", path], capture_output=True, text=True, check=False
        )
        said = (done.stdout + done.stderr).splitlines()
        assert kind in said
        assert [line for line in said if "Error" in line or "Warning" in line] == []


@pytest.mark.parametrize(
    "distances", [[0, 3, 6, 12, 15, 18, 21], [0, 3, 6, 9.7, 12.7, 15.7, 18]], ids=["gap", "uneven"]
)
def test_uneven_slices_become_even_ones_that_are_of_all_images(tmp_path, distances):
    directions = plane_directions()
    firsts = positions(directions, np.array(distances, dtype=float))
    write_series(tmp_path / "mr", STORED, directions, firsts)
    source = find_series(tmp_path / "mr", "a.u.")
    grid = read_series(source, "a.u.", uneven="resample").grid
    sct = random_volume(grid)
    assert write_ct_series(tmp_path / "ct", sct, source) is sct
    back = read_series(find_series(tmp_path / "ct", "HU"), "HU")  # even, or it were refused
    np.testing.assert_array_equal(back.voxels, sct.voxels)
    np.testing.assert_allclose(back.affine, grid.affine, atol=1e-6)
    images = images_in(tmp_path / "ct")
    assert len(images) == round(distances[-1] / 3) + 1
    for k, image in enumerate(images):
        expected = firsts[0] + np.array([0, 0, 3.0 * k])
        np.testing.assert_allclose(image.ImagePositionPatient, expected, atol=1e-6)
        assert image.SpacingBetweenSlices == image.SliceThickness == 3
        assert len(image.SourceImageSequence) == len(STORED)
        (resampled,) = image.DerivationCodeSequence
        assert resampled.CodeMeaning == "Spatial resampling"


def test_what_the_source_does_not_know_stays_empty(tmp_path):
    source = mr_series(tmp_path / "mr", plane_directions(), FrameOfReferenceUID="",
                       PatientPosition="", PatientSex="", LossyImageCompression="01")  # fmt: skip
    write_ct_series(tmp_path / "ct", hu_on(source), source)
    images = images_in(tmp_path / "ct")
    assert all(
        image["PatientPosition"].is_empty and image["PatientSex"].is_empty for image in images
    )
    assert len({image.FrameOfReferenceUID for image in images}) == 1  # new, and one
    assert {image.LossyImageCompression for image in images} == {"01"}


def test_values_of_another_kind_than_dicom_says_are_written_as_it_says(tmp_path):
    mr_series(tmp_path / "mr", plane_directions(), PatientSex="M")
    for path in (tmp_path / "mr").iterdir():
        image = dcmread(path)
        image[0x00200052] = DataElement(0x00200052, "LO", image.FrameOfReferenceUID)
        image[0x00100040] = DataElement(0x00100040, "LO", "M")
        image.save_as(path, implicit_vr=False, little_endian=True)
    source = find_series(tmp_path / "mr", "a.u.")
    write_ct_series(tmp_path / "ct", hu_on(source), source)
    for image in images_in(tmp_path / "ct"):
        assert (image[0x00200052].VR, image[0x00100040].VR) == ("UI", "CS")
        assert (image.FrameOfReferenceUID, image.PatientSex) == (
            source.frames[0].file.frame_of_reference, "M",
        )  # fmt: skip


def test_nothing_is_overwritten_by_accident(tmp_path):
    source = mr_series(tmp_path / "study" / "mr", plane_directions())
    sct = hu_on(source)
    write_ct_series(tmp_path / "ct", sct, source)
    before = sorted(p.read_bytes() for p in (tmp_path / "ct").iterdir())
    with pytest.raises(FileError, match="exists already"):
        write_ct_series(tmp_path / "ct", sct, source)
    assert sorted(p.read_bytes() for p in (tmp_path / "ct").iterdir()) == before
    for folder in (tmp_path / "study", tmp_path / "study" / "mr"):
        with pytest.raises(FileError, match="holds the MR"):
            write_ct_series(folder, sct, source, overwrite=True)
    write_ct_series(tmp_path / "ct", hu_on(source, seed=2), source, overwrite=True)
    assert len(list((tmp_path / "ct").iterdir())) == 7


def test_values_that_a_ct_cannot_hold_are_refused(tmp_path):
    source = mr_series(tmp_path / "mr", plane_directions())
    sct = hu_on(source)
    with pytest.raises(ValueRangeError, match="got float32 voxels in HU"):
        write_ct_series(tmp_path / "ct", sct.with_voxels(sct.voxels.astype("f4")), source)
    with pytest.raises(ValueRangeError, match=r"got int16 voxels in a\.u\."):
        write_ct_series(tmp_path / "ct", sct.with_voxels(sct.voxels, "a.u."), source)
    with pytest.raises(ValueRangeError, match=r"holds -33792 to 31743 HU, got 0 to 31744"):
        write_ct_series(
            tmp_path / "ct", sct.with_voxels(np.where(sct.voxels > 0, 31744, 0)), source
        )
    edge = sct.with_voxels(np.where(sct.voxels > 0, 31743, -2048))
    write_ct_series(tmp_path / "ct", edge, source)
    back = read_series(find_series(tmp_path / "ct", "HU"), "HU")
    np.testing.assert_array_equal(back.voxels, edge.voxels)


def test_images_say_how_much_was_not_measured(tmp_path):
    source = mr_series(tmp_path / "mr", plane_directions())
    sct = hu_on(source)
    measured = np.ones(sct.grid.shape, bool)
    measured[0] = False
    written = write_ct_series(tmp_path / "ct", sct.measured_where(measured), source)
    assert written.unmeasured == pytest.approx(1 / sct.grid.shape[0])
    part = f"{100 * written.unmeasured:.1f} %"
    (said,) = {image.DerivationDescription for image in images_in(tmp_path / "ct")}
    assert said == (
        f"Synthetic CT estimated from MR; {part} of its voxels were not measured by the MR and "
        "hold -1024 HU"
    )
    write_ct_series(tmp_path / "whole", sct, source)
    (said,) = {image.DerivationDescription for image in images_in(tmp_path / "whole")}
    assert said == "Synthetic CT estimated from MR"


@pytest.mark.parametrize("directions", [plane_directions(), OBLIQUE], ids=["upright", "oblique"])
def test_an_independent_validator_finds_no_error(tmp_path, directions):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is absent; it comes with Debian's dicom3tools")
    source = mr_series(tmp_path / "mr", directions, BodyPartExamined="HEAD")
    write_ct_series(tmp_path / "ct", hu_on(source), source)
    for path in sorted((tmp_path / "ct").iterdir())[:2]:
        done = subprocess.run(
            ["dciodvfy", "-new", path], capture_output=True, text=True, check=False
        )
        said = (done.stdout + done.stderr).splitlines()
        assert "CTImage" in said
        assert [line for line in said if "Error" in line or "Warning" in line] == []
    # The validator does find errors: it is no empty ceremony.
    broken = dcmread(path)
    del broken.RescaleSlope
    broken.save_as(tmp_path / "broken.dcm")
    done = subprocess.run(
        ["dciodvfy", "-new", tmp_path / "broken.dcm"], capture_output=True, text=True, check=False
    )
    assert "Error" in done.stderr + done.stdout


def test_no_message_names_the_patient(tmp_path):
    source = mr_series(tmp_path / "mr", plane_directions())
    sct = hu_on(source)
    write_ct_series(tmp_path / "ct", sct, source)
    with pytest.raises(FileError) as caught:
        write_ct_series(tmp_path / "ct", sct, source)
    assert PATIENT_ID not in str(caught.value)
