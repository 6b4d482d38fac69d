"""A scanner's attenuation map, as a series with private groups, replaced by another."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from dicom_series import plane_directions, positions, write_series
from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.dicom import find_series
from mrtoct.io.dicom.umap import read_umap, write_umap
from mrtoct.volume import Grid

SHAPE = (11, 13, 17)  # slices, rows, columns


def with_private_groups(dataset, k):
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", b"SV10" + bytes([k]) * 8)
    dataset.LargestImagePixelValue = 1
    dataset["LargestImagePixelValue"].VR = "US"


@pytest.fixture
def umap(tmp_path):
    stored = np.random.default_rng(4).integers(0, 1500, SHAPE).astype(np.uint16)
    directions = plane_directions()
    write_series(
        tmp_path / "umap", stored, directions, positions(directions, np.arange(11) * 2.03),
        spacing=(2.1, 2.1), each=with_private_groups, SeriesNumber=7,
        SeriesDescription="Head_MRAC_PET_UTE_UMAP", ImageComments="MR based umap",
        ImageType=["DERIVED", "PRIMARY", "MRPET_UMAP3D", "M"],
    )  # fmt: skip
    return tmp_path / "umap", stored


def headers(folder):
    found = [pydicom.dcmread(path) for path in folder.iterdir()]
    return {tuple(map(float, d.ImagePositionPatient)): d for d in found}


def test_values_are_per_cm(umap):
    folder, stored = umap
    mu = read_umap(find_series(folder, "a.u."))
    assert mu.unit == "1/cm"
    np.testing.assert_allclose(mu.voxels[:, :, 4], stored[4].T / 10000, rtol=1e-6)


def test_only_pixels_and_what_must_be_new_differ(umap, tmp_path):
    folder, _ = umap
    series = find_series(folder, "a.u.")
    mu = read_umap(series)
    rng = np.random.default_rng(5)
    other = mu.with_voxels(rng.uniform(0, 0.18, mu.grid.shape).astype(np.float32))
    write_umap(tmp_path / "new", other, series, description="made for a test")
    before, after = headers(folder), headers(tmp_path / "new")
    assert before.keys() == after.keys()
    assert len({d.SOPInstanceUID for d in after.values()}) == len(after)
    new = {
        "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription", "PixelData",
        "DerivationDescription", "SourceImageSequence", "ReferencedSeriesSequence",
        "LargestImagePixelValue",
    }  # fmt: skip
    for place, one in before.items():
        made = after[place]
        changed = {e.keyword or str(e.tag) for e in made if e.tag not in one or one[e.tag] != e} | {
            e.keyword for e in one if e.tag not in made
        }
        assert changed == new
        assert made.file_meta.MediaStorageSOPInstanceUID == made.SOPInstanceUID
        assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == one.SOPInstanceUID
        assert made.LargestImagePixelValue == made.pixel_array.max()
    assert {d.SeriesNumber for d in after.values()} == {1007}
    assert len({d.SeriesInstanceUID for d in after.values()}) == 1
    back = read_umap(find_series(tmp_path / "new", "a.u."))
    assert back.grid.matches(mu.grid)
    np.testing.assert_allclose(back.voxels, other.voxels, atol=0.50001e-4)


def test_what_does_not_fit_is_refused(umap, tmp_path):
    folder, _ = umap
    series = find_series(folder, "a.u.")
    mu = read_umap(series)
    moved = mu.affine.copy()
    moved[0, 3] += 1
    with pytest.raises(GeometryError, match="different grids"):
        write_umap(
            tmp_path / "x", type(mu)(mu.voxels, Grid(mu.grid.shape, moved), mu.unit), series,
            description="",
        )  # fmt: skip
    with pytest.raises(ValueRangeError, match="cannot store"):
        write_umap(tmp_path / "x", mu.with_voxels(mu.voxels + 10), series, description="")
    with pytest.raises(FileError, match="holds the original attenuation map"):
        write_umap(folder, mu, series, description="", overwrite=True)
    assert not (tmp_path / "x").exists()


def test_a_usual_mr_is_no_attenuation_map(tmp_path):
    directions = plane_directions()
    stored = np.full(SHAPE, 30000, np.uint16)
    write_series(tmp_path / "t1", stored, directions, positions(directions, np.arange(11) * 2.0))
    with pytest.raises(ValueRangeError, match=r"values run from 30000 to 30000; .*water 960"):
        read_umap(find_series(tmp_path / "t1", "a.u."))
