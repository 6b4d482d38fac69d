"""From tissues to an image: their signal, what lies around the head, the scanner's flaws."""

from __future__ import annotations

import numpy as np

from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation import outside, scanner
from mrtoct.simulation.brain import redrawn
from mrtoct.simulation.contrast import draw_signals
from mrtoct.simulation.scan_settings import ScanSettings
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import Array

MARROW = (Tissue.FAT, Tissue.DIPLOE)


def acquired(
    tissue: Array,
    settings: ScanSettings,
    rng: np.random.Generator,
    sequence: str | None = None,
    *,
    whole: bool = False,
) -> Array:
    """Return the image (I, J, K) of tissues, float32, the brightest of them about 1.

    Of a whole head the air beside it is not what wraps around, but what lies behind that air.
    """
    image = _with_objects(_signal(tissue, settings, rng, sequence), tissue, settings, rng)
    return _scanned(image, tissue, settings, rng, whole)


def _signal(
    tissue: Array, settings: ScanSettings, rng: np.random.Generator, sequence: str | None
) -> Array:
    if settings.redrawn and rng.uniform() < settings.redrawn:
        tissue = redrawn(tissue, rng)
    image = draw_signals(rng, sequence, fat_saturation=settings.fat_saturation)[tissue]
    image = scanner.texture(image, rng.uniform(3, 8), rng.uniform(0.02, 0.12), rng)
    if rng.uniform() < 0.5:
        soft = np.isin(tissue, (Tissue.MUSCLE, Tissue.MUCOSA, Tissue.CONNECTIVE))
        image = scanner.regions(image, soft, 10, rng.uniform(-0.4, 0.5), rng)
    if rng.uniform() < 0.5:
        marrow = tissue == Tissue.DIPLOE
        change = 1 + rng.uniform(0, 0.3) * lattice_noise(image.shape, 5, rng)
        image = image * np.where(marrow, change, np.float32(1))
    return np.maximum(image, 0)


def _with_objects(
    image: Array, tissue: Array, settings: ScanSettings, rng: np.random.Generator
) -> Array:
    head = tissue != Tissue.AIR
    # Nothing is drawn for what never happens: a share of 0 leaves all other draws as they are.
    for share, put in (
        (settings.hair, outside.hair),
        (settings.headphones, outside.headphones),
        (settings.frame, outside.frame),
    ):
        if share and rng.uniform() < share:
            image = put(image, head, rng)
    return image


def _scanned(
    image: Array, tissue: Array, settings: ScanSettings, rng: np.random.Generator, whole: bool
) -> Array:
    """Do what happens between the body and the image, in the order in which it does."""
    if rng.uniform() < settings.dropout:
        air = tissue == Tissue.INNER_AIR
        image = scanner.dropout(image, air, rng.uniform(0.3, 1.2), rng.uniform(2, 5))
    image = scanner.voids(image, tissue == Tissue.METAL, rng.uniform(5, 16))
    if rng.uniform() < settings.fat_shift:
        fat = np.isin(tissue, MARROW)
        voxels = int(rng.choice([-3, -2, -1, 1, 2, 3]))
        image = scanner.shifted_fat(image, fat, voxels, int(rng.integers(0, 3)))
    if settings.flow and rng.uniform() < settings.flow:
        vessels = tissue == Tissue.BLOOD
        apart, axis = int(rng.integers(12, 40)), int(rng.integers(0, 2))
        image = scanner.pulsating(image, vessels, axis, apart, rng.uniform(0.1, 0.5))
    image = scanner.blurred(image, rng.uniform(0.4, 0.9), (0, 1, 2))
    if rng.uniform() < settings.thick:
        axis = int(rng.choice([0, 1, 2], p=[0.2, 0.2, 0.6]))
        thickness = rng.uniform(*settings.thickness)
        gap = rng.choice([1.0, 1.0, rng.uniform(1, 1.3)])
        image = scanner.sliced(image, axis, thickness, thickness * gap, rng.uniform(0, thickness))
    if rng.uniform() < settings.wrap:
        axis, voxels = int(rng.integers(0, 2)), int(rng.integers(4, 14))
        image = scanner.wrapped(image, axis, voxels + (_air_beside(tissue, axis) if whole else 0))
    if rng.uniform() < settings.ghost:
        axis = int(rng.integers(0, 3))
        shift = int(image.shape[axis] * rng.uniform(0.1, 0.5))
        image = scanner.ghosted(image, axis, shift, rng.uniform(0.02, 0.1))
    if rng.uniform() < settings.ringing:
        image = scanner.ringing(image, int(rng.integers(0, 3)), rng.uniform(0.5, 0.85))
    if rng.uniform() < settings.bias:
        # Mostly mild: the logarithm of the ratio is drawn.
        ratio = np.exp(rng.beta(1.2, 2.5) * np.log(settings.bias_ratio))
        image = scanner.biased(image, float(ratio), rng)
    if rng.uniform() < 0.85:
        image = scanner.noisy(image, settings.noise * rng.beta(1, 2.5), rng)
    return image


def _air_beside(tissue: Array, axis: int) -> int:
    others = tuple(a for a in range(3) if a != axis)
    inside = np.flatnonzero((tissue != Tissue.AIR).any(axis=others))
    return int(min(inside[0], tissue.shape[axis] - 1 - inside[-1])) if len(inside) else 0
