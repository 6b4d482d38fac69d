"""NRRD against SimpleITK, both ways, and headers that cannot be right."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from itk_images import LPS, itk_image
from mrtoct.errors import FileError, GeometryError
from mrtoct.io.files import files_of, read_volume, write_volume
from mrtoct.io.scan import Scan
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid, random_volume


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr"])
@pytest.mark.parametrize("compressed", [True, False])
def test_we_read_what_itk_writes(tmp_path, suffix, compressed, flip):
    volume = random_volume(oblique_grid(flip=flip))
    path = tmp_path / f"ct{suffix}"
    sitk.WriteImage(itk_image(volume), str(path), useCompression=compressed)
    back = read_volume(path, "HU")
    assert back.voxels.dtype == np.int16
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-9)
    files = files_of(Scan(path))
    assert files[0] == path
    assert len(files) == (2 if suffix == ".nhdr" else 1)
    assert all(file.is_file() for file in files)


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4"])
def test_itk_reads_what_we_write(tmp_path, dtype, flip):
    volume = random_volume(oblique_grid(flip=flip))
    volume = volume.with_voxels(np.abs(volume.voxels).astype(dtype))
    path = tmp_path / "ct.nrrd"
    write_volume(path, volume)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, volume.voxels)
    for index in np.ndindex(2, 2, 2):
        corner = [int(i * (n - 1)) for i, n in zip(index, volume.grid.shape, strict=True)]
        lps = image.TransformIndexToPhysicalPoint(corner)
        np.testing.assert_allclose(volume.grid.to_world(corner), lps * LPS, atol=1e-6)
    back = read_volume(path, "HU")
    assert back.voxels.dtype == volume.voxels.dtype
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    again = tmp_path / "again.nrrd"
    write_volume(again, volume)
    assert again.read_bytes() == path.read_bytes()


def header(path: Path, voxels: np.ndarray, **fields: str | None) -> Path:
    """Write a file with some fields changed, or left out where None."""
    lines = {
        "type": "short",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, voxels.shape)),
        "space directions": "(2,0,0) (0,3,0) (0,0,4)",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(10,20,30)",
    }
    changed = {**lines, **{k.replace("_", " "): v for k, v in fields.items()}}
    text = "NRRD0005\n" + "".join(f"{k}: {v}\n" for k, v in changed.items() if v is not None)
    block = voxels.astype("<i2").tobytes(order="F")
    if changed["encoding"] == "gzip":
        block = gzip.compress(block)
    path.write_bytes(text.encode() + b"\n" + block)
    return path


VOXELS = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("LPS", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("RAS", (1, 1, 1)),
        ("left-anterior-superior", (-1, 1, 1)),
    ],
)
def test_every_space_of_patients_is_brought_to_ras(tmp_path, space, signs):
    back = read_volume(header(tmp_path / "a.nrrd", VOXELS, space=space), "a.u.")
    expected = np.diag([2.0 * signs[0], 3.0 * signs[1], 4.0 * signs[2], 1])
    expected[:3, 3] = np.array(signs) * (10, 20, 30)
    np.testing.assert_array_equal(back.affine, expected)
    np.testing.assert_array_equal(back.voxels, VOXELS)


def test_spacings_alone_leave_left_and_right_open(tmp_path, caplog):
    path = header(
        tmp_path / "a.nrrd", VOXELS, space=None, space_directions=None, space_origin=None,
        spacings="1 2 3",
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        back = read_volume(path, "a.u.")
    np.testing.assert_array_equal(back.affine, np.diag([1.0, 2, 3, 1]))
    assert "left and right are guessed" in caplog.text


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"sizes": "2 3 4 1", "dimension": "4"}, GeometryError, "three dimensions"),
        ({"sizes": "2 3 0"}, GeometryError, "must be positive"),
        ({"sizes": "200 300 400"}, FileError, "announces 48000000 bytes of voxels, it holds 48"),
        ({"space": "scanner-xyz"}, GeometryError, "its space is scanner-xyz; allowed"),
        ({"space": None, "space_directions": None}, GeometryError, "neither space directions"),
        ({"space_directions": "(2,0,0) (0,nan,0) (0,0,4)"}, GeometryError, "not finite"),
        ({"type": "block"}, FileError, "got type 'block'"),
        ({"endian": None}, FileError, "does not state its endian"),
        ({"encoding": "bzip2"}, FileError, "encoding is bzip2; allowed: raw, gzip"),
        ({"byte_skip": "-1"}, FileError, "skips lines or bytes"),
        ({"data_file": "../../secret.raw"}, FileError, "is not a single file beside it"),
        ({"data_file": "/etc/passwd"}, FileError, "is not a single file beside it"),
        ({"sizes": "x"}, FileError, "header is damaged"),
    ],
)
def test_headers_that_cannot_be_right(tmp_path, fields, error, message):
    path = header(tmp_path / "bad.nrrd", VOXELS, **fields)
    with pytest.raises(error, match=rf"bad\.nrrd.*{message}"):
        read_volume(path, "a.u.")


def test_damaged_files_are_named(tmp_path):
    good = header(tmp_path / "a.nrrd", VOXELS, encoding="gzip")
    np.testing.assert_array_equal(read_volume(good, "HU").voxels, VOXELS)
    content = good.read_bytes()
    for bad in (b"", b"NIFTI", content[:20], content[:-20], content.replace(b"\n\n", b"\n")):
        (tmp_path / "b.nrrd").write_bytes(bad)
        with pytest.raises((FileError, GeometryError), match=r"b\.nrrd"):
            read_volume(tmp_path / "b.nrrd", "HU")


def test_only_one_file_is_written(tmp_path):
    volume = Volume(VOXELS.astype(np.int16), Grid((2, 3, 4), np.eye(4)), "HU")
    with pytest.raises(FileError, match=r"name it \.nrrd"):
        write_volume(tmp_path / "a.nhdr", volume)
    assert list(tmp_path.iterdir()) == []
