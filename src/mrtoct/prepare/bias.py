"""Take the smooth shading off an MR: N4 (Tustison et al. 2010, IEEE TMI 29:1310) of SimpleITK.

A receive coil makes what lies near it brighter, by a factor of 2 to 5 across a head. The shading is
estimated inside the head on coarse voxels and divided out on the scan's own, before anything is
measured on the signal: the head's mask, percentiles, a registration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from mrtoct.prepare.intensity import from_zero
from mrtoct.prepare.mask import bounding_box, head_mask_mr
from mrtoct.resample import resample
from mrtoct.volume import Array, Volume, require_signal

WORK_MM = 6.0
"""Spacing at which it is estimated: a shading is smooth over ten times as much."""
ROUNDS = 2
"""A strong shading hides the dark side from the head's mask, which is found again without it."""
SPANS, LEVELS, STEPS = 1, 2, 30
"""Spans of the cubic spline along each axis of the head at first, how often they are halved, and
steps for each: down to half a head. Finer ones follow the anatomy."""
WIDTH = 0.3
"""Of the blur, in the logarithm, that the shading is thought to have done to the histogram. Twice
N4's usual value: with that, 30 steps took a third off a ramp of 5:1, with this nine tenths."""
CONVERGED = 1e-3
DARK = 0.1
"""Of the head's median: what is darker (air, compact bone) says little of a shading."""
SPREAD = (5, 95)
"""Percentiles of the shading in the head whose ratio is its strength."""


@dataclass(frozen=True, eq=False)
class Corrected:
    """An MR without its shading."""

    mr: Volume
    """float32, from 0, the head about as bright as before."""
    strength: float
    """The shading's 95th by its 5th percentile in the head; 1 is none."""


def correct_bias(mr: Volume) -> Corrected:
    """Return a head MR (arbitrary units, any grid) without the shading that N4 finds in it.

    It is divided out in the whole field of view. Raises ValueRangeError where no head is found.
    """
    require_signal(mr, "MR")
    mr = from_zero(mr)
    coarse = resample(mr, mr.grid.upright((WORK_MM,) * 3), fill=0.0)
    head = head_mask_mr(coarse).voxels
    shading = np.zeros(coarse.grid.shape, dtype=np.float32)
    for _ in range(ROUNDS):
        shading += _shading(coarse.voxels * np.exp(-shading), head)
        head = head_mask_mr(coarse.with_voxels(coarse.voxels * np.exp(-shading))).voxels
    low, middle, high = np.percentile(shading[head], (SPREAD[0], 50, SPREAD[1]))
    fine = resample(coarse.with_voxels(shading - np.float32(middle)), mr.grid, fill=0.0)
    return Corrected(
        mr.with_voxels(np.asarray(mr.voxels * np.exp(-fine.voxels), dtype=np.float32)),
        float(np.exp(high - low)),
    )


def _shading(mr: Array, head: Array) -> Array:
    """Return the logarithm of N4's shading (I, J, K), as at the head's box beyond it."""
    box = bounding_box(head, margin=(1, 1, 1))
    signal = mr[box] / np.median(mr[head])
    believed = head[box] & (signal > DARK)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([STEPS] * LEVELS)
    n4.SetNumberOfControlPoints([SPANS + 3] * 3)
    n4.SetBiasFieldFullWidthAtHalfMaximum(WIDTH)
    n4.SetConvergenceThreshold(CONVERGED)
    image, mask = (
        sitk.GetImageFromArray(np.ascontiguousarray(array.T))  # (K, J, I)
        for array in (np.maximum(signal, 1e-3).astype(np.float32), believed.astype(np.uint8))
    )
    n4.Execute(image, mask)
    inner = sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(image)).T
    around = [(s.start, n - s.stop) for s, n in zip(box, mr.shape, strict=True)]
    return np.asarray(np.pad(inner, around, mode="edge"), dtype=np.float32)
