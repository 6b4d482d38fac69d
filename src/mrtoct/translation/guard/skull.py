"""Is there a skull below the skin? In MR it is a dark layer between brighter ones, in CT a bright.

The vault is divided into sectors. In each, the median signal at each depth below the skin is looked
at: whatever the contrast, scalp and brain are both brighter than what lies between them, while a
brain without its skull, meat or a bottle of water grows brighter and then stays so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.check.pair import STATED, Turn, turned
from mrtoct.translation.guard.look import Look, below_vertex, skin_depth
from mrtoct.volume import Array, Grid

VAULT_MM = (5.0, 90.0)
"""Below the vertex: where the skull lies smoothly below the skin."""
DEEPEST_MM, STEP_MM = 30.0, 3.0
"""Depth below the skin that is looked at, and in steps of what; scalp and skull take 8 to 20."""
SECTORS = (16, 4)
"""Around the head, and from the rim of the vault to the vertex."""
FEWEST = 5
"""Voxels at a depth of a sector that make a median."""
CLEARLY, BRIGHTER = 0.2, 1.4
"""A layer shows if it is by this part darker than both sides, or so many times the brain."""
INNER = 3
"""So many of the deepest layers are brain."""


@dataclass(frozen=True)
class Skull:
    """In which part of the vault's sectors a layer shows below the skin."""

    dark: float
    """A layer darker than what lies on both sides: 0.78 to 1 in real and simulated heads of any
    contrast, 0.21 at most without a skull."""
    bright: float
    """No such layer, but one much brighter than the brain: bone in a CT."""


def find_skull(look: Look, turn: Turn = STATED) -> Skull:
    """Return in how much of the vault there is a dark or a bright layer below the skin.

    turn brings the head upright, where it is not.
    """
    profiles = _profiles(look, turn)
    if not profiles:
        return Skull(0.0, 0.0)
    dark = np.array([_darker(profile) > CLEARLY for profile in profiles])
    above = np.array([p[:-INNER].max() > BRIGHTER * np.median(p[-INNER:]) for p in profiles])
    return Skull(round(float(dark.mean()), 3), round(float((above & ~dark).mean()), 3))


def _profiles(look: Look, turn: Turn) -> list[Array]:
    """Return the median signal by depth, from the skin inwards, for each sector of the vault."""
    parts = (look.mask.voxels, look.inside, look.signal.voxels)
    mask, inside, head = (turned(part, turn) for part in parts)
    spacing = [look.mask.spacing[axis] for axis in turn[0]]
    grid = Grid((mask.shape[0], mask.shape[1], mask.shape[2]), np.diag([*spacing, 1.0]))
    depth, below = skin_depth(mask, inside, grid), below_vertex(mask, grid)
    shell = mask & (depth <= DEEPEST_MM) & (below >= VAULT_MM[0]) & (below <= VAULT_MM[1])
    if not shell.any():
        return []
    vault = grid.to_world(np.argwhere(mask & (below <= VAULT_MM[1])))
    low, high = vault.min(axis=0), vault.max(axis=0)
    middle = np.array([*(low + high)[:2] / 2, low[2]])
    x, y, z = ((grid.to_world(np.argwhere(shell)) - middle) / (high - middle + 1.0)).T
    around = np.floor((np.arctan2(y, x) / (2 * np.pi) % 1) * SECTORS[0]).astype(int)
    rise = np.arctan2(z, np.hypot(x, y)) / (np.pi / 2)
    up = np.floor(np.clip(rise, 0, 0.999) * SECTORS[1]).astype(int)
    layers = int(DEEPEST_MM / STEP_MM)
    layer = np.minimum(depth[shell] / STEP_MM, layers - 1).astype(int)
    sector = (around % SECTORS[0]) * SECTORS[1] + up
    signal = head[shell]
    profiles = []
    for number in np.unique(sector):
        here = [signal[(sector == number) & (layer == n)] for n in range(layers)]
        medians = [np.median(values) for values in here if values.size >= FEWEST]
        if len(medians) >= layers // 2:
            profiles.append(np.maximum(medians, 1e-3))
    return profiles


def _darker(profile: Array) -> float:
    """Return by which part the darkest layer lies below both of its sides."""
    best = 0.0
    for n in range(1, len(profile) - INNER):
        sides = min(profile[:n].max(), profile[n + 1 :].max())
        best = max(best, float(1 - profile[n] / sides))
    return best
