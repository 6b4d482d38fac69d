"""Take a volume as people have it: ours, a file's path, an image of nibabel or SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from mrtoct.errors import ValueRangeError
from mrtoct.io.files import read_scan, read_volume
from mrtoct.io.measured import only_finite, warn_of_nan
from mrtoct.io.scan import Scan
from mrtoct.volume import NibabelImage, SimpleItkImage, Unit, Volume

VolumeLike = Volume | Scan | Path | str | NibabelImage | SimpleItkImage
"""What is taken wherever a volume is expected."""

ANY_UNIT: tuple[Unit, ...] = get_args(Unit)


def as_volume(
    given: VolumeLike, units: Unit | tuple[Unit, ...], name: str, **ways_out: str
) -> Volume:
    """Return the volume that was given, read or converted.

    units are those that it may be in; what does not state its unit, as files do not, is taken to
    be in the first. name says in messages what it is, such as "MR", and ways_out what would help
    where the unit is another one (see MrtoctError). Raises ValueRangeError for another unit,
    infinite voxels, and what is no volume at all; the errors of reading; GeometryError. NaN voxels
    were not measured.
    """
    units = (units,) if isinstance(units, str) else units
    if isinstance(given, str | Path):
        return read_volume(given, units[0])
    if isinstance(given, Scan):
        return read_scan(given, units[0])
    if isinstance(given, Volume):
        if given.unit not in units:
            raise ValueRangeError(
                f"the {name} is in {given.unit}, it must be in {' or '.join(units)}", **ways_out
            )
        return only_finite(f"the {name}", given)
    if not isinstance(given, NibabelImage | SimpleItkImage):
        raise ValueRangeError(f"the {name} must be {_ALLOWED}, got {_described(given, units[0])}")
    volume = only_finite(f"the {name}", Volume.from_image(given, units[0]))
    if volume.measured is not None:
        warn_of_nan(f"the {name}", volume.unmeasured)
    return volume


_ALLOWED = "a Volume, a path, or an image of nibabel or SimpleITK"


def _described(given: object, unit: Unit) -> str:
    kind = type(given).__name__
    if hasattr(given, "__array__"):
        return (
            f"an array ({kind}) without its affine; use Volume.from_numpy(voxels, affine, "
            f"{unit!r}) of it"
        )
    return kind
