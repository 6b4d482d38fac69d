"""Where registration begins: guesses of how the moving volume lies relative to the fixed one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.registration.pyramid import center_of_mass, foreground_mask
from mrtoct.registration.search import Starts
from mrtoct.volume import Array, Volume


@dataclass(frozen=True)
class StartSettings:
    """Which poses to begin at."""

    search: Literal["auto", "near", "wide"] = "auto"
    """near: leaning a little, both patients alike; wide: also all 24 axis-aligned patient
    positions; auto: near, then wide unless the result is clearly good."""
    tilt: float = 20.0  # degrees: near starts lean this far about each axis, both ways


def near_starts(turn: Array, targets: Array, tilt: float) -> Starts:
    """Return upright starts and six that lean by tilt degrees, for each target.

    turn (3 x 3) is what upright means, a target (T, 3) is where the body's centre goes.
    """
    turns = [turn]
    if tilt > 0:
        leans = np.deg2rad(tilt) * np.concatenate([np.eye(3), -np.eye(3)])
        turns += [lean @ turn for lean in Rotation.from_rotvec(leans).as_matrix()]
    return _each(turns, targets)


def other_positions(turn: Array, targets: Array) -> Starts:
    """Return the 23 other axis-aligned patient positions, for each target (T, 3)."""
    return _each([position @ turn for position in _axis_aligned()[1:]], targets)


def targets(fixed: Volume, moving: Volume, center: Array, initial: Array | None) -> Array:
    """Return where the fixed body's centre (3,) may go, (T, 3) in RAS mm.

    Without an initial transform (4 x 4, fixed to moving): where it is when the centres of both
    volumes coincide, and the centre of mass of the moving volume's foreground.
    """
    if initial is not None:
        return (initial[:3, :3] @ center + initial[:3, 3])[None]
    return np.stack(
        [
            moving.grid.center + center - fixed.grid.center,
            center_of_mass(foreground_mask(moving)),
        ]
    )


def joined(first: Starts, second: Starts) -> Starts:
    """Return both sets of starts as one."""
    return Starts(
        np.concatenate([first.rotations, second.rotations]),
        np.concatenate([first.positions, second.positions]),
        np.concatenate([first.votes, second.votes]),
    )


def start_at(pose: Array, votes: int = 1) -> Starts:
    """Return one start: a map (4 x 4) of points relative to the fixed body's centre."""
    return Starts(pose[None, :3, :3], pose[None, :3, 3], np.array([votes]))


def _each(turns: list[Array], targets: Array) -> Starts:
    return Starts(
        np.stack([r for r in turns for _ in targets]),
        np.stack([t for _ in turns for t in targets]),
        np.ones(len(turns) * len(targets), dtype=int),
    )


def _axis_aligned() -> list[Array]:
    """Return the 24 rotations that map axes to axes, the identity first."""
    signed = [
        np.diag(signs)[:, list(order)]
        for order in permutations(range(3))
        for signs in product((1.0, -1.0), repeat=3)
    ]
    return sorted((m for m in signed if np.linalg.det(m) > 0), key=lambda m: -float(np.trace(m)))
