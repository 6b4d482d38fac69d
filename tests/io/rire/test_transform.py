"""RIRE's eight-corner transforms, against the published file and ITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.rire import image as rire
from mrtoct.io.rire.transform import (
    Heading,
    from_ras,
    is_rire_transform,
    own_corners,
    read_rire_transform,
    rigid_fit,
    rire_text,
    to_ras,
    write_rire_transform,
)
from mrtoct.io.transforms import read_transform, write_transform
from mrtoct.volume import Array, Grid, Volume
from volumes import oblique_grid

CT = Grid((512, 512, 29), np.diag([-0.653595, -0.653595, 4.0, 1.0]))
MR = Grid((256, 256, 26), np.diag([-1.25, -1.25, 4.0, 1.0]))
LPS = np.array([-1.0, -1.0, 1.0])


def rigid(seed: int = 1, degrees: float = 20, shift: float = 40) -> Array:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(np.deg2rad(degrees) * rng.uniform(-1, 1, 3)).as_matrix()
    matrix[:3, 3] = shift * rng.uniform(-1, 1, 3)
    return matrix


def moved(matrix: Array, points: Array) -> Array:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def test_scipy_finds_the_same_rotation() -> None:
    rng = np.random.default_rng(6)
    points = rng.normal(size=(8, 3)) * 80
    to = moved(rigid(2), points) + rng.normal(size=(8, 3))
    matrix, residual = rigid_fit(points, to)
    expected, distance = Rotation.align_vectors(to - to.mean(0), points - points.mean(0))
    np.testing.assert_allclose(matrix[:3, :3], expected.as_matrix(), atol=1e-12)
    assert residual == pytest.approx(distance / np.sqrt(8), rel=1e-9)


def test_a_mirror_is_never_fitted() -> None:
    points = own_corners(CT)
    matrix, residual = rigid_fit(points, points * (-1, 1, 1))
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
    assert residual > 50


def test_points_on_a_line_have_no_rotation() -> None:
    line = np.outer(np.arange(8.0), (1, 2, 3))
    for points in (line, np.zeros((8, 3))):
        with pytest.raises(GeometryError, match="one line"):
            rigid_fit(points, points)


def test_a_single_slice_has_one() -> None:
    flat = Grid((5, 4, 1), MR.affine)
    np.testing.assert_allclose(to_ras(from_ras(rigid(), flat, MR), flat, MR), rigid(), atol=1e-9)


def test_coordinates_start_at_the_first_voxel_and_go_left_back_up() -> None:
    # LPS, ITK's world, with the first voxel's position taken off: that is RIRE's frame.
    ct_affine, mr_affine = CT.affine.copy(), MR.affine.copy()
    ct_affine[:3, 3], mr_affine[:3, 3] = (160.0, 170.0, -60.0), (150.0, 155.0, -30.0)
    ct, mr = Grid(CT.shape, ct_affine), Grid(MR.shape, mr_affine)
    transform = from_ras(rigid(), ct, mr)
    itk_points = np.array(transform.points) + ct_affine[:3, 3] * LPS
    expected = moved(rigid(), itk_points * LPS) * LPS - mr_affine[:3, 3] * LPS
    np.testing.assert_allclose(transform.moved, expected, atol=1e-9)
    x, y, z = 511 * 0.653595, 511 * 0.653595, 28 * 4.0
    order = [(0, 0, 0), (x, 0, 0), (0, y, 0), (x, y, 0), (0, 0, z), (x, 0, z), (0, y, z), (x, y, z)]
    np.testing.assert_allclose(transform.points, order, atol=1e-9)


@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_the_order_of_storage_does_not_matter(flip: tuple[int, int, int]) -> None:
    # One oblique scan, stored as it is, and with axes turned round.
    grid = oblique_grid(degrees=(9.0, -7.0, 12.0))
    ends = [n - 1 if f < 0 else 0 for n, f in zip(grid.shape, flip, strict=True)]
    affine = grid.affine.copy()
    affine[:3, :3] *= flip
    affine[:3, 3] = grid.to_world(ends)
    other = Grid(grid.shape, affine)
    np.testing.assert_allclose(
        from_ras(rigid(), other, MR).moved, from_ras(rigid(), grid, MR).moved, atol=1e-9
    )
    np.testing.assert_allclose(
        to_ras(from_ras(rigid(), grid, other), other, grid), rigid(), atol=1e-9
    )


def test_scans_in_rires_frame_take_the_same_file() -> None:
    # What is done to a volume by writing it as RIRE does not touch its RIRE transform.
    grid = oblique_grid(degrees=(4.0, 3.0, -5.0))
    volume = Volume(np.zeros(grid.shape, np.int16), grid, "HU")
    in_frame = rire.in_rire_frame(volume).grid
    np.testing.assert_allclose(own_corners(in_frame), own_corners(grid), atol=1e-9)


def test_write_and_read(tmp_path: Path) -> None:
    heading = Heading(method="mutual information", patient="007", target="mr_PD")
    path = tmp_path / "ct_PD.txt"
    write_rire_transform(path, rigid(), CT, MR, heading)
    assert is_rire_transform(path)
    read = read_rire_transform(path)
    assert read.heading == heading
    assert "Investigator(s):\n" in path.read_text()  # nobody is named who was not given
    corners = CT.corners()
    back = to_ras(read, CT, MR)
    np.testing.assert_allclose(moved(back, corners), moved(rigid(), corners), atol=1e-4)
    with pytest.raises(FileError, match="exists already"):
        write_rire_transform(path, rigid(3), CT, MR)
    write_rire_transform(path, rigid(3), CT, MR, overwrite=True)
    assert read_rire_transform(path).heading == Heading()


def test_long_coordinates_stay_apart() -> None:
    far = np.eye(4)
    far[:3, 3] = (12_345.6, 54_321.9, -98_765.4)
    text = rire_text(from_ras(far, CT, MR))
    rows = [line.split() for line in text.splitlines() if line[:3].strip().isdigit()]
    assert [len(row) for row in rows] == [7] * 8


def test_refuses_what_is_not_rigid(tmp_path: Path) -> None:
    scaled = rigid()
    scaled[:3, :3] *= 1.01
    with pytest.raises(GeometryError, match="not rigid"):
        write_rire_transform(tmp_path / "a", scaled, CT, MR)
    with pytest.raises(ValueRangeError, match="one line"):
        write_rire_transform(tmp_path / "a", rigid(), CT, MR, Heading(site="a\nFrom: MR"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("bend", "accepted"), [(0.015, True), (0.05, False)])
def test_the_rigidity_check(bend: float, accepted: bool, tmp_path: Path) -> None:
    # One coordinate of one corner moved: an rms of about bend / sqrt(8) less what a turn takes up.
    path = tmp_path / "t"
    write_rire_transform(path, rigid(), CT, MR)
    transform = read_rire_transform(path)
    transform.moved[3, 2] += bend
    if accepted:
        assert transform.rigid().shape == (4, 4)
    else:
        with pytest.raises(GeometryError, match=r"leaves 0\.01\d* mm rms"):
            transform.rigid()


def test_another_volume_is_noticed() -> None:
    transform = from_ras(rigid(), CT, MR)
    with pytest.raises(GeometryError, match="not the corners"):
        to_ras(transform, MR, CT)


GOOD = rire_text(from_ras(rigid(), CT, MR))
ROW = next(line for line in GOOD.splitlines() if line.startswith("  4 "))
DAMAGED = {
    "seven points": GOOD.replace(ROW + "\n", ""),
    "nine points": GOOD.replace(ROW, f"{ROW}\n{ROW}"),
    "a point twice": GOOD.replace("\n  4 ", "\n  3 "),
    "five coordinates": GOOD.replace(ROW, ROW.rsplit(maxsplit=1)[0]),
    "no number": GOOD.replace(ROW, ROW.rsplit(maxsplit=1)[0] + " x"),
    "infinite": GOOD.replace(ROW, ROW.rsplit(maxsplit=1)[0] + " nan"),
    "ITK": "#Insight Transform File V1.0\n",
    "empty": "",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / "ct_T1.standard"
    path.write_text(DAMAGED[name])
    with pytest.raises(FileError, match=r"ct_T1\.standard"):
        read_rire_transform(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        read_rire_transform(tmp_path / "none")


@pytest.fixture
def published(real_data: Path) -> Path:
    return real_data / "rire" / "ct_T1.standard"


def test_the_published_file_comes_back_letter_by_letter(published: Path) -> None:
    assert rire_text(read_rire_transform(published)) == published.read_text()


def test_the_published_file_is_rigid_and_goes_through_itk(published: Path, tmp_path: Path) -> None:
    transform = read_rire_transform(published)
    assert rigid_fit(transform.points, transform.moved)[1] < 2e-4
    matrix = to_ras(transform, CT, MR)
    write_transform(tmp_path / "ct_T1.tfm", matrix)
    # RIRE's own world is ITK's: ITK takes the file's points where the file says.
    itk = sitk.ReadTransform(tmp_path / "ct_T1.tfm")
    through_itk = np.array([itk.TransformPoint(p.tolist()) for p in transform.points])
    np.testing.assert_allclose(through_itk, transform.moved, atol=2e-4)  # 1e-4 rms is its own bend
    write_rire_transform(
        tmp_path / "again", read_transform(tmp_path / "ct_T1.tfm"), CT, MR, transform.heading
    )
    again = read_rire_transform(tmp_path / "again")
    np.testing.assert_allclose(again.moved, through_itk, atol=1e-4)
    np.testing.assert_allclose(again.points, transform.points, atol=1e-4)


def test_coordinates_that_no_arithmetic_takes(tmp_path: Path) -> None:
    grid = Grid((3, 4, 5), np.diag([-1.0, -1.0, 2.0, 1.0]))
    text = rire_text(from_ras(np.eye(4), grid, grid))
    assert "    2.0000" in text
    (tmp_path / "t").write_text(text.replace("    2.0000", "    2e200", 1))
    with pytest.raises(FileError, match="six finite coordinates"):
        read_rire_transform(tmp_path / "t")
