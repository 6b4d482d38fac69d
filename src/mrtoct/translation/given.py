"""The MR that a translator is given, by channel: read, converted, refused where it holds HU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mrtoct.check.signal import require_mr
from mrtoct.errors import CohortError
from mrtoct.io.as_volume import ANY_UNIT, VolumeLike, as_volume
from mrtoct.prepare.channels import kind_of
from mrtoct.volume import Unit, Volume

MrLike = VolumeLike | Mapping[str, VolumeLike]
"""One MR, or the MR of each channel by its name."""


def by_channel(mr: MrLike, known: Sequence[str], force: bool) -> dict[str, Volume]:
    """Return the MR by channel, read or converted; in a.u. unless another unit is forced."""
    if not isinstance(mr, Mapping):
        if len(known) > 1:
            raise CohortError(
                f"this bundle needs the MR channels {', '.join(known)}; it was given one MR"
            )
        mr = {known[0]: mr}
    unknown = [str(name) for name in mr if name not in known]
    if unknown:
        raise CohortError(
            f"this bundle has the MR channels {', '.join(known)}, not {', '.join(unknown)}"
        )
    units: tuple[Unit, ...] = ("a.u.", *ANY_UNIT) if force else ("a.u.",)
    volumes = {}
    for name, given in mr.items():
        kind = kind_of(name, known)
        volume = as_volume(given, units, kind, force="to translate it anyway")
        if not force:
            require_mr(volume, kind, force="to translate it anyway")
        volumes[name] = volume.with_voxels(volume.voxels, "a.u.")
    return volumes
