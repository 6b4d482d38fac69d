"""Where registration begins: guesses of how the MR lies relative to the CT."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.prepare.pyramid import center_of_mass, foreground_mask
from mrtoct.volume import Array, Volume


@dataclass(frozen=True)
class StartSettings:
    """Which poses to begin at."""

    search: Literal["near", "wide"] = "near"  # wide: also all 24 axis-aligned patient positions
    tilt: float = 20.0  # degrees: some starts lean this far about each axis, both ways


def starting_poses(
    ct: Volume, mr: Volume, center: Array, settings: StartSettings, initial: Array | None
) -> tuple[Array, Array]:
    """Return rotations (S, 3, 3) and where the CT's body centre goes (S, 3), in RAS mm.

    Without an initial transform (4 x 4, CT to MR) the centre goes to where it is when the centres
    of both volumes coincide, and to the centre of mass of the MR's foreground.
    """
    if initial is None:
        turn = np.eye(3)
        targets = [
            mr.grid.center + center - ct.grid.center,
            center_of_mass(foreground_mask(mr)),
        ]
    else:
        turn = np.asarray(initial, dtype=np.float64)[:3, :3]
        targets = [turn @ center + np.asarray(initial, dtype=np.float64)[:3, 3]]
    turns = [turn]
    if settings.tilt > 0:
        leans = np.deg2rad(settings.tilt) * np.concatenate([np.eye(3), -np.eye(3)])
        turns += [lean @ turn for lean in Rotation.from_rotvec(leans).as_matrix()]
    if settings.search == "wide":
        turns += [position @ turn for position in _axis_aligned()[1:]]
    return (
        np.stack([r for r in turns for _ in targets]),
        np.stack([t for _ in turns for t in targets]),
    )


def _axis_aligned() -> list[Array]:
    """Return the 24 rotations that map axes to axes, the identity first."""
    signed = [
        np.diag(signs)[:, list(order)]
        for order in permutations(range(3))
        for signs in product((1.0, -1.0), repeat=3)
    ]
    return sorted((m for m in signed if np.linalg.det(m) > 0), key=lambda m: -float(np.trace(m)))
