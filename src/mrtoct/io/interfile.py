"""Interfile as STIR reads it: a text header (.hv) and the voxels (.v)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrtoct.errors import FileError, GeometryError
from mrtoct.io.atomic import new_file, require_absent
from mrtoct.volume import Volume

UPRIGHT = 1e-3


def write(
    path: Path, volume: Volume, *, units: str, name: str = "", overwrite: bool = False
) -> None:
    """Write a volume of a head that lies supine, head first, in STIR's own axes.

    STIR's x runs to the patient's left, y to the back and z to the feet; the first voxel's place is
    stated, so that nothing is centred by default. Raises GeometryError for an oblique grid.
    """
    if path.suffix.lower() != ".hv":
        raise FileError(f"{path} is not an Interfile header; its name must end in .hv")
    data = path.with_suffix(".v")
    require_absent(path, overwrite=overwrite)
    require_absent(data, overwrite=overwrite)
    # RAS to left, posterior, inferior.
    affine = np.diag([-1.0, -1.0, -1.0, 1.0]) @ volume.affine
    directions = affine[:3, :3] / np.asarray(volume.spacing)
    axes = np.argmax(np.abs(directions), axis=1)
    upright = np.abs(directions[np.arange(3), axes])
    if sorted(axes) != [0, 1, 2] or upright.min() < 1 - UPRIGHT:
        raise GeometryError(
            f"{path}: Interfile holds grids along the body's axes only; write NIfTI instead"
        )
    voxels = np.transpose(volume.voxels, axes)
    spacing = np.asarray(volume.spacing)[axes]
    first = affine[:3, 3].copy()
    for world, axis in enumerate(axes):
        if directions[world, axis] < 0:
            voxels = np.flip(voxels, world)
            first[world] -= (volume.grid.shape[axis] - 1) * spacing[world]
    lines = [
        "!INTERFILE  :=",
        "!imaging modality := PET",
        "!version of keys := STIR4.0",
        f"name of data file := {data.name}",
        "!GENERAL DATA :=",
        "!GENERAL IMAGE DATA :=",
        "!type of data := PET",
        "patient orientation := head_in",
        "patient rotation := supine",
        "imagedata byte order := LITTLEENDIAN",
        "!PET STUDY (General) :=",
        "!PET data type := Image",
        "process status := Reconstructed",
        "!number format := float",
        "!number of bytes per pixel := 4",
        "number of dimensions := 3",
    ]
    for n, axis in enumerate("xyz"):
        lines += [
            f"matrix axis label [{n + 1}] := {axis}",
            f"!matrix size [{n + 1}] := {voxels.shape[n]}",
            f"scaling factor (mm/pixel) [{n + 1}] := {spacing[n]:.7g}",
            f"first pixel offset (mm) [{n + 1}] := {first[n]:.7g}",
        ]
    lines += [
        "number of time frames := 1",
        f"; {name}",
        f"quantification units := {units}",
        "!END OF INTERFILE :=",
    ]
    with new_file(data, overwrite=overwrite) as part:
        part.write_bytes(voxels.astype("<f4").tobytes(order="F"))
    with new_file(path, overwrite=overwrite) as part:
        part.write_text("\n".join(lines) + "\n", encoding="ascii")
