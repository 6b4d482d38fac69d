"""The skull: marrow between its tables, thinner and thicker, opened by a surgeon; teeth, metal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated, eroded
from mrtoct.simulation.bounds import Share
from mrtoct.simulation.landmarks import Landmarks, is_bone
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import Array

SOFT = (Tissue.MUSCLE, Tissue.FAT, Tissue.CONNECTIVE, Tissue.MUCOSA)


@dataclass(frozen=True)
class BoneSettings:
    """Shares of heads in which something happens."""

    thicker: Share = 0.3
    thinner: Share = 0.25
    surgery: Share = 0.07
    teeth: Share = 0.7
    metal: Share = 0.35
    """Of the heads with teeth, those with fillings."""


def vary_bone(
    tissue: Array, marks: Landmarks, settings: BoneSettings, rng: np.random.Generator
) -> None:
    """Change the bone of a head (I, J, K), in place."""
    if rng.uniform() < settings.thicker:
        thicken(tissue, rng)
    if rng.uniform() < settings.thinner:
        thin(tissue, rng)
    draw_diploe(tissue, rng)
    if rng.uniform() < settings.surgery:
        open_skull(tissue, marks, rng)
    if rng.uniform() < settings.teeth:
        draw_teeth(tissue, marks, rng.uniform() < settings.metal, rng)


def draw_diploe(tissue: Array, rng: np.random.Generator) -> None:
    """Draw anew where bone is marrow: inside the tables, more in some heads than in others."""
    bone = is_bone(tissue)
    labelled = tissue == Tissue.DIPLOE
    table = 1 if rng.uniform() < 0.35 else 2
    inner = eroded(bone, table)
    field = lattice_noise(tissue.shape, 28, rng) + 0.4 * lattice_noise(tissue.shape, 6, rng)
    marrow = inner & (field > rng.uniform(-0.9, 1.6))
    if rng.uniform() < 0.6:
        marrow |= labelled
    tissue[bone] = Tissue.CORTICAL_BONE
    tissue[bone & marrow] = Tissue.DIPLOE


def thicken(tissue: Array, rng: np.random.Generator) -> None:
    """Let bone grow by a voxel into what lies outside it, or inside it, here and there."""
    grown = dilated(is_bone(tissue), 1)
    into = SOFT if rng.uniform() < 0.6 else (Tissue.CSF, Tissue.DURA)
    place = lattice_noise(tissue.shape, 35, rng) > rng.uniform(-0.8, 0.5)
    tissue[grown & np.isin(tissue, into) & place] = Tissue.CORTICAL_BONE


def thin(tissue: Array, rng: np.random.Generator) -> None:
    """Take away a voxel of thick bone from outside or from inside, here and there."""
    bone = is_bone(tissue)
    if rng.uniform() < 0.6:
        beside, instead = np.isin(tissue, SOFT), Tissue.FAT
    else:
        beside, instead = tissue == Tissue.CSF, Tissue.CSF
    place = lattice_noise(tissue.shape, 35, rng) > rng.uniform(-0.5, 0.8)
    # Only where two voxels remain: walls of sinuses and orbits are thin as they are.
    tissue[bone & dilated(beside, 1) & dilated(eroded(bone, 1), 1) & place] = instead


def open_skull(tissue: Array, marks: Landmarks, rng: np.random.Generator) -> None:
    """Cut a round piece out of the vault: missing, or put back with a gap and plates of metal."""
    head = np.argwhere(tissue[::4, ::4, ::4] != Tissue.AIR) * 4
    top = head[:, 2].max()
    center = np.array([marks.middle, head[:, 1].mean(), marks.eyes[2] + 25.0])
    direction = rng.normal(size=3) * [1, 1, 0.7]
    direction[2] = abs(direction[2])
    direction /= np.linalg.norm(direction)
    middle = center + direction * min(85.0, top - center[2] + 10)
    distance = np.zeros(tissue.shape, dtype=np.float32)
    for axis, n in enumerate(tissue.shape):
        side = [1, 1, 1]
        side[axis] = n
        distance += ((np.arange(n, dtype=np.float32) - middle[axis]) ** 2).reshape(side)
    np.sqrt(distance, out=distance)
    radius = rng.uniform(18, 42)
    bone = is_bone(tissue)
    if rng.uniform() < 0.4:
        tissue[bone & (distance < radius)] = rng.choice([Tissue.CSF, Tissue.CONNECTIVE])
        return
    gap = bone & (np.abs(distance - radius) < 1.0)
    tissue[gap] = Tissue.CONNECTIVE
    if rng.uniform() < 0.6:
        for i, j, k in rng.permutation(np.argwhere(gap))[: int(rng.integers(2, 6))]:
            near = (slice(max(i - 2, 0), i + 3), slice(max(j - 2, 0), j + 3), slice(k, k + 2))
            box = tissue[near]
            box[np.isin(box, (*SOFT, Tissue.CORTICAL_BONE))] = Tissue.METAL


def draw_teeth(tissue: Array, marks: Landmarks, metal: bool, rng: np.random.Generator) -> None:
    """Put two rows of teeth into the jaws, as far as these are in view; some with fillings."""
    i0, j0, k0 = marks.eyes
    front, half = j0 + rng.uniform(2, 14), rng.uniform(22, 29)
    for drop, up in ((rng.uniform(58, 68), -1), (rng.uniform(70, 80), 1)):
        for t in np.linspace(-1, 1, 14):
            if rng.uniform() < 0.12:
                continue
            center = (i0 + half * t, front - 42 * t * t, k0 - drop)
            _draw_tooth(tissue, center, up, metal and rng.uniform() < 0.2, rng)


def _draw_tooth(
    tissue: Array,
    center: tuple[float, float, float],
    up: int,
    filled: bool,
    rng: np.random.Generator,
) -> None:
    width, length = rng.uniform(2.5, 4.0), rng.uniform(7, 10)
    low = [max(int(c - r), 0) for c, r in zip(center, (width, width, length), strict=True)]
    # A tooth below the field of view has no box; a negative end would count from the other side.
    high = [max(int(c + r) + 2, 0) for c, r in zip(center, (width, width, length), strict=True)]
    box = tissue[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
    if not box.size:
        return
    i, j, k = ((np.arange(n) + a - c) for n, a, c in zip(box.shape, low, center, strict=True))
    k = k[None, None, :]
    inside = (
        (i[:, None, None] / width) ** 2 + (j[None, :, None] / width) ** 2 + (k / length) ** 2
    ) < 1
    inside &= (box != Tissue.AIR) & (box != Tissue.SKIN)
    crown = inside & (k * up > length * 0.35)
    box[inside] = Tissue.DENTINE
    box[crown] = Tissue.METAL if filled else Tissue.ENAMEL
