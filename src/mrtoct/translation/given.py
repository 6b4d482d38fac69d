"""The MR that a translator is given, by channel: read, converted, refused where it holds HU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mrtoct.check.signal import check_modality
from mrtoct.check.values import find_peaks
from mrtoct.errors import CohortError, ValueRangeError
from mrtoct.io.as_volume import ANY_UNIT, VolumeLike, as_volume
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
            f"this bundle knows the MR channels {', '.join(known)}; it was given "
            f"{', '.join(unknown)}"
        )
    units: tuple[Unit, ...] = ("a.u.", *ANY_UNIT) if force else ("a.u.",)
    volumes = {}
    for name, given in mr.items():
        kind = "MR" if len(known) == 1 else f"MR channel {name}"
        volume = as_volume(given, units, kind, force="to translate it all the same")
        if not force:
            _require_mr(volume, kind)
        volumes[name] = volume.with_voxels(volume.voxels, "a.u.")
    return volumes


def _require_mr(mr: Volume, kind: str) -> None:
    """Refuse what holds HU: a CT that was named by mistake would be translated into nonsense."""
    for finding in check_modality(mr, find_peaks(mr.voxels), kind):
        if finding.weight == "unusable":
            raise ValueRangeError(
                f"the {kind} {finding.sentence}", force="to translate it all the same"
            )
