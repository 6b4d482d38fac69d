from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.displacement import write_field
from volumes import oblique_grid


@pytest.mark.parametrize("name", ["field.nii.gz", "field.nii"])
def test_itk_moves_points_as_the_field_says(name: str, tmp_path: Path) -> None:
    grid = oblique_grid()
    rng = np.random.default_rng(1)
    field = rng.normal(0, 4, (*grid.shape, 3)).astype(np.float32)
    write_field(tmp_path / name, field, grid)
    image = sitk.ReadImage(tmp_path / name)
    assert image.GetNumberOfComponentsPerPixel() == 3
    transform = sitk.DisplacementFieldTransform(sitk.Cast(image, sitk.sitkVectorFloat64))
    lps = np.array([-1, -1, 1])
    for index in ((0, 0, 0), (12, 9, 6), (5, 2, 3)):
        point = grid.to_world(index)
        moved = np.array(transform.TransformPoint((point * lps).tolist())) * lps
        np.testing.assert_allclose(moved, point + field[index], atol=1e-3)


def test_what_does_not_fit_is_refused_and_nothing_written(tmp_path: Path) -> None:
    grid = oblique_grid()
    with pytest.raises(FileError, match=r"ends in \.nii\.gz or \.nii"):
        write_field(tmp_path / "field.mha", np.zeros((*grid.shape, 3)), grid)
    with pytest.raises(GeometryError, match="has shape"):
        write_field(tmp_path / "field.nii", np.zeros((3, 4, 5, 3)), grid)
    assert list(tmp_path.iterdir()) == []
    write_field(tmp_path / "field.nii", np.zeros((*grid.shape, 3)), grid)
    with pytest.raises(FileError, match="exists already"):
        write_field(tmp_path / "field.nii", np.zeros((*grid.shape, 3)), grid)
