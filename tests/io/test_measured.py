"""What was measured, in files: NaN, the record beside a volume, and what happens to it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from mrtoct.datasets.plain import list_plain
from mrtoct.errors import FileError, GeometryError
from mrtoct.io import metaimage, nifti, nrrd
from mrtoct.io.files import files_of, read_volume, write_volume
from mrtoct.io.measured import is_measured_file
from mrtoct.io.scan import Scan
from mrtoct.judging.folders import volumes_in
from mrtoct.simulation.sources import find_sources
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid, random_volume

RECORDS = {
    ".nii": ".nii",
    ".nii.gz": ".nii.gz",
    ".mha": ".mha",
    ".mhd": ".mha",
    ".nrrd": ".nrrd",
}
"""The ending of each format's record."""


def part_measured(seed: int = 0) -> Volume:
    volume = random_volume(oblique_grid(), seed=seed)
    measured = np.random.default_rng(seed + 1).random(volume.grid.shape) < 0.7
    return volume.with_voxels(np.where(measured, volume.voxels, -1024)).measured_where(measured)


@pytest.mark.parametrize("suffix", RECORDS)
@pytest.mark.parametrize(("unit", "fill"), [("HU", -1024), ("a.u.", 0)])
def test_nan_in_a_file_is_not_measured(tmp_path, caplog, suffix, unit, fill) -> None:
    path = tmp_path / f"scan{suffix}"
    voxels = random_volume(oblique_grid()).voxels.astype(np.float32)
    voxels[:, :, 2] = voxels[0, 0, 0] = np.nan
    write = {".nii": nifti.write, ".gz": nifti.write, ".nrrd": nrrd.write}
    write.get(path.suffix, metaimage.write)(
        path, Volume(voxels, oblique_grid(), unit), overwrite=False
    )
    found = read_volume(path, unit)
    np.testing.assert_array_equal(found.measured, ~np.isnan(voxels))
    np.testing.assert_array_equal(found.voxels, np.where(np.isnan(voxels), fill, voxels))
    assert [record.getMessage() for record in caplog.records] == [
        f"scan{suffix}: 14.4 % of its voxels are NaN and count as not measured"
    ]


@pytest.mark.parametrize("suffix", RECORDS)
def test_what_was_measured_goes_to_disk_and_comes_back(tmp_path, suffix) -> None:
    volume = part_measured()
    path, record = tmp_path / f"sct{suffix}", tmp_path / f"sct_measured{RECORDS[suffix]}"
    write_volume(path, volume)
    if record.suffix in (".nii", ".gz"):  # by other libraries' reading
        stored = np.asanyarray(nib.load(record).dataobj)
    else:
        stored = sitk.GetArrayFromImage(sitk.ReadImage(str(record))).T
    np.testing.assert_array_equal(stored, volume.measured.astype(np.uint8))
    found = read_volume(path, "HU")
    np.testing.assert_array_equal(found.measured, volume.measured)
    np.testing.assert_array_equal(found.voxels, volume.voxels)
    assert read_volume(path, "label").measured is None
    assert record in files_of(Scan(path))
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_volume_of_nan_is_written_as_one_that_knows(tmp_path) -> None:
    voxels = random_volume(oblique_grid()).voxels.astype(np.float32)
    voxels[3] = np.nan
    write_volume(tmp_path / "ct.nii", Volume(voxels, oblique_grid(), "HU"))
    assert np.isfinite(nib.load(tmp_path / "ct.nii").get_fdata()).all()
    np.testing.assert_array_equal(
        read_volume(tmp_path / "ct.nii", "HU").measured, ~np.isnan(voxels)
    )


def test_a_volume_measured_everywhere_leaves_no_record_and_takes_away_a_stale_one(tmp_path) -> None:
    path, whole = tmp_path / "ct.nii.gz", random_volume(oblique_grid())
    write_volume(path, part_measured())
    write_volume(path, whole, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["ct.nii.gz"]
    assert read_volume(path, "HU").measured is None
    write_volume(tmp_path / "labels.nii.gz", whole.with_voxels(whole.voxels > 0, "label"))
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("volume", [random_volume(oblique_grid()), part_measured()])
def test_a_record_is_not_replaced_without_being_asked(tmp_path, volume) -> None:
    """Nor taken for that of a new volume, which would then be missing what it is not."""
    record = tmp_path / "ct_measured.nii.gz"
    record.write_bytes(b"someone's")
    with pytest.raises(FileError, match=r"ct_measured\.nii\.gz exists already; pass overwrite"):
        write_volume(tmp_path / "ct.nii.gz", volume)
    assert record.read_bytes() == b"someone's"
    assert list(tmp_path.iterdir()) == [record]


def test_a_volume_that_cannot_be_written_leaves_no_record(tmp_path) -> None:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[0, 1] = 1
    volume = random_volume(Grid((5, 4, 3), affine))
    measured = volume.voxels > 0
    with pytest.raises(GeometryError) as caught:
        write_volume(tmp_path / "ct.mha", volume.measured_where(measured))
    assert str(caught.value).startswith(f"{tmp_path / 'ct.mha'}: MetaImage cannot hold a sheared")
    assert list(tmp_path.iterdir()) == []


def test_a_tilted_grid_is_warned_of_once(tmp_path, caplog) -> None:
    affine = np.diag([1.0, 2.0, 3.0, 1.0])
    affine[0, 1] = 1
    volume = random_volume(Grid((5, 4, 3), affine))
    write_volume(tmp_path / "ct.nii", volume.measured_where(volume.voxels > 0))
    (record,) = caplog.records
    assert record.getMessage().startswith("ct.nii: its axes are not at right angles")
    found = read_volume(tmp_path / "ct.nii", "HU")
    np.testing.assert_array_equal(found.measured, volume.voxels > 0)


def test_a_volume_is_not_given_the_name_of_a_record_and_a_mask_may_be(tmp_path) -> None:
    volume = random_volume(oblique_grid())
    path = tmp_path / "ct_measured.nii.gz"
    with pytest.raises(FileError, match="ends in _measured is reserved for masks"):
        write_volume(path, volume)
    assert list(tmp_path.iterdir()) == []
    write_volume(tmp_path / "ct.nii.gz", volume)
    write_volume(path, volume.with_voxels(volume.voxels > 0, "label"))
    np.testing.assert_array_equal(
        read_volume(tmp_path / "ct.nii.gz", "HU").measured, volume.voxels > 0
    )


def test_a_record_of_another_volume_and_a_damaged_one_are_refused(tmp_path) -> None:
    path, record = tmp_path / "ct.nii.gz", tmp_path / "ct_measured.nii.gz"
    write_volume(path, random_volume(oblique_grid()))
    other = random_volume(oblique_grid(shape=(13, 10, 8)))
    nifti.write(record, other, overwrite=False)
    with pytest.raises(GeometryError, match=r"ct_measured.* of ct\.nii\.gz, but on another grid"):
        read_volume(path, "HU")
    record.write_bytes(b"no mask")
    with pytest.raises(FileError, match=r"ct_measured\.nii\.gz: not a NIfTI file"):
        read_volume(path, "HU")


def test_a_record_is_never_a_volume_of_a_cohort(tmp_path) -> None:
    volume = part_measured()
    for name in ("ct", "mr", "mr_T2", "sct"):
        write_volume(tmp_path / "raw" / "s1" / f"{name}.nii.gz", volume)
    assert (tmp_path / "raw" / "s1" / "mr_T2_measured.nii.gz").is_file()
    (found,) = list_plain(tmp_path / "raw").subjects
    assert sorted(found.mr) == ["T2", "mr"]
    assert list(volumes_in(tmp_path / "raw", "sct")) == ["s1"]
    for name in ("s1", "s2"):
        write_volume(tmp_path / "bare" / f"{name}.mha", volume)
        write_volume(tmp_path / "named" / f"sct_{name}.nii.gz", volume)
    assert list(volumes_in(tmp_path / "bare", "ct")) == ["s1", "s2"]
    assert list(volumes_in(tmp_path / "named", "sct")) == ["s1", "s2"]
    assert [source.name for source in find_sources(tmp_path / "bare")] == ["s1", "s2"]


@pytest.mark.parametrize(
    ("name", "is_record"),
    [
        ("ct_measured.nii.gz", True),
        ("CT_Measured.NII", True),
        ("mr_T1_measured.nrrd", True),
        ("measured.nii.gz", False),
        ("ct_measured.json", False),
        ("ct_measured_again.nii.gz", False),
    ],
)
def test_the_name_of_a_record(name: str, is_record: bool) -> None:
    assert is_measured_file(Path(name)) == is_record
