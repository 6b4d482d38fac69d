"""The brain: atrophy and what is not healthy in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import dilated, eroded
from mrtoct.simulation.bounds import Share
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import Array

LESIONS = (Tissue.LESION, Tissue.CSF, Tissue.BLOOD)
"""Tumour or oedema, cyst, haemorrhage."""


@dataclass(frozen=True)
class BrainSettings:
    """Shares of heads in which something happens."""

    atrophy: Share = 0.35
    lesions: Share = 0.3


def vary_brain(tissue: Array, settings: BrainSettings, rng: np.random.Generator) -> None:
    """Change the brain of a head (I, J, K), in place."""
    if rng.uniform() < settings.atrophy:
        widen_fluid(tissue, rng)
    if rng.uniform() < settings.lesions:
        for _ in range(int(rng.integers(1, 5))):
            draw_lesion(tissue, rng)


def widen_fluid(tissue: Array, rng: np.random.Generator) -> None:
    """Let the fluid around the brain and in its ventricles take the place of brain."""
    fluid = tissue == Tissue.CSF
    brain = (tissue == Tissue.GREY_MATTER) | (tissue == Tissue.WHITE_MATTER)
    place = lattice_noise(tissue.shape, 40, rng) > rng.uniform(-1.0, 0.8)
    if rng.uniform() < 0.5:
        fluid = dilated(eroded(fluid, 2), 2)  # the ventricles and cisterns alone
        brain = brain & dilated(fluid, int(rng.integers(2, 6)))
    else:
        brain = brain & dilated(fluid, 1)
    tissue[brain & place] = Tissue.CSF


def draw_lesion(tissue: Array, rng: np.random.Generator) -> None:
    """Put a round lesion somewhere into the brain, often with an irregular rim around it."""
    brain = (tissue == Tissue.GREY_MATTER) | (tissue == Tissue.WHITE_MATTER)
    places = np.argwhere(brain[::3, ::3, ::3]) * 3
    if not len(places):
        return
    center = places[rng.integers(len(places))]
    radius = rng.uniform(3, 18)
    around = [slice(max(int(c - 2 * radius), 0), int(c + 2 * radius) + 1) for c in center]
    box = (around[0], around[1], around[2])
    shape = brain[box].shape
    distance = np.zeros(shape, dtype=np.float32)
    for axis, n in enumerate(shape):
        side = [1, 1, 1]
        side[axis] = n
        offset = np.arange(n, dtype=np.float32) + box[axis].start - center[axis]
        distance += ((offset / rng.uniform(0.7, 1.3)) ** 2).reshape(side)
    distance = np.sqrt(distance) + 0.2 * radius * lattice_noise(shape, max(radius / 2, 2), rng)
    kind, rim = rng.choice(LESIONS), rng.choice(LESIONS)
    if rng.uniform() < 0.5:
        tissue[box][brain[box] & (distance < radius * rng.uniform(1.2, 1.8))] = rim
    tissue[box][brain[box] & (distance < radius)] = kind
