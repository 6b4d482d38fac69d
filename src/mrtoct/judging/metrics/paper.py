"""The metrics of "MRI to CT Translation with GANs" (Kaiser & Albarqouni 2019), section 4.

They run over every voxel of the cropped volume, air around the head included, so they are lower
than the in-mask errors of `tissue` and must never be compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mrtoct.volume import Array

PAPER_PEAK = 65535.0
"""The largest 16-bit value, which the paper puts into its PSNR although CT spans far less."""

HU_RANGE = 4095.0
"""The range of 12-bit CT, -1024 to 3071 HU, for a PSNR at a range that CT really has."""


@dataclass(frozen=True)
class PaperMetrics:
    """Errors over a whole volume: mae in HU, mse in HU^2, both PSNR in dB."""

    mae: float
    mse: float
    psnr_65535: float
    psnr: float
    psnr_range: float = HU_RANGE
    region: str = "bounding box of the mask"


def paper_metrics(sct: Array, ct: Array) -> PaperMetrics:
    """Return the paper's MAE, MSE and PSNR over all voxels of two HU arrays of one shape.

    PSNR = 10 log10(M^2 / MSE): with M = 65535 as printed there, and with M = 4095 beside it
    (24.08 dB lower by the choice of M alone). Identical volumes have an infinite PSNR.
    """
    error = np.asarray(sct, dtype=np.float64) - np.asarray(ct, dtype=np.float64)
    mse = float(np.mean(error**2))
    return PaperMetrics(
        mae=float(np.mean(np.abs(error))),
        mse=mse,
        psnr_65535=psnr(mse, PAPER_PEAK),
        psnr=psnr(mse, HU_RANGE),
    )


def psnr(mse: float, peak: float) -> float:
    """Return 10 log10(peak^2 / mse) in dB; infinite where nothing differs."""
    return float(10 * np.log10(peak**2 / mse)) if mse > 0 else float("inf")
