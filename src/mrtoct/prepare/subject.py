"""One raw pair all the way to a training-ready subject."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from mrtoct.errors import GeometryError, ValueRangeError
from mrtoct.prepare.clean import CleanSettings, find_bad_slices
from mrtoct.prepare.intensity import MrScaling, from_zero
from mrtoct.prepare.mask import bounding_box, head_mask_ct, head_mask_mr
from mrtoct.prepare.register import Registration, RegistrationSettings, register
from mrtoct.prepare.store import PreparedSubject
from mrtoct.resample import coverage, resample
from mrtoct.volume import AIR_HU, Array, Volume, check_signal


@dataclass(frozen=True)
class PrepareSettings:
    """What a store is made with; every field enters the fingerprint of its subjects."""

    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Voxel spacing of the store in mm, right-left, back-front, foot-head."""
    margin: float = 6.0
    """Air kept around the head, mm."""
    clean: CleanSettings = CleanSettings()
    mr_scaling: MrScaling = MrScaling()
    registration: RegistrationSettings = RegistrationSettings()

    def __post_init__(self) -> None:
        if len(self.spacing) != 3 or not all(0.2 <= s <= 10 for s in self.spacing):
            raise ValueRangeError(
                f"store spacing must be three numbers of 0.2 to 10 mm, got {list(self.spacing)}"
            )


def prepare_subject(
    name: str,
    mr: Volume,
    ct: Volume,
    *,
    ct_to_mr: Array | None = None,
    settings: PrepareSettings = PrepareSettings(),
    fingerprint: str = "",
) -> PreparedSubject:
    """Register, resample, mask, clean and measure one pair.

    mr in arbitrary units and ct in HU may lie on any grids. With ct_to_mr (4 x 4 RAS mm, CT
    points to MR points) the registration is skipped. Raises an MrtoctError with the reason if
    the pair cannot be used.
    """
    ct = checked_ct(ct)
    check_signal(mr, "MR")
    mr = mr.with_voxels(from_zero(mr.voxels))
    doubts: list[str] = []
    if ct_to_mr is None:
        found = register(ct, mr, settings.registration)
        transform, registration = found.transform, _registration_record(found)
        if found.verdict == "doubtful":
            doubts.append(f"the registration is doubtful: {found.reason}")
    else:
        transform = np.asarray(ct_to_mr, dtype=np.float64)
        registration = {"source": "given", "transform": transform.tolist()}

    ct = resample(ct, ct.grid.upright(settings.spacing), fill=AIR_HU)
    head = head_mask_ct(ct)
    margin = [int(np.ceil(settings.margin / s)) for s in settings.spacing]
    box = bounding_box(head.voxels, (margin[0], margin[1], margin[2]))
    ct, head = ct.cropped(box), head.cropped(box)

    covered = head.with_voxels(coverage(mr.grid, ct.grid, transform))
    if not (covered.voxels & head.voxels).any():
        raise GeometryError("CT and MR do not overlap: the MR covers no voxel of the CT's head")
    mr = resample(mr, ct.grid, fill=0.0, transform=transform)
    mr_head = head_mask_mr(mr)
    dropped = find_bad_slices(
        head.voxels, covered.voxels, ct.spacing[0] * ct.spacing[1], settings.clean
    )
    if len(dropped) == ct.grid.shape[2]:
        raise GeometryError(
            f"no slice is usable; the middle one: {dropped[len(dropped) // 2].reason}"
        )
    return PreparedSubject(
        name,
        mr=mr,
        ct=ct.with_voxels(np.rint(np.where(head.voxels, ct.voxels, AIR_HU)).astype(np.int16)),
        head=head,
        mr_head=mr_head,
        covered=covered,
        mr_range=settings.mr_scaling.measure(mr.voxels, mr_head.voxels),
        dropped=dropped,
        registration=registration,
        fingerprint=fingerprint,
        warnings=doubts + _doubts(head, mr_head, covered),
    )


def checked_ct(ct: Volume) -> Volume:
    """Return the CT with padding below -1024 HU raised to it; ValueRangeError if it is no HU."""
    check_signal(ct, "CT")
    low, high = float(ct.voxels.min()), float(ct.voxels.max())
    if low > -500:
        raise ValueRangeError(
            f"the CT's lowest value is {low:g}; in HU the air around a head is near -1000 "
            "(was a rescale intercept left out?)"
        )
    if high < 300:
        raise ValueRangeError(f"the CT's highest value is {high:g} HU; a skull is above 300")
    return ct.with_voxels(np.maximum(ct.voxels, np.asarray(AIR_HU, ct.voxels.dtype)))


def _registration_record(found: Registration) -> dict[str, object]:
    record = asdict(found)
    record["transform"] = found.transform.tolist()
    finite = {
        key: None if isinstance(value, float) and not np.isfinite(value) else value
        for key, value in record.items()
    }
    return {"source": "mutual information", **finite}


def _doubts(head: Volume, mr_head: Volume, covered: Volume) -> list[str]:
    """Compare the two head masks, which were found independently, where both could be."""
    a, b = head.voxels & covered.voxels, mr_head.voxels & covered.voxels
    dice = 2.0 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0)
    if dice < 0.85:
        return [f"the head on the MR and on the CT overlap poorly (Dice {dice:.2f})"]
    return []
