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
WITHIN = (Tissue.CSF, Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.LESION)
"""What fills a skull, as far as a pattern may take its place."""


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


def redrawn(tissue: Array, rng: np.random.Generator) -> Array:
    """Return tissues (I, J, K) in which a pattern has taken the place of the brain.

    Grey and white matter in lumps, fluid in sheets as in sulci. Where brains look like anything,
    what a network can rely on is the skull around them: dark fluid, a strange lesion or an empty
    hemisphere are then neither bone nor air.
    """
    lumps = lattice_noise(tissue.shape, rng.uniform(5, 20), rng)
    folds = np.abs(lattice_noise(tissue.shape, rng.uniform(5, 16), rng))
    pattern = np.where(lumps > rng.normal(0, 0.5), Tissue.GREY_MATTER, Tissue.WHITE_MATTER)
    pattern[folds < rng.uniform(0.05, 0.5)] = Tissue.CSF
    if rng.uniform() < 0.3:
        pattern[lattice_noise(tissue.shape, 40, rng) > rng.uniform(0.5, 1.5)] = Tissue.CSF
    return np.where(np.isin(tissue, WITHIN), pattern, tissue).astype(tissue.dtype)
