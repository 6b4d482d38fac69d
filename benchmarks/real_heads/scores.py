"""How far a synthetic CT is from the real one: HU by tissue, overlap of bone and air, deviation."""

from __future__ import annotations

import numpy as np

from mrtoct.judging.metrics.tissue import class_error, dice
from mrtoct.volume import Array

BONE_HU = 250.0
AIR_HU = -400.0
SOFT_HU = -250.0
"""Soft tissue is from here to BONE_HU; between AIR_HU and here voxels are cut by a surface."""
LOW_HU, HIGH_HU = -1024.0, 3071.0
"""Both CTs are clipped to what a CT of 12 bits holds."""

Row = dict[str, float | str]
"""A line of a table: what is measured by its name."""


def ct_scores(sct: Array, ct: Array, where: Array) -> Row:
    """Compare two CTs (HU) on the voxels of a boolean array (I, J, K).

    MAE and bias (synthetic minus real) over all of them and over what is soft tissue, bone and air
    in the real CT; Dice of bone and air by threshold in both; and the MAE without the voxels that
    are air in one and bone in the other.
    """
    made = np.clip(sct[where].astype(np.float32), LOW_HU, HIGH_HU)
    real = np.clip(ct[where].astype(np.float32), LOW_HU, HIGH_HU)
    soft = (real >= SOFT_HU) & (real <= BONE_HU)
    bone, air = real > BONE_HU, real < AIR_HU
    everywhere = np.ones(real.shape, dtype=np.bool_)
    whole = class_error(made, real, everywhere)
    swapped = confused(made, real)
    return {
        "MAE": whole.mae,
        "bias": whole.me,
        "MAE soft": class_error(made, real, soft).mae,
        "bias soft": class_error(made, real, soft).me,
        "MAE bone": class_error(made, real, bone).mae,
        "bias bone": class_error(made, real, bone).me,
        "MAE air": class_error(made, real, air).mae,
        "bone Dice": dice(made > BONE_HU, bone),
        "air Dice": dice(made < AIR_HU, air),
        "air drawn as bone, %": 100 * float((made[air] > BONE_HU).mean()) if air.any() else 0.0,
        "MAE but for bone-air": class_error(made, real, ~swapped).mae,
    }


def confused(made: Array, real: Array) -> Array:
    """Return where one CT has bone and the other air."""
    return np.asarray(((made > BONE_HU) & (real < AIR_HU)) | ((made < AIR_HU) & (real > BONE_HU)))


def deviation_scores(sct: Array, deviation: Array, ct: Array, where: Array) -> Row:
    """Say how often the error is within one and two deviations, and what they know of bone and air.

    A normal distribution has 68 and 95 %. The last two are the mean deviation where bone and air
    are confused and elsewhere.
    """
    made = np.clip(sct[where].astype(np.float32), LOW_HU, HIGH_HU)
    real = np.clip(ct[where].astype(np.float32), LOW_HU, HIGH_HU)
    sd = deviation[where].astype(np.float32)
    error = np.abs(made - real)
    swapped = confused(made, real)
    return {
        "within 1 sd, %": 100 * float((error <= sd).mean()),
        "within 2 sd, %": 100 * float((error <= 2 * sd).mean()),
        "mean sd": float(sd.mean()),
        "sd where bone and air are confused": _mean(sd[swapped]),
        "sd elsewhere": _mean(sd[~swapped]),
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
