"""Tissues into CT numbers."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mrtoct.phantom.tissues import Tissue, draw_hu
from mrtoct.simulation.warp import lattice_noise
from mrtoct.volume import AIR_HU, Array

CORTICAL, DIPLOE = (1200.0, 1700.0), (350.0, 850.0)
"""HU between which a head's compact bone and its marrow spaces are drawn: narrower than all that is
published, after the percentiles of bone in a head CT (969 HU median, 1881 at 99 %): what MR cannot
tell should vary little in what is learnt."""
BLUR = (0.45, 0.75)
"""mm, standard deviation of a CT's point spread."""
TEXTURE = {
    Tissue.CORTICAL_BONE: (130.0, 60.0),
    Tissue.DIPLOE: (120.0, 110.0),
    Tissue.FAT: (0.0, 10.0),
    Tissue.MUSCLE: (0.0, 8.0),
}
"""HU, standard deviation of structures of 8 and of 2.5 mm."""


def draw_ct(tissue: Array, rng: np.random.Generator) -> Array:
    """Return a CT (I, J, K) in HU, int16, of tissues at 1 mm."""
    means = draw_hu(rng)
    means[Tissue.CORTICAL_BONE] = rng.uniform(*CORTICAL)
    means[Tissue.DIPLOE] = rng.uniform(*DIPLOE)
    hu = means[tissue]
    coarse = lattice_noise(tissue.shape, 8, rng)
    fine = lattice_noise(tissue.shape, 2.5, rng)
    for kind, (of_coarse, of_fine) in TEXTURE.items():
        where = tissue == kind
        hu[where] += of_coarse * coarse[where] + of_fine * fine[where]
    hu = ndimage.gaussian_filter(hu, rng.uniform(*BLUR), mode="nearest", truncate=3.0)
    return np.asarray(np.rint(np.clip(hu, AIR_HU, 3071)), dtype=np.int16)
