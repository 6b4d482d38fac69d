"""Headers read by a few lines that know nothing of the writer, in STIR's axes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError, GeometryError
from mrtoct.io import interfile
from mrtoct.volume import Grid, Volume


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voxels [x, y, z], spacing and first voxel's place (left, posterior, inferior)."""
    text = path.read_text()
    numbers = [
        [float(v) for v in re.findall(rf"{re.escape(key)} \[\d\] := (\S+)", text)]
        for key in ("!matrix size", "scaling factor (mm/pixel)", "first pixel offset (mm)")
    ]
    data = re.search(r"name of data file := (\S+)", text)[1]
    x, y, z = map(int, numbers[0])
    voxels = np.fromfile(path.with_name(data), "<f4").reshape(z, y, x).T
    return voxels, np.array(numbers[1]), np.array(numbers[2])


@pytest.mark.parametrize(
    "axes",
    [
        np.diag([1.5, 2.0, 3.0]),
        np.diag([-1.5, -2.0, 3.0]),
        np.array([[0, 0, 3.0], [-1.5, 0, 0], [0, 2.0, 0]]),
    ],
    ids=["RAS", "LPS", "sagittal"],
)
def test_every_voxel_lies_where_it_did(tmp_path, axes):
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes, (-20, 31, 7)
    voxels = np.random.default_rng(1).random((5, 7, 9)).astype(np.float32)
    volume = Volume(voxels, Grid(voxels.shape, affine), "1/cm")
    path = tmp_path / "mu.hv"
    interfile.write(path, volume, units="1/cm", name="mu")
    found, spacing, first = read(path)
    for index in [(0, 0, 0), (4, 2, 8), (3, 6, 1)]:
        world = volume.grid.to_world(index) * (-1, -1, -1)
        at = np.rint((world - first) / spacing).astype(int)
        np.testing.assert_allclose(first + at * spacing, world, atol=1e-4)
        assert found[tuple(at)] == voxels[index]
    assert "quantification units := 1/cm" in path.read_text()
    with pytest.raises(FileError, match="exists already"):
        interfile.write(path, volume, units="1/cm")


def test_oblique_grids_and_other_names_are_refused(tmp_path):
    turned = np.eye(4)
    turned[:2, :2] = [[0.9, -0.4359], [0.4359, 0.9]]
    volume = Volume(np.zeros((4, 4, 4), np.float32), Grid((4, 4, 4), turned), "1/cm")
    with pytest.raises(GeometryError, match="along the body's axes only"):
        interfile.write(tmp_path / "mu.hv", volume, units="1/cm")
    with pytest.raises(FileError, match=r"must end in \.hv"):
        interfile.write(tmp_path / "mu.v", volume, units="1/cm")
    assert not list(tmp_path.iterdir())
