"""Grids, and the two orientations of a NIfTI."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from mrtoct.check.geometry import check_grid, check_header, grid_facts
from mrtoct.volume import Grid
from volumes import oblique_grid, rotation


def kinds(findings):
    return [f.kind for f in findings]


def test_angles_and_axes_of_an_oblique_grid():
    facts = grid_facts(oblique_grid(degrees=(0.0, 0.0, 25.0), flip=(1, -1, 1)))
    assert facts.size == (13, 10, 7)
    assert facts.spacing_mm == (0.9, 1.3, 4.0)
    assert facts.length_mm == (11.7, 13.0, 28.0)
    assert (facts.axes, facts.left_handed) == ("RPS", True)
    assert facts.oblique_degrees == pytest.approx(25.0, abs=0.1)
    assert facts.sheared_degrees == 0


def test_the_tilt_of_a_gantry_is_noted():
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    affine[1, 2] = 4 * np.tan(np.deg2rad(12))
    facts = grid_facts(Grid((200, 200, 40), affine))
    assert facts.sheared_degrees == pytest.approx(12, abs=0.1)
    (finding,) = check_grid(facts, "CT")
    assert (finding.weight, finding.kind) == ("note", "sheared")


def grid(shape, spacing, degrees=(0, 0, 0)):
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees) * np.array(spacing)
    return Grid(shape, affine)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        (grid((240, 240, 60), (1, 1, 3)), []),
        (grid((240, 240, 60), (1, 1, 3), (20, 5, 8)), []),
        (grid((240, 240, 1), (1, 1, 5)), ["no-volume", "short"]),
        (grid((240, 240, 9), (1, 1, 7)), ["few-slices"]),
        (grid((240, 240, 20), (1, 1, 10)), ["spacing"]),
        (grid((240, 240, 160), (0.1, 0.1, 0.1)), ["spacing", "short"]),  # cm taken for mm
        (grid((240, 240, 14), (1, 1, 4)), ["short"]),
        (grid((240, 240, 60), (1, 1, 3), (40, 0, 0)), ["oblique"]),
    ],
)
def test_odd_grids_are_named(odd, expected):
    assert kinds(check_grid(grid_facts(odd), "MR")) == expected


def header_file(path, sform, qform):
    image = nib.Nifti1Image(np.zeros((40, 50, 30), np.int16), np.eye(4))
    image.set_sform(sform, code=int(sform is not None))
    if sform is not None:
        image.header.set_zooms(np.linalg.norm(sform[:3, :3], axis=0))
    image.set_qform(qform, code=int(qform is not None))
    nib.save(image, path)
    return path


def test_the_two_orientations_of_a_nifti_must_agree(tmp_path):
    affine = oblique_grid().affine
    path = tmp_path / "x.nii.gz"
    assert check_header(header_file(path, affine, affine), "CT") == []
    assert check_header(header_file(path, affine, None), "CT") == []
    assert check_header(header_file(path, None, affine), "CT") == []
    (finding,) = check_header(header_file(path, None, None), "CT")
    assert (finding.weight, finding.kind) == ("doubtful", "no-orientation")
    (finding,) = check_header(header_file(path, affine @ np.diag([-1, 1, 1, 1]), affine), "CT")
    assert finding.kind == "two-orientations"
    assert "mirror each other" in finding.sentence
    moved = affine.copy()
    moved[2, 3] += 12
    (finding,) = check_header(header_file(path, moved, affine), "CT")
    assert "up to 12 mm apart" in finding.sentence
    assert check_header(tmp_path / "x.mha", "CT") == []
