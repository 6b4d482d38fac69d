"""ITK's text form of transforms, parsed here: one changed byte ends Python inside ITK's own reader.

Every linear transform of ITK in 3-D is a matrix M about a centre c and a translation t, in LPS:
x -> M (x - c) + c + t. How its parameters make M is in `_MATRICES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.errors import FileError
from mrtoct.volume import MOST_MM, Array

MOST_BYTES = 1 << 20
"""A linear transform takes hundreds of bytes, thousands of them in one file a million."""
COMPOSITE = "CompositeTransform"


@dataclass(frozen=True)
class _Entry:
    """One transform of a file."""

    kind: str
    dimensions: tuple[int, int]
    parameters: Array
    fixed: Array


def parse(text: str) -> Array:
    """Return the 4 x 4 matrix in LPS mm of a linear transform in 3-D, or of a composite of such.

    Raises FileError, without the file's name, for text that is damaged, planar or not linear.
    """
    entries = _entries(text)
    if not entries:
        raise FileError("it holds no transform")
    for entry in entries:
        if entry.dimensions != (3, 3):
            raise FileError(
                f"it holds a {entry.dimensions[0]}-D {entry.kind}; only linear transforms in 3-D "
                "are allowed"
            )
    if entries[0].kind == COMPOSITE:
        matrix = np.eye(4)
        for entry in entries[1:]:  # the last one is applied first
            matrix = matrix @ _matrix_of(entry)
        return matrix
    if len(entries) > 1:
        raise FileError(f"it holds {len(entries)} transforms that are not a composite; keep one")
    return _matrix_of(entries[0])


def text_of(matrix: Array) -> str:
    """Return a 4 x 4 matrix in LPS mm as ITK's text form of an affine transform."""
    numbers = [*matrix[:3, :3].ravel(), *matrix[:3, 3]]
    parameters = " ".join(repr(float(n) + 0.0) for n in numbers)
    return (
        "#Insight Transform File V1.0\n"
        "#Transform 0\n"
        "Transform: AffineTransform_double_3_3\n"
        f"Parameters: {parameters}\n"
        "FixedParameters: 0 0 0\n"
    )


def _entries(text: str) -> list[_Entry]:
    if not text.lstrip("\ufeff").startswith("#Insight Transform File"):
        raise FileError("it does not begin as an ITK text transform does")
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if not colon or line.startswith("#"):
            if line.strip() and not line.startswith("#"):
                raise FileError(f"a line of it is {line.strip()[:60]!r}")
            continue
        if key == "Transform":
            found.append({})
        elif not found or key not in ("Parameters", "FixedParameters") or key in found[-1]:
            raise FileError(f"a line of it is {line.strip()[:60]!r}")
        found[-1][key] = value.strip()
    return [_entry(fields) for fields in found]


def _entry(fields: dict[str, str]) -> _Entry:
    named = re.fullmatch(r"(\w+?)_(?:double|float)_(\d)_(\d)", fields["Transform"])
    if not named:
        raise FileError(f"{fields['Transform'][:60]!r} is not a known transform")
    return _Entry(
        named[1],
        (int(named[2]), int(named[3])),
        _numbers(fields.get("Parameters", "")),
        _numbers(fields.get("FixedParameters", "")),
    )


def _numbers(text: str) -> Array:
    numbers = np.array([_number(word) for word in text.split()], dtype=np.float64)
    if not (np.abs(numbers) < MOST_MM).all():  # nor is NaN
        raise FileError("it holds NaN, infinite or impossibly large parameters")
    return numbers


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise FileError(f"{word[:30]!r} is no number") from None


def _matrix_of(entry: _Entry) -> Array:
    if entry.kind not in _MATRICES:
        raise FileError(
            f"it holds a 3-D {entry.kind}; only linear transforms in 3-D are allowed: "
            f"{', '.join(_MATRICES)}"
        )
    wanted, make = _MATRICES[entry.kind]
    if entry.parameters.size != wanted or entry.fixed.size not in (0, 3, 4):
        raise FileError(
            f"a {entry.kind} has {wanted} parameters and a centre of 3, got "
            f"{entry.parameters.size} and {entry.fixed.size}"
        )
    center = entry.fixed[:3] if entry.fixed.size else np.zeros(3)
    linear, translation = make(entry)
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = translation + center - linear @ center
    return matrix


def _affine(entry: _Entry) -> tuple[Array, Array]:
    return entry.parameters[:9].reshape(3, 3), entry.parameters[9:]


def _euler(entry: _Entry) -> tuple[Array, Array]:
    """Return a turn about y, x, z in that order, or x, y, z if a fourth fixed parameter says so."""
    x, y, z = (
        Rotation.from_rotvec(angle * axis).as_matrix()
        for angle, axis in zip(entry.parameters[:3], np.eye(3), strict=True)
    )
    zyx = entry.fixed.size == 4 and entry.fixed[3] != 0
    return (z @ y @ x if zyx else z @ x @ y), entry.parameters[3:]


def _versor(vector: Array) -> Array:
    """Return the rotation of a unit quaternion's three imaginary parts."""
    length = float(vector @ vector)
    if length > 1 + 1e-9:
        raise FileError(f"{np.sqrt(length):.3g} is too long for a versor, which is at most 1")
    rotation: Array = Rotation.from_quat([*vector, np.sqrt(max(0.0, 1 - length))]).as_matrix()
    return rotation


def _quaternion(entry: _Entry) -> tuple[Array, Array]:
    if not np.abs(entry.parameters[:4]).any():
        raise FileError("its quaternion is zero")
    return Rotation.from_quat(entry.parameters[:4]).as_matrix(), entry.parameters[4:]


_MATRICES: dict[str, tuple[int, Callable[[_Entry], tuple[Array, Array]]]] = {
    "AffineTransform": (12, _affine),
    "MatrixOffsetTransformBase": (12, _affine),
    "Rigid3DTransform": (12, _affine),
    "Euler3DTransform": (6, _euler),
    "VersorTransform": (3, lambda e: (_versor(e.parameters), np.zeros(3))),
    "VersorRigid3DTransform": (6, lambda e: (_versor(e.parameters[:3]), e.parameters[3:])),
    "QuaternionRigidTransform": (7, _quaternion),
    "Similarity3DTransform": (
        7,
        lambda e: (e.parameters[6] * _versor(e.parameters[:3]), e.parameters[3:6]),
    ),
    # ITK adds the scales to the diagonal of the rotation.
    "ScaleVersor3DTransform": (
        9,
        lambda e: (
            _versor(e.parameters[:3]) + np.diag(e.parameters[6:] - 1),
            e.parameters[3:6],
        ),
    ),
    "TranslationTransform": (3, lambda e: (np.eye(3), e.parameters)),
    "ScaleTransform": (3, lambda e: (np.diag(e.parameters), np.zeros(3))),
    "IdentityTransform": (0, lambda e: (np.eye(3), np.zeros(3))),
}
"""How many parameters each has, and what matrix and translation they make."""
