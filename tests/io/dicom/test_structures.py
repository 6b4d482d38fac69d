"""Structure sets read back by pydicom and a polygon filler of another library."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw

from dicom_series import plane_directions, positions, write_series
from mrtoct.errors import FileError, GeometryError
from mrtoct.io.dicom import find_series
from mrtoct.io.dicom.contours import outlines
from mrtoct.io.dicom.read import grid_of
from mrtoct.io.dicom.structures import Structure, write_structures
from mrtoct.volume import Volume

SHAPE = (9, 71, 83)  # slices, rows, columns
SPACING = (1.1, 0.9)
FINER = 8


def filled(points: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Which pixel centres a polygon of (column, row) holds, by Pillow on a finer raster."""
    image = Image.new("1", (columns * FINER, rows * FINER))
    scaled = [((c + 0.5) * FINER, (r + 0.5) * FINER) for c, r in points]
    ImageDraw.Draw(image).polygon(scaled, fill=1)
    return np.asarray(image)[FINER // 2 :: FINER, FINER // 2 :: FINER]


def read(path, folder) -> dict[str, np.ndarray]:
    """Masks (slices, rows, columns) by name; every reader's rule: a polygon is filled."""
    ds = pydicom.dcmread(path)
    images = sorted(map(pydicom.dcmread, folder.iterdir()), key=lambda d: d.ImagePositionPatient[2])
    number = {d.SOPInstanceUID: n for n, d in enumerate(images)}
    names = {r.ROINumber: r.ROIName for r in ds.StructureSetROISequence}
    masks = {}
    for roi in ds.ROIContourSequence:
        mask = np.zeros(SHAPE, bool)
        for contour in roi.ContourSequence:
            k = number[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            points = np.array(contour.ContourData, float).reshape(-1, 3)
            first = np.array(images[k].ImagePositionPatient, float)
            np.testing.assert_allclose(points[:, 2], first[2], atol=0.006)
            pixels = (points - first)[:, :2] / (SPACING[1], SPACING[0])
            mask[k] ^= filled(pixels, *SHAPE[1:])
        masks[names[roi.ReferencedROINumber]] = mask
    return masks


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture
def drawn(tmp_path):
    directions = plane_directions()
    firsts = positions(directions, np.arange(SHAPE[0]) * 2.5)
    stored = np.zeros(SHAPE, np.int16)
    write_series(tmp_path / "ct", stored, directions, firsts, spacing=SPACING, modality="CT")
    source = find_series(tmp_path / "ct", "HU")
    k, r, c = np.indices(SHAPE)
    radius = np.hypot((r - 33) * 1.1, (c - 45) * 0.9 - k * 0.5)
    ring = (radius < 30) & (radius > 24)
    ring |= radius < 9
    ring |= (radius < 17) & (radius > 13)
    ring |= (np.hypot(r - 60, c - 12) < 6) & (np.hypot(r - 60, c - 12) > 2.5)
    noisy = ring & (np.random.default_rng(1).random(SHAPE) > 0.04)
    masks = {"RINGS": ring, "NOISY": noisy, "EXTERNAL": radius < 31}
    kinds = {"EXTERNAL": "EXTERNAL"}
    made = [
        Structure(
            name, Volume(np.ascontiguousarray(m.transpose(2, 1, 0)), grid_of(source), "label"),
            kinds.get(name, "ORGAN"), (255, 0, 0),
        )
        for name, m in masks.items()
    ]  # fmt: skip
    return source, made, masks


def test_rings_within_rings_come_back(drawn, tmp_path):
    source, made, masks = drawn
    write_structures(tmp_path / "rs.dcm", made, source)
    found = read(tmp_path / "rs.dcm", tmp_path / "ct")
    assert dice(found["RINGS"], masks["RINGS"]) > 0.995
    assert dice(found["EXTERNAL"], masks["EXTERNAL"]) > 0.995
    assert dice(found["NOISY"], masks["NOISY"]) > 0.96  # single pixels are not drawn
    ds = pydicom.dcmread(tmp_path / "rs.dcm")
    assert ds.file_meta.TransferSyntaxUID.is_implicit_VR
    types = [o.RTROIInterpretedType for o in ds.RTROIObservationsSequence]
    assert types == ["ORGAN", "ORGAN", "EXTERNAL"]
    study = ds.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    assert study.RTReferencedSeriesSequence[0].SeriesInstanceUID == source.uid
    assert len(study.RTReferencedSeriesSequence[0].ContourImageSequence) == SHAPE[0]
    assert ds.PatientID == "secret-0815"
    external = ds.ROIContourSequence[2].ContourSequence
    assert len(external) == SHAPE[0]  # one outline a slice


def test_contours_longer_than_64_kb_come_back_whole(drawn, tmp_path):
    source, made, _ = drawn
    comb = np.zeros(made[0].mask.grid.shape, bool)
    comb[2:-2:2, 3:-3] = True
    comb[:, 34:37] = True
    write_structures(
        tmp_path / "rs.dcm",
        [Structure("COMB", made[0].mask.with_voxels(comb), "ORGAN", (1, 2, 3))], source,
    )  # fmt: skip
    contour = pydicom.dcmread(tmp_path / "rs.dcm").ROIContourSequence[0].ContourSequence[0]
    assert sum(len(str(value)) + 1 for value in contour.ContourData) > 1 << 16
    found = read(tmp_path / "rs.dcm", tmp_path / "ct")["COMB"]
    assert dice(found, comb.transpose(2, 1, 0)) > 0.99


def test_dciodvfy_finds_nothing(drawn, tmp_path):
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is absent; it comes with Debian's dicom3tools")
    source, made, _ = drawn
    write_structures(tmp_path / "rs.dcm", made, source)
    said = subprocess.run(
        ["dciodvfy", "-new", tmp_path / "rs.dcm"], capture_output=True, text=True, check=False
    )
    lines = (said.stdout + said.stderr).splitlines()
    assert [line for line in lines if line.startswith(("Error", "Warning"))] == []


def test_what_does_not_fit_is_refused(drawn, tmp_path):
    source, made, _ = drawn
    with pytest.raises(FileError, match=r"must end in \.dcm"):
        write_structures(tmp_path / "rs", made, source)
    directions = plane_directions((0, 20, 0))
    write_series(
        tmp_path / "oblique", np.zeros(SHAPE, np.int16), directions,
        positions(directions, np.arange(SHAPE[0]) * 2.5), modality="CT",
    )  # fmt: skip
    with pytest.raises(GeometryError, match="transverse slices only"):
        write_structures(tmp_path / "rs.dcm", made, find_series(tmp_path / "oblique", "HU"))
    small = made[0].mask.cropped((slice(0, 9), slice(0, 9), slice(0, 9)))
    wrong = [Structure("X", small, "ORGAN", (1, 2, 3))]
    with pytest.raises(GeometryError, match=r"X .* and the series"):
        write_structures(tmp_path / "rs.dcm", wrong, source)
    assert not (tmp_path / "rs.dcm").exists()


def test_outlines_of_nothing_and_of_specks():
    assert outlines(np.zeros((5, 6), bool), 1.0) == []
    speck = np.zeros((5, 6), bool)
    speck[2, 2] = True
    assert outlines(speck, 1.0) == []
    speck[1:4, 1:5] = True
    assert len(outlines(speck, 1.0)) == 1


def test_a_pixel_of_a_coarse_slice_is_no_speck():
    """Small cells and canals, and holes, are a pixel or two of 3.75 mm: none is lost."""
    mask = np.random.default_rng(2).random((41, 37)) > 0.8
    ring = np.hypot(*np.indices(mask.shape) - np.array([[[20]], [[18]]]))
    for drawn in (mask, (ring < 15) & ~mask):
        found = np.zeros(mask.shape, bool)
        for outline in outlines(drawn, 3.75**2):
            found ^= filled(outline.points[:, ::-1], *mask.shape)
        assert dice(found, drawn) > 0.99
        fine = sum(len(outline.points) for outline in outlines(drawn, 0.5**2))
        assert fine < sum(len(outline.points) for outline in outlines(drawn, 3.75**2))
