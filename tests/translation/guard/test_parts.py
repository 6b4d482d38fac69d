"""Skull and face are looked for in shapes whose every layer and edge is known."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.prepare.face import missing_face
from mrtoct.resample import resample
from mrtoct.translation.guard.look import Look, measure
from mrtoct.translation.guard.skull import find_skull
from mrtoct.volume import Array, Grid, Volume

GRID = Grid.from_box((-100,) * 3, (100,) * 3, (2.0,) * 3)
POINTS = GRID.to_world(np.stack(np.meshgrid(*map(np.arange, GRID.shape), indexing="ij"), axis=-1))


def layers(scalp: float, skull: float, brain: float) -> Volume:
    """A ball of 80 mm: 6 mm of scalp, 8 mm of skull, brain."""
    radius = np.linalg.norm(POINTS, axis=-1)
    signal = np.select([radius < 66, radius < 74, radius < 80], [brain, skull, scalp], 0.0)
    return Volume(signal.astype(np.float32), GRID, "a.u.")


@pytest.mark.parametrize(
    ("signals", "dark", "bright"),
    [
        ((150, 10, 100), 1.0, 0.0),  # T1
        ((40, 10, 100), 1.0, 0.0),  # fat suppressed
        ((100, 85, 100), 0.0, 0.0),  # too little to see
        ((100, 100, 100), 0.0, 0.0),  # no skull
        ((104, 200, 104), 0.0, 1.0),  # CT
    ],
)
def test_a_skull_is_a_layer(
    signals: tuple[float, float, float], dark: float, bright: float
) -> None:
    skull = find_skull(measure(layers(*signals), (2.0, 2.0, 2.0)))
    assert (skull.dark, skull.bright) == (dark, bright)


def block(recess: float) -> Look:
    """A head like a box, 180 mm high, whose front recedes from 80 mm below its top."""
    x, y, z = np.moveaxis(POINTS, -1, 0)
    ahead = np.where(z < 10, 70 - recess, 70)  # its top is at 90 mm
    inside = (np.abs(x) < 70) & (y > -90) & (y < ahead) & (np.abs(z) < 90)
    return measure(Volume((inside * 100).astype(np.float32), GRID, "a.u."), (2.0, 2.0, 2.0))


def seen(look: Look) -> tuple[Volume, Array]:
    return look.mask, look.inside


@pytest.mark.parametrize("recess", [30, 45])
def test_a_missing_face_is_measured(recess: float) -> None:
    assert missing_face(*seen(block(recess))) == pytest.approx(recess, abs=4)


@pytest.mark.parametrize("recess", [-15, 0, 14])
def test_a_face_is_no_missing_one(recess: float) -> None:
    assert missing_face(*seen(block(recess))) == 0


def test_what_is_out_of_view_may_be_a_face() -> None:
    _, y, z = np.moveaxis(POINTS, -1, 0)
    look = block(40)
    unseen = Volume((z < 10) & (y > 30), GRID, "label")
    there = resample(unseen, look.mask.grid, fill=0.0, interpolation="nearest").voxels
    assert missing_face(*seen(look)) > 30
    assert missing_face(look.mask, look.inside & ~there) == 0
