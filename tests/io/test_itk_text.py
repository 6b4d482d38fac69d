"""Every linear transform of ITK, as ITK writes it, moves points as ITK does."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
import SimpleITK as sitk

from mrtoct.errors import FileError
from mrtoct.io.itk_text import parse, text_of

POINTS = np.array([[12.5, -40.25, 77.0], [0, 0, 0], [-3, 8, 1.5]])
CENTER = (4.0, -5.0, 6.0)
VERSOR = (0.1, 0.2, -0.3, np.sqrt(1 - 0.14))


def euler(zyx: bool) -> sitk.Transform:
    made = sitk.Euler3DTransform(CENTER, 0.3, -0.2, 0.9, (1.0, 2.0, 3.0))
    made.SetComputeZYX(zyx)
    return made


def versor() -> sitk.Transform:
    return sitk.VersorRigid3DTransform(VERSOR, (9.0, 8.0, 7.0), CENTER)


def affine() -> sitk.Transform:
    made = sitk.AffineTransform(3)
    made.SetMatrix(np.random.default_rng(1).normal(size=9).tolist())
    made.SetTranslation((1, 2, 3))
    made.SetCenter(CENTER)
    return made


TRANSFORMS = {
    "affine": affine,
    "euler": lambda: euler(False),
    "euler zyx": lambda: euler(True),
    "versor alone": lambda: sitk.VersorTransform(VERSOR, CENTER),
    "versor": versor,
    "similarity": lambda: sitk.Similarity3DTransform(1.1, VERSOR, (3.0, 2.0, 1.0), CENTER),
    "scale versor": lambda: sitk.ScaleVersor3DTransform(
        (1.1, 0.9, 1.2), VERSOR, (3.0, 2.0, 1.0), CENTER
    ),
    "translation": lambda: sitk.TranslationTransform(3, (3.0, 2.0, 1.0)),
    "scale": lambda: sitk.ScaleTransform(3, (1.5, 0.5, 2.0)),
    "identity": lambda: sitk.Transform(3, sitk.sitkIdentity),
    "composite": lambda: sitk.CompositeTransform([affine(), versor(), euler(False)]),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_points_are_moved_as_itk_moves_them(name, tmp_path):
    made = TRANSFORMS[name]()
    sitk.WriteTransform(made, tmp_path / "a.tfm")
    matrix = parse((tmp_path / "a.tfm").read_text())
    expected = [made.TransformPoint(point.tolist()) for point in POINTS]
    np.testing.assert_allclose(POINTS @ matrix[:3, :3].T + matrix[:3, 3], expected, atol=1e-9)


def test_a_quaternion_is_a_rotation():
    text = (
        "#Insight Transform File V1.0\n#Transform 0\n"
        "Transform: QuaternionRigidTransform_double_3_3\n"
        "Parameters: 0.1 0.2 -0.3 0.9273618495495703 9 8 7\nFixedParameters: 4 -5 6\n"
    )
    expected = [versor().TransformPoint(point.tolist()) for point in POINTS]
    matrix = parse(text)
    np.testing.assert_allclose(POINTS @ matrix[:3, :3].T + matrix[:3, 3], expected, atol=1e-6)


def test_what_is_written_is_read_by_itk_to_the_last_digit(tmp_path):
    matrix = np.eye(4)
    matrix[:3] = np.random.default_rng(2).normal(size=(3, 4)) * (1, 1, 1, 100)
    (tmp_path / "a.tfm").write_text(text_of(matrix))
    read = sitk.ReadTransform(tmp_path / "a.tfm")
    moved = [read.TransformPoint(point.tolist()) for point in POINTS]
    np.testing.assert_allclose(POINTS @ matrix[:3, :3].T + matrix[:3, 3], moved, atol=1e-12)
    np.testing.assert_array_equal(parse(text_of(matrix)), matrix)


GOOD = text_of(np.eye(4))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("Parameters: 1.0", "Parameters: 0x15", 1), "'0x15' is no number"),
        (GOOD.replace("Parameters: 1.0", "Parameters: nan", 1), "NaN, infinite"),
        (GOOD.replace("Parameters: 1.0", "Parameters: 1e999", 1), "NaN, infinite"),
        (GOOD.replace("Parameters: 1.0", "Parameters: 1e200", 1), "impossibly large"),
        (GOOD.replace("Parameters: 1.0 ", "Parameters: ", 1), "12 parameters .* got 11"),
        (GOOD.replace("0 0 0\n", "0 0\n"), "a centre of 3, got 12 and 2"),
        (GOOD.replace("AffineT", "BSplineT"), "only linear transforms in 3-D"),
        (GOOD.replace("_3_3", "_2_2"), "a 2-D AffineTransform"),
        (GOOD.replace("double_3_3", "x"), "not a known transform"),
        (GOOD + GOOD.partition("#Transform 0\n")[2], "2 transforms that are not a composite"),
        (GOOD + "Parameters: 1\n", "a line of it is 'Parameters: 1'"),
        (GOOD + "rubbish\n", "a line of it is 'rubbish'"),
        ("#Insight Transform File V1.0\n", "holds no transform"),
        ("Transform: x\n", "does not begin"),
        ("", "does not begin"),
    ],
)
def test_damaged_text_gets_its_sentence(text, message):
    with pytest.raises(FileError, match=message):
        parse(text)


def test_any_byte_may_be_wrong_and_only_our_error_is_raised():
    rng = np.random.default_rng(4)
    content = bytearray(GOOD.encode())
    for _ in range(2000):
        spoilt = content.copy()
        spoilt[rng.integers(len(spoilt))] = rng.integers(256)
        with contextlib.suppress(FileError):
            assert parse(spoilt.decode("latin-1")).shape == (4, 4)
