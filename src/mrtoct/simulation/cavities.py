"""Air in the head: sinuses, nose, mastoid cells that grow, shrink, fill and are not there at all.

What is dark in MR is bone or air, and only shape and place tell which. Heads differ most here, so
the anatomies must, too: a network that has seen one frontal sinus draws all others as bone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import bounding_box, dilated, eroded
from mrtoct.simulation.bounds import Share
from mrtoct.simulation.ears import open_ear_canals
from mrtoct.simulation.landmarks import Landmarks, is_bone
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import Array

LEAST_CAVITY = 150
"""Voxels; smaller pockets of air are not filled on their own."""


@dataclass(frozen=True)
class CavitySettings:
    """Shares of heads in which something happens."""

    grow: Share = 0.55
    line: Share = 0.4
    fill: Share = 0.3
    absent: Share = 0.12
    septa: Share = 0.5
    nose: Share = 0.85
    mastoid: Share = 0.6
    ear_canals: Share = 0.0


def vary_cavities(
    tissue: Array, marks: Landmarks, settings: CavitySettings, rng: np.random.Generator
) -> None:
    """Change the air inside a head (I, J, K), in place."""
    if rng.uniform() < settings.nose:
        open_nose(tissue, rng)
    if rng.uniform() < settings.mastoid:
        vary_mastoids(tissue, marks, rng)
    if rng.uniform() < settings.grow:
        grow_sinuses(tissue, int(rng.integers(1, 7)), rng)
    if rng.uniform() < settings.absent:
        close_sinuses(tissue, marks, rng)
    if rng.uniform() < settings.septa:
        draw_septa(tissue, rng)
    if rng.uniform() < settings.line:
        line_cavities(tissue, int(rng.integers(1, 5)), rng)
    if rng.uniform() < settings.fill:
        fill_cavities(tissue, rng)
    # Nothing is drawn for what never happens: a share of 0 leaves all other draws as they are.
    if settings.ear_canals and rng.uniform() < settings.ear_canals:
        open_ear_canals(tissue, marks, rng)


def grow_sinuses(tissue: Array, voxels: int, rng: np.random.Generator) -> None:
    """Let air eat into the bone around it, here and there; a wall of a voxel is left."""
    air = tissue == Tissue.INNER_AIR
    bone = is_bone(tissue)
    inner = eroded(bone | air, 1)
    place = lattice_noise(tissue.shape, 30, rng) > rng.uniform(-0.7, 0.5)
    allowed = bone & inner & place
    grown = air
    for _ in range(voxels):
        grown = grown | (dilated(grown, 1) & allowed)
    tissue[grown & bone] = Tissue.INNER_AIR


def close_sinuses(tissue: Array, marks: Landmarks, rng: np.random.Generator) -> None:
    """Replace the air above the eyes, or that behind the nose, by bone: sinuses not developed."""
    air = tissue == Tissue.INNER_AIR
    _, j, k = marks.eyes
    where = np.zeros(tissue.shape, dtype=np.bool_)
    if rng.uniform() < 0.7:
        where[:, max(j - 12, 0) :, k + 8 :] = True
    else:
        where[:, max(j - 60, 0) : max(j - 28, 0), max(k - 20, 0) : k + 15] = True
    tissue[air & where] = Tissue.CORTICAL_BONE if rng.uniform() < 0.5 else Tissue.DIPLOE


def line_cavities(tissue: Array, voxels: int, rng: np.random.Generator) -> None:
    """Thicken the mucosa: the outer layer of the air becomes MUCOSA in some places."""
    air = tissue == Tissue.INNER_AIR
    place = lattice_noise(tissue.shape, 25, rng) > rng.uniform(-0.8, 0.8)
    tissue[air & ~eroded(air, voxels) & place] = Tissue.MUCOSA


def fill_cavities(tissue: Array, rng: np.random.Generator) -> None:
    """Fill some cavities with secretion, whole or up to a level (of a head lying on its back)."""
    air = tissue == Tissue.INNER_AIR
    parts, count = ndimage.label(eroded(air, 1))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    boxes = ndimage.find_objects(parts)
    for number in np.flatnonzero(sizes >= LEAST_CAVITY):
        if number == 0 or rng.uniform() > 0.35:
            continue
        box = tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in boxes[number - 1])
        whole = dilated(parts[box] == number, 1) & air[box]
        level = int(whole.shape[1] * (1.0 if rng.uniform() < 0.5 else rng.uniform(0.2, 0.9)))
        whole[:, level:] = False
        tissue[box][whole] = Tissue.MUCOSA


def draw_septa(tissue: Array, rng: np.random.Generator) -> None:
    """Draw thin walls through large cavities, as between ethmoid cells."""
    air = tissue == Tissue.INNER_AIR
    field = lattice_noise(tissue.shape, rng.uniform(7, 14), rng)
    wall = Tissue.CARTILAGE if rng.uniform() < 0.6 else Tissue.CORTICAL_BONE
    tissue[air & (np.abs(field) < rng.uniform(0.03, 0.09))] = wall


def open_nose(tissue: Array, rng: np.random.Generator) -> None:
    """Open the airway between turbinates: sheets of air in the MUCOSA, upright and front to back.

    Label maps show the nose as one block of mucosa; most noses hold more air than that.
    """
    mucosa = tissue == Tissue.MUCOSA
    if not mucosa.any():
        return
    box = bounding_box(mucosa)
    thin, deep, high = rng.uniform(3, 6), rng.uniform(25, 60), rng.uniform(8, 18)
    sheets = lattice_noise(mucosa[box].shape, (thin, deep, high), rng)
    opened = mucosa[box] & (sheets > rng.uniform(-0.6, 0.8))
    tissue[box][opened] = Tissue.INNER_AIR


def vary_mastoids(tissue: Array, marks: Landmarks, rng: np.random.Generator) -> None:
    """Pneumatise the bone behind and below the ears, or make it solid."""
    _, j, k = marks.eyes
    middle = marks.middle
    lateral = np.abs(np.arange(tissue.shape[0]) - middle) > rng.uniform(26, 38)
    where = np.zeros(tissue.shape, dtype=np.bool_)
    where[lateral, max(j - 125, 0) : max(j - 55, 0), max(k - 50, 0) : k + 12] = True
    if rng.uniform() < 0.3:
        sclerotic = where & (tissue == Tissue.INNER_AIR)
        tissue[sclerotic] = Tissue.CORTICAL_BONE if rng.uniform() < 0.6 else Tissue.DIPLOE
        return
    bulk = eroded(is_bone(tissue), 2) & where
    cells = lattice_noise(tissue.shape, rng.uniform(2.5, 5), rng) > rng.uniform(-0.5, 0.7)
    region = lattice_noise(tissue.shape, 25, rng) > rng.uniform(-1.0, 0.5)
    full = Tissue.MUCOSA if rng.uniform() < 0.15 else Tissue.INNER_AIR
    tissue[bulk & cells & region] = full
