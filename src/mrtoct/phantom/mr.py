"""What a 1.5 T scanner would see of the anatomy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from mrtoct.phantom.fields import smooth_field
from mrtoct.phantom.tissues import TISSUES, Tissue
from mrtoct.resample import resample
from mrtoct.volume import Array, Grid, Volume


@dataclass(frozen=True)
class SpinEcho:
    """Repetition time and echo time of a spin-echo sequence in ms."""

    tr: float
    te: float

    def signal(self, t1: float, t2: float, pd: float) -> float:
        """Return S = PD (1 - exp(-TR / T1)) exp(-TE / T2), T1 and T2 in ms."""
        return float(pd * (1 - np.exp(-self.tr / t1)) * np.exp(-self.te / t2))


CONTRASTS: Mapping[str, SpinEcho] = MappingProxyType(
    {
        "T1": SpinEcho(tr=600, te=15),
        "T2": SpinEcho(tr=3000, te=90),
        "PD": SpinEcho(tr=2500, te=25),
    }
)
"""Typical 1.5 T settings of the three weightings."""

VOID_MM = 10.0
"""Radius of the signal void around a small implant (estimate)."""


def signals(sequence: SpinEcho) -> Array:
    """Return the signal of every label, white matter scaled to 1, shape (21,)."""
    table = np.zeros(max(Tissue) + 1, dtype=np.float32)
    for tissue, p in TISSUES.items():
        table[tissue] = sequence.signal(p.t1, p.t2, p.pd)
    return np.asarray(table / table[Tissue.WHITE_MATTER])


def scan_mr(
    labels: Volume,
    sequence: SpinEcho,
    grid: Grid,
    mr_to_head: Array,
    *,
    bias_field: float,
    noise: float,
    rng: np.random.Generator,
) -> Volume:
    """Scan labels (I, J, K) onto a grid in the MR's world; int16, arbitrary units.

    The signal of the labels is averaged over each voxel (partial volume, thick slices), times a
    smooth bias field of 1 +- bias_field, in complex Gaussian noise of the given standard
    deviation (white matter is 1), whose magnitude is Rician (Gudbjartsson and Patz, Magn. Reson.
    Med. 34:910, 1995), times a gain of the scanner's choice.
    mr_to_head is the 4 x 4 rigid map from MR to head world in RAS mm.
    """
    bright = labels.with_voxels(signals(sequence)[labels.voxels], "a.u.")
    _void_metal(bright, labels)
    signal = resample(bright, grid, fill=0.0, transform=mr_to_head).voxels
    signal *= 1 + bias_field * smooth_field(grid.shape, grid.spacing, 90.0, rng)
    real = rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = rng.standard_normal(signal.shape, dtype=np.float32)
    magnitude = np.hypot(signal + noise * real, noise * imaginary)
    gain = rng.uniform(300, 1500)
    scanned = np.minimum(np.rint(gain * magnitude), 32767).astype(np.int16)
    return Volume(scanned, grid, "a.u.")


def _void_metal(bright: Volume, labels: Volume) -> None:
    """Darken the signal around metal, which bends the field: a void of about 12 mm, in place."""
    metal = np.argwhere(labels.voxels == Tissue.METAL)
    if not len(metal):
        return
    center = metal.mean(axis=0)
    i, j, k = (
        ((np.arange(n) - c) * s / VOID_MM) ** 2
        for n, c, s in zip(labels.voxels.shape, center, labels.spacing, strict=True)
    )
    near = tuple(np.flatnonzero(axis < 6.0) for axis in (i, j, k))
    box = tuple(slice(n[0], n[-1] + 1) for n in near)
    square = i[box[0], None, None] + j[None, box[1], None] + k[None, None, box[2]]
    bright.voxels[box] *= 1 - np.exp(-(square**2)).astype(np.float32)
