"""Write a subject in the folder shape of RIRE, with the truth that a phantom comes with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mrtoct.io.files import write_volume
from mrtoct.io.rire import image as rire
from mrtoct.io.rire.transform import Heading, own_frame, write_rire_transform
from mrtoct.io.transforms import write_transform
from mrtoct.volume import Array, Grid, Volume

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_rire(
    folder: Path,
    ct: Volume,
    mr: Mapping[str, Volume],
    *,
    labels: Volume,
    ct_to_mr: Array,
    patient: str,
) -> None:
    """Write FOLDER/ct, FOLDER/mr_<contrast> and FOLDER/truth for one subject.

    ct, mr: 16-bit integers, mr by contrast, in any position. RIRE's files give every scan's first
    voxel the world position 0, so the truth, the labels and the 4 x 4 map of CT to MR points (RAS
    mm) are written for the scans as they will be read: ct_<contrast>.standard as RIRE writes
    transforms, ct_to_mr.tfm (to the first contrast) for ITK, labels.nii.gz.
    """
    rire.write(folder / "ct", rire.in_rire_frame(ct), "CT")
    write_volume(folder / "truth" / "labels.nii.gz", rire.in_rire_frame(labels))
    for number, (contrast, scan) in enumerate(mr.items()):
        target = f"mr_{contrast}"
        rire.write(folder / target, rire.in_rire_frame(scan), "MR", contrast)
        heading = Heading(method="known from the phantom", patient=patient, target=target)
        standard = folder / "truth" / f"ct_{contrast}.standard"
        write_rire_transform(standard, ct_to_mr, ct.grid, scan.grid, heading)
        if number == 0:
            moved = _to_rire_world(scan.grid) @ ct_to_mr @ np.linalg.inv(_to_rire_world(ct.grid))
            write_transform(folder / "truth" / "ct_to_mr.tfm", moved)


def _to_rire_world(grid: Grid) -> Array:
    """Return the map from where a scan is (RAS mm) to where RIRE's files place it (RAS mm)."""
    return np.asarray(_LPS_TO_RAS @ own_frame(grid))
