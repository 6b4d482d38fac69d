"""What each tissue of the phantom looks like at 1.5 T and in CT.

T1, T2 and proton density (PD): the table of the BrainWeb simulator (Collins et al., IEEE Trans.
Med. Imaging 17:463, 1998; Kwan et al., IEEE Trans. Med. Imaging 18:1085, 1999). CT numbers:
ranges of Buzug, Computed Tomography, 2008, and Prokop, Spiral and Multislice CT, 2003. Values
without a published source are marked "estimate".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from mrtoct.volume import Array


class Tissue(IntEnum):
    """The values of a label volume."""

    AIR = 0
    CSF = 1
    GREY_MATTER = 2
    WHITE_MATTER = 3
    FAT = 4
    MUSCLE = 5
    SKIN = 6
    CORTICAL_BONE = 7
    DIPLOE = 8
    CONNECTIVE = 9
    DURA = 10
    VITREOUS = 11
    LENS = 12
    BLOOD = 13
    LESION = 14
    ENAMEL = 15
    DENTINE = 16
    METAL = 17
    INNER_AIR = 18
    MUCOSA = 19
    CARTILAGE = 20


@dataclass(frozen=True)
class TissueProperties:
    """Relaxation times in ms at 1.5 T, relative proton density, and the range of HU."""

    t1: float
    t2: float
    pd: float
    hu: tuple[float, float]


_NO_SIGNAL = (1.0, 1.0, 0.0)
"""T1 and T2 do not matter where there are no protons to see; 1 ms keeps the equation defined."""

TISSUES: Mapping[Tissue, TissueProperties] = MappingProxyType(
    {
        Tissue.AIR: TissueProperties(*_NO_SIGNAL, (-1000, -1000)),
        Tissue.CSF: TissueProperties(2569, 329, 1.00, (5, 15)),
        Tissue.GREY_MATTER: TissueProperties(833, 83, 0.86, (37, 45)),
        Tissue.WHITE_MATTER: TissueProperties(500, 70, 0.77, (20, 30)),
        Tissue.FAT: TissueProperties(350, 70, 1.00, (-100, -50)),
        Tissue.MUSCLE: TissueProperties(900, 47, 1.00, (35, 60)),
        # BrainWeb gives skin the values of CSF; HU estimate.
        Tissue.SKIN: TissueProperties(2569, 329, 1.00, (20, 50)),
        Tissue.CORTICAL_BONE: TissueProperties(*_NO_SIGNAL, (700, 2000)),
        # Fatty marrow between the tables; BrainWeb models it as white matter.
        Tissue.DIPLOE: TissueProperties(500, 70, 0.77, (200, 700)),
        Tissue.CONNECTIVE: TissueProperties(500, 70, 0.77, (30, 60)),  # HU estimate
        # BrainWeb gives dura the values of CSF; HU estimate.
        Tissue.DURA: TissueProperties(2569, 329, 1.00, (30, 60)),
        Tissue.VITREOUS: TissueProperties(2800, 400, 1.00, (0, 10)),  # estimate: near water
        Tissue.LENS: TissueProperties(1000, 40, 0.70, (80, 120)),  # estimate: dense protein
        # Flowing blood leaves a spin echo before it is refocused: a flow void without signal.
        Tissue.BLOOD: TissueProperties(*_NO_SIGNAL, (45, 65)),
        Tissue.LESION: TissueProperties(752, 237, 0.76, (20, 35)),  # HU estimate
        Tissue.ENAMEL: TissueProperties(*_NO_SIGNAL, (2000, 3071)),
        Tissue.DENTINE: TissueProperties(*_NO_SIGNAL, (1500, 2000)),  # HU estimate
        Tissue.METAL: TissueProperties(*_NO_SIGNAL, (3071, 3071)),  # beyond the 12-bit range
        Tissue.INNER_AIR: TissueProperties(*_NO_SIGNAL, (-1000, -1000)),
        Tissue.MUCOSA: TissueProperties(1500, 120, 0.95, (20, 45)),  # estimate
        Tissue.CARTILAGE: TissueProperties(1000, 40, 0.70, (60, 120)),  # estimate
    }
)

BONE = (Tissue.CORTICAL_BONE, Tissue.DIPLOE, Tissue.ENAMEL, Tissue.DENTINE)
"""What a radiologist's bone window shows, metal aside."""


def draw_hu(rng: np.random.Generator) -> Array:
    """Draw one subject's HU for every label, uniform in each published range, shape (21,)."""
    table = np.zeros(max(Tissue) + 1, dtype=np.float32)
    for tissue, properties in TISSUES.items():
        low, high = properties.hu
        # The middle 60 % of the range: the subject's bone varies around this value, too.
        table[tissue] = low + (high - low) * rng.uniform(0.2, 0.8)
    return table
