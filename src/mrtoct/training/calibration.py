"""What a trained bundle's standard deviations are, learnt from the validation subjects.

They chose the checkpoint, too, so their errors are slightly smaller than those of new subjects.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from torch import nn

from mrtoct.hardware.devices import device_named
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.translation.bundle import Bundle, read_bundle, write_bundle
from mrtoct.translation.deviation.disagreement import predict_with_disagreement
from mrtoct.translation.deviation.fit import fit_deviation
from mrtoct.translation.deviation.model import RADIUS, DeviationModel, Signs, local_contrast
from mrtoct.volume import Array

HEADS = 4
VOXELS = 50_000
"""Most subjects, and most voxels of each, that are looked at: eleven numbers are learnt."""


def calibrate(best: Path, subjects: list[LoadedSubject], device: str = "auto") -> None:
    """Add to a bundle on disk how standard deviations are estimated; nothing without subjects.

    The same bundle and subjects always give the same numbers.
    """
    if not subjects:
        return
    bundle, network = read_bundle(best)
    network.to(device_named(device))
    model = fitted(network, bundle, subjects)
    write_bundle(best, replace(bundle, deviation=model), network.state_dict(), overwrite=True)


def fitted(
    network: nn.Module, bundle: Bundle, subjects: list[LoadedSubject]
) -> DeviationModel | None:
    """Return the model that fits some subjects best; None if none of their voxels can be judged."""
    looked_at = [voxel_signs(network, bundle, subject) for subject in subjects[:HEADS]]
    signs = Signs(
        *(
            np.concatenate([getattr(s, name) for s, _ in looked_at])
            for name in ("hu", "contrast", "disagreement")
        )
    )
    error = np.concatenate([e for _, e in looked_at])
    return fit_deviation(signs, error, heads=len(looked_at)) if error.size > 1 else None


def voxel_signs(
    network: nn.Module, bundle: Bundle, subject: LoadedSubject, *, most: int = VOXELS
) -> tuple[Signs, Array]:
    """Return signs and errors (N,), HU, of evenly drawn voxels of the kept slices' head."""
    hu, disagreement = predict_with_disagreement(network, bundle, subject.mr, subject.mr_head)
    contrast = local_contrast(hu, subject.grid.spacing, RADIUS)
    kept = np.zeros(subject.grid.shape, dtype=np.bool_)
    kept[:, :, subject.kept] = True
    # Where the MR shows no head a translation is air, whatever the network says.
    index = np.flatnonzero(kept & subject.head & subject.covered & subject.mr_head)
    index = index[:: max(1, -(-index.size // most))]
    # Targets beyond the window count as its ends: no network can do better there.
    real = np.clip(subject.hu.ravel()[index], bundle.window.low, bundle.window.high)
    signs = Signs(hu.ravel()[index], contrast.ravel()[index], disagreement.ravel()[index])
    return signs, signs.hu - real
