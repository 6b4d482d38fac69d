from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.transforms import read_transform, write_transform

POINT = np.array([12.5, -40.25, 77.0])  # RAS mm
TO_LPS = np.array([-1.0, -1.0, 1.0])


def rigid(seed: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rng.normal(size=3)).as_matrix()
    matrix[:3, 3] = rng.normal(size=3) * 50
    return matrix


def moved(matrix: np.ndarray, point: np.ndarray = POINT) -> np.ndarray:
    return matrix[:3, :3] @ point + matrix[:3, 3]


def test_itk_reads_what_we_write_and_moves_points_alike(tmp_path: Path) -> None:
    matrix = rigid()
    write_transform(tmp_path / "a.tfm", matrix)
    itk = sitk.ReadTransform(tmp_path / "a.tfm")
    through_itk = np.array(itk.TransformPoint((POINT * TO_LPS).tolist())) * TO_LPS
    np.testing.assert_allclose(moved(matrix), through_itk, atol=1e-9)


def euler() -> sitk.Transform:
    return sitk.Euler3DTransform((5.0, -6.0, 7.0), 0.3, -0.2, 0.9, (1.0, 2.0, 3.0))


def versor() -> sitk.Transform:
    return sitk.VersorRigid3DTransform((0.1, 0.2, -0.3, 0.927), (9.0, 8.0, 7.0), (4.0, 5.0, 6.0))


def composite() -> sitk.Transform:
    return sitk.CompositeTransform([euler(), versor()])


@pytest.mark.parametrize("make", [euler, versor, composite])
def test_reads_rigid_transforms_of_itk(make, tmp_path: Path) -> None:
    itk = make()
    sitk.WriteTransform(itk, tmp_path / "b.tfm")
    matrix = read_transform(tmp_path / "b.tfm", rigid=True)
    expected = np.array(itk.TransformPoint((POINT * TO_LPS).tolist())) * TO_LPS
    np.testing.assert_allclose(moved(matrix), expected, atol=1e-6)


def test_round_trip_keeps_the_matrix(tmp_path: Path) -> None:
    write_transform(tmp_path / "c.tfm", rigid(5))
    np.testing.assert_allclose(read_transform(tmp_path / "c.tfm"), rigid(5), atol=1e-10)


def test_affine_is_read_but_not_as_rigid(tmp_path: Path) -> None:
    scaled = rigid() @ np.diag([1.01, 1.0, 1.0, 1.0])
    write_transform(tmp_path / "d.tfm", scaled, rigid=False)
    np.testing.assert_allclose(read_transform(tmp_path / "d.tfm"), scaled, atol=1e-10)
    with pytest.raises(GeometryError, match=r"d\.tfm is not rigid"):
        read_transform(tmp_path / "d.tfm", rigid=True)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (rigid() @ np.diag([1.0, 1.1, 1.0, 1.0]), "not rigid"),
        (np.diag([-1.0, 1.0, 1.0, 1.0]), "mirrors"),
        (np.eye(3), "finite 4 x 4"),
        (np.zeros((4, 4)), "last row"),
    ],
)
def test_refuses_to_write_what_is_not_rigid(
    matrix: np.ndarray, message: str, tmp_path: Path
) -> None:
    with pytest.raises(GeometryError, match=message):
        write_transform(tmp_path / "e.tfm", matrix)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_stays_unless_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "f.tfm"
    write_transform(path, rigid(1))
    with pytest.raises(FileError, match="exists already"):
        write_transform(path, rigid(2))
    np.testing.assert_allclose(read_transform(path), rigid(1), atol=1e-10)
    write_transform(path, rigid(2), overwrite=True)
    np.testing.assert_allclose(read_transform(path), rigid(2), atol=1e-10)


def test_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="does not exist"):
        read_transform(tmp_path / "none.tfm")
    (tmp_path / "bad.tfm").write_text("point x y z\n")
    with pytest.raises(
        FileError, match=r"bad\.tfm cannot be used as an ITK text transform: it does not begin"
    ):
        read_transform(tmp_path / "bad.tfm")
    (tmp_path / "a.mat").write_bytes(b"\0")
    with pytest.raises(FileError, match=r"allowed: \.tfm"):
        read_transform(tmp_path / "a.mat")


def test_refuses_planar_and_nonlinear_transforms(tmp_path: Path) -> None:
    sitk.WriteTransform(sitk.Euler2DTransform(), tmp_path / "flat.tfm")
    with pytest.raises(FileError, match="2-D"):
        read_transform(tmp_path / "flat.tfm")
    bspline = sitk.BSplineTransform(3)
    bspline.SetTransformDomainMeshSize((1, 1, 1))
    sitk.WriteTransform(bspline, tmp_path / "warp.tfm")
    with pytest.raises(FileError, match="only linear"):
        read_transform(tmp_path / "warp.tfm")


def test_reads_a_published_transform(real_data: Path) -> None:
    # Parameters in the file: rows of the matrix, then the translation, about the LPS origin.
    path = real_data / "pork_phantom_ct_mr" / "ct_to_mr.tfm"
    numbers = next(t for t in path.read_text().splitlines() if t.startswith("Parameters"))
    values = np.array(numbers.split()[1:], dtype=float)
    expected = (values[:9].reshape(3, 3) @ (POINT * TO_LPS) + values[9:]) * TO_LPS
    np.testing.assert_allclose(moved(read_transform(path, rigid=True)), expected, atol=1e-6)
