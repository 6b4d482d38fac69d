"""One raw pair all the way to a training-ready subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from mrtoct.check.hounsfield import check_bone, why_not_hu
from mrtoct.check.signal import require_mr
from mrtoct.errors import GeometryError, RegistrationError, ValueRangeError
from mrtoct.io.calibration import UNKNOWN, CtCalibration
from mrtoct.prepare.bias import correct_bias
from mrtoct.prepare.channels import (
    align_channels,
    channel_transforms,
    checked_channels,
    kind_of,
)
from mrtoct.prepare.clean import CleanSettings, find_bad_slices
from mrtoct.prepare.intensity import checked_ct
from mrtoct.prepare.left_out import LeftOut, blank_where_head, shares, spoilt_by_metal
from mrtoct.prepare.mask import LEAST_OVERLAP, bounding_box, head_mask_ct, head_mask_mr
from mrtoct.prepare.metal import Metal, find_metal
from mrtoct.prepare.spacing import require_spacing
from mrtoct.prepare.store import PreparedSubject
from mrtoct.registration.assess import Assessment, assess_registration
from mrtoct.registration.deform import Deformed, DeformSettings, deform
from mrtoct.registration.deformation import Deformation, carried_coverage, carry
from mrtoct.registration.motion import MotionSettings, RegionalMotion, measure_motion
from mrtoct.registration.regions import NAMES, Name
from mrtoct.registration.register import Registration, RegistrationSettings, register
from mrtoct.resample import resample, resample_mask
from mrtoct.volume import AIR_HU, Array, Grid, Volume, require_same_grid

Moved = Literal["leave out", "deform", "keep"]


@dataclass(frozen=True)
class PrepareSettings:
    """What a store is made with; every field enters the fingerprint of its subjects."""

    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Voxel spacing of the store in mm, right-left, back-front, foot-head."""
    channels: tuple[str, ...] = ("mr",)
    """MR channels; the first is registered to the CT, the others to it."""
    margin: float = 6.0
    """Air kept around the head, mm."""
    bias_correct: bool = False
    """Take the MR's bias field off (N4) before all else; a bundle trained on it then does, too."""
    clean: CleanSettings = CleanSettings()
    registration: RegistrationSettings = RegistrationSettings()
    judge_given: bool = True
    """Judge transforms that were given, and the claim that scans are aligned, by the data."""
    moved: Moved = "leave out"
    """What becomes of jaw and neck that moved against the skull. leave out: neither learnt from nor
    scored; deform: carried smoothly to the CT, and left out if that fails; keep: as if they had
    not."""

    def __post_init__(self) -> None:
        try:
            require_spacing(self.spacing)
        except ValueError as error:
            raise ValueRangeError(f"store {error}") from error
        if not self.channels or len(set(self.channels)) < len(self.channels):
            raise ValueRangeError(
                f"a store needs MR channels that differ, got {list(self.channels)}"
            )


@dataclass(frozen=True, eq=False)
class RawSubject:
    """A subject as it was scanned: volumes on any grids."""

    name: str
    mr: Mapping[str, Volume]
    """By channel, arbitrary units."""
    ct: Volume
    """HU"""
    ct_to_mr: Array | None = None
    """A known map (4 x 4, RAS mm) of CT points to points of the first MR channel."""
    aligned: bool = False
    """All in one frame already."""
    mask: Volume | None = None
    """Where the data's authors want errors to be counted, on the CT's grid."""
    calibration: CtCalibration = UNKNOWN
    """What gave the CT its HU."""


def prepare_subject(
    raw: RawSubject, settings: PrepareSettings = PrepareSettings(), *, fingerprint: str = ""
) -> PreparedSubject:
    """Register, resample, mask, clean and measure one subject.

    With raw.ct_to_mr the CT is not registered, with raw.aligned nothing is. Raises an MrtoctError
    with the reason if the subject cannot be used.
    """
    ct = checked_ct(raw.ct)
    if why := why_not_hu(ct):  # also where padding of -2000, shifted by 1024, looks like air
        raise ValueRangeError(f"the CT {why}")
    mr = checked_channels(raw.mr, settings.channels)
    doubts = [
        doubt
        for name in settings.channels
        for doubt in require_mr(raw.mr[name], kind_of(name, settings.channels))
    ]
    shading: dict[str, float] = {}
    if settings.bias_correct:
        done = {name: correct_bias(volume) for name, volume in mr.items()}
        mr = {name: corrected.mr for name, corrected in done.items()}
        shading = {name: round(corrected.strength, 3) for name, corrected in done.items()}
    first = settings.channels[0]
    alignments = {} if raw.aligned else align_channels(mr, settings.registration)
    to_first, registration = _ct_to_first(raw, ct, mr[first], settings)
    motion, deformed = _below_skull(ct, mr[first], to_first, registration, settings)
    if alignments:
        registration["channels"] = {name: record_of(found) for name, found in alignments.items()}
    transforms = channel_transforms(mr, alignments, to_first)
    scanned = {name: volume.spacing for name, volume in mr.items()}

    metal = find_metal(ct)
    ct = resample(ct, ct.grid.upright(settings.spacing), fill=AIR_HU)
    head = head_mask_ct(ct)
    doubts += _of_no_head(ct, head)
    margin = [int(np.ceil(settings.margin / s)) for s in settings.spacing]
    box = bounding_box(head.voxels, (margin[0], margin[1], margin[2]))
    ct, head = ct.cropped(box), head.cropped(box)

    deformation = deformed.deformation if deformed else None
    mr = {name: _on(volume, ct.grid, transforms[name], deformation) for name, volume in mr.items()}
    seen = [volume.measured for volume in (ct, *mr.values()) if volume.measured is not None]
    covered = head.with_voxels(np.logical_and.reduce([np.ones(ct.grid.shape, np.bool_), *seen]))
    scans = ct, mr
    # From here on as a store holds them: one mask for all, and what is found is found again.
    ct, mr = replace(ct, measured=None), {n: replace(v, measured=None) for n, v in mr.items()}
    if not (covered.voxels & head.voxels).any():
        raise GeometryError("CT and MR do not overlap: the MR covers no voxel of the CT's head")
    mr_head = head_mask_mr(mr[first])
    doubts += _of_little_overlap(head, mr_head, covered)
    # Verdicts hold for a head's CT and MR; none was asked for where there is none.
    if doubts and "verdict" in registration:
        if registration["verdict"] == "doubtful":
            doubts.insert(0, registration["reason"])
        registration |= {"verdict": "doubtful", "reason": "; ".join(doubts)}
    dropped = find_bad_slices(
        head.voxels, covered.voxels, ct.spacing[0] * ct.spacing[1], settings.clean
    )
    if len(dropped) == ct.grid.shape[2]:
        raise GeometryError(
            f"no slice is usable; the middle one: {dropped[len(dropped) // 2].reason}"
        )
    left_out = _left_out(metal, *scans, head, mr_head)
    if settings.moved != "keep":
        left_out = [*left_out, *_moved(motion, deformed, ct)]
    either = head.voxels | mr_head.voxels
    left_out = [(why, where & covered.voxels) for why, where in left_out]
    shared = shares(left_out, either & covered.voxels)
    for _, where in left_out:
        covered.voxels[where] = False
    subject = PreparedSubject(
        raw.name,
        channels=mr,
        ct=ct.with_voxels(np.rint(np.where(head.voxels, ct.voxels, AIR_HU)).astype(np.int16)),
        head=head,
        mr_head=mr_head,
        covered=covered,
        mask=_mask_on(raw, ct),
        dropped=dropped,
        registration=registration,
        fingerprint=fingerprint,
        warnings=[] if "verdict" in registration else doubts,
        scanned=scanned,
        calibration=raw.calibration,
        shading=shading,
        left_out=shared,
        deformation=deformation,
    )
    if subject.distrust:
        subject.warnings.insert(0, subject.distrust)
    return subject


def _left_out(
    metal: Metal | None, ct: Volume, mr: Mapping[str, Volume], head: Volume, mr_head: Volume
) -> LeftOut:
    """Return what of the pair neither teaches nor counts: each reason and where it holds."""
    reasons = [
        ("metal", spoilt_by_metal(metal, ct, mr, head.voxels)),
        ("blank in the CT", blank_where_head(ct, head, mr_head)),
    ]
    for name, volume in mr.items():
        of = f" {name}" if len(mr) > 1 else ""
        reasons.append((f"blank in the MR{of}", blank_where_head(volume, mr_head, head)))
    return reasons


def _ct_to_first(
    raw: RawSubject, ct: Volume, mr: Volume, settings: PrepareSettings
) -> tuple[Array, dict[str, Any]]:
    """Return the map of CT points to points of the first channel, and what is known of it."""
    if raw.ct_to_mr is None and not raw.aligned:
        found = register(ct, mr, settings.registration)
        return found.transform, {"source": "mutual information", **record_of(found)}
    given = np.eye(4) if raw.ct_to_mr is None else np.asarray(raw.ct_to_mr, dtype=np.float64)
    record: dict[str, Any] = {"source": "aligned" if raw.ct_to_mr is None else "given"}
    if settings.judge_given:
        try:
            record |= record_of(assess_registration(ct, mr, given, settings.registration))
        except RegistrationError as error:
            record |= {"verdict": "doubtful", "reason": str(error)}
    return given, {**record, "transform": given.tolist()}


def _of_no_head(ct: Volume, head: Volume) -> list[str]:
    """Return why a CT may be of no head by its bone, as a check says."""
    odd = [f.sentence for f in check_bone(ct, head.voxels) if f.kind == "little-bone"]
    return [f"the verdict assumes a head, but {sentence}" for sentence in odd]


def _on(volume: Volume, grid: Grid, transform: Array, deformation: Deformation | None) -> Volume:
    """Return an MR on a grid of the CT's, what moved carried where there is a deformation."""
    if deformation is None:
        return resample(volume, grid, fill=0.0, transform=transform)
    there = carried_coverage(volume.grid, grid, transform, deformation)
    return carry(volume, grid, transform, deformation).measured_where(there)


def _below_skull(
    ct: Volume, mr: Volume, to_first: Array, registration: dict[str, Any], settings: PrepareSettings
) -> tuple[RegionalMotion | None, Deformed | None]:
    """Measure what moved against the skull, carry it if asked to, and record both."""
    if registration["source"] != "mutual information" and not settings.judge_given:
        return None, None
    regional = MotionSettings(device=settings.registration.device)
    motion = measure_motion(ct, mr, to_first, regional)
    registration["regions"] = motion.record()
    if motion.doubt and registration.get("verdict") == "good":
        registration |= {"verdict": "doubtful", "reason": motion.doubt}
    if settings.moved != "deform":
        return motion, None
    deformed = deform(ct, mr, to_first, motion, DeformSettings(motion=regional))
    registration["deformation"] = deformed.record()
    return motion, deformed


def _moved(motion: RegionalMotion | None, deformed: Deformed | None, ct: Volume) -> LeftOut:
    """Return the regions of a CT that moved and were not carried, if there are any."""
    if motion is None or motion.regions is None:
        return []
    moved: list[Name] = motion.moved
    if deformed and deformed.deformation:
        moved = [name for name, m in deformed.motions.items() if m.verdict == "moved"]
    return [("moved", np.isin(motion.regions.on(ct.grid), [NAMES.index(n) for n in moved]))]


def record_of(found: Registration | Assessment) -> dict[str, Any]:
    """Return what is known of a registration as JSON takes it."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        if isinstance(value, np.ndarray):
            return value.tolist()
        return None if isinstance(value, float) and not np.isfinite(value) else value

    record: dict[str, Any] = plain(asdict(found))
    return record


def _mask_on(raw: RawSubject, ct: Volume) -> Volume | None:
    if raw.mask is None:
        return None
    mask = raw.mask.stored_as(raw.ct.grid)
    require_same_grid(mask.grid, raw.ct.grid, "the mask", "the CT")
    return resample_mask(mask.with_voxels(mask.voxels > 0, "label"), ct.grid)


def _of_little_overlap(head: Volume, mr_head: Volume, covered: Volume) -> list[str]:
    """Compare the two head masks, which were found independently, where both could be."""
    a, b = head.voxels & covered.voxels, mr_head.voxels & covered.voxels
    dice = 2.0 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0)
    if dice < LEAST_OVERLAP:
        return [f"the head on the MR and on the CT overlap poorly (Dice {dice:.2f})"]
    return []
