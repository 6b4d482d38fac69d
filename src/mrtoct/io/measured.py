"""What was measured of a volume, beside its file: mr.nii.gz has mr_measured.nii.gz.

The record is a mask on the volume's grid, 1 where it was measured. It is there only for a volume of
which a part was not; a record that an older volume left behind goes with it.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np

from mrtoct.errors import ValueRangeError
from mrtoct.volume import Volume, without_nan
from mrtoct.volume.picture import share

log = logging.getLogger(__name__)

SUFFIX = "_measured"
IN_ONE_FILE = {".mhd": ".mha", ".nhdr": ".nrrd"}


def measured_file(path: Path, ending: str) -> Path:
    """Return where the record of a volume file lies; its ending, or that in one file."""
    kind = ending if ending in IN_ONE_FILE else path.name[-len(ending) :]
    return path.with_name(path.name[: -len(ending)] + SUFFIX + IN_ONE_FILE.get(kind, kind))


def is_measured_file(path: Path) -> bool:
    """Tell by its name whether a file is such a record, and so no volume, channel or mask."""
    return bool(re.search(SUFFIX + r"\.(nii|nii\.gz|mha|nrrd)$", path.name, re.IGNORECASE))


def only_finite(name: object, volume: Volume) -> Volume:
    """Return a volume whose NaN voxels are noted as not measured, with a warning of how many.

    name is the file's, or whatever the volume is called. Raises ValueRangeError for infinite
    voxels, for NaN in labels, and where every voxel is NaN.
    """
    if volume.voxels.dtype.kind != "f":
        return volume
    try:
        voxels, measured = without_nan(volume.voxels, volume.unit)
    except ValueRangeError as error:
        raise error.about(name) from error
    if bad := voxels.size - int(np.isfinite(voxels).sum()):
        remedy = "NaN where nothing was measured"
        if volume.unit == "label":
            remedy = "0 where a mask or label map has nothing"
        what = "NaN or infinite" if volume.unit == "label" else "infinite"
        raise ValueRangeError(
            f"{name}: {bad} voxels are {what}; every voxel must be a finite number, or {remedy}"
        )
    if measured is None:
        return volume
    warn_of_nan(name, float(1 - measured.mean()))
    return volume.with_voxels(voxels).measured_where(measured)


def warn_of_nan(name: object, part: float) -> None:
    """Warn that a part of the voxels of something, above 0, is taken for not measured."""
    told = name.name if isinstance(name, Path) else name
    log.warning("%s: %s of its voxels are NaN and count as not measured", told, share(part))
