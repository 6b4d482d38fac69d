"""What to scan, and how badly: everything about a phantom cohort but the seed."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from mrtoct.errors import ValueRangeError
from mrtoct.phantom.mr import CONTRASTS
from mrtoct.phantom.posture import Posture


@dataclass(frozen=True)
class PhantomSettings:
    """Scan geometry, noise and artefacts; positions are drawn anew for every subject."""

    anatomy_spacing: float = 1.0
    """Voxel of the grid on which the anatomy is evaluated, mm."""
    ct_shape: tuple[int, int, int] = (240, 240, 96)
    ct_spacing: tuple[float, float, float] = (1.0, 1.0, 2.0)
    """mm"""
    mr_shape: tuple[int, int, int] = (192, 192, 60)
    mr_spacing: tuple[float, float, float] = (1.2, 1.2, 3.0)
    """mm"""
    contrasts: tuple[str, ...] = ("T1",)
    """Which MR scans, of "T1", "T2", "PD"."""
    max_shift: float = 15.0
    """Largest displacement of the head's middle from CT to MR world, mm."""
    max_rotation: float = 10.0
    """Largest rotation from CT to MR world about a random axis, degrees."""
    max_tilt: float = 5.0
    """Largest rotation of the head in the CT about a random axis, degrees."""
    max_misplacement: float = 4.0
    """How far a scan's field of view is placed off the head, along each axis, mm."""
    margin_above: float = 6.0
    """How far a scan starts above the vertex, mm; negative where it starts below."""
    bias_field: float = 0.2
    """Largest departure of the MR bias field from 1."""
    mr_noise: float = 0.015
    """Standard deviation of each MR channel before the magnitude, per white-matter signal."""
    ct_noise: float = 6.0
    """Standard deviation of the CT's noise, HU."""
    lesion_probability: float = 0.2
    metal_probability: float = 0.1
    """A dental filling or, where the jaw is out of view, an aneurysm clip."""
    beam_hardening_probability: float = 0.3
    table: bool = True
    """Scan the table and the head holder, too."""
    posture: Posture = Posture()
    """How the MR's jaw and neck lie, against the CT's."""

    def __post_init__(self) -> None:
        for name in ("ct_spacing", "mr_spacing", "ct_shape", "mr_shape"):
            if len(getattr(self, name)) != 3 or min(getattr(self, name)) <= 0:
                raise ValueRangeError(
                    f"{name} needs three positive numbers, got {getattr(self, name)}"
                )
        if not 0.5 <= self.anatomy_spacing <= 5:
            raise ValueRangeError(
                f"anatomy_spacing must be 0.5 to 5 mm, got {self.anatomy_spacing:g}"
            )
        for name in (
            "max_shift",
            "max_rotation",
            "max_tilt",
            "max_misplacement",
            "mr_noise",
            "ct_noise",
        ):
            if not (isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueRangeError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not isfinite(self.margin_above):
            raise ValueRangeError(f"margin_above must be finite, got {self.margin_above}")
        if not 0 <= self.bias_field < 1:
            raise ValueRangeError(f"bias_field must be in [0, 1), got {self.bias_field}")
        for name in ("lesion_probability", "metal_probability", "beam_hardening_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueRangeError(f"{name} must be in [0, 1], got {getattr(self, name)}")
        unknown = [c for c in self.contrasts if c not in CONTRASTS]
        if unknown or not self.contrasts:
            raise ValueRangeError(
                f"contrasts must be some of {', '.join(CONTRASTS)}, got {self.contrasts}"
            )


DEMO = PhantomSettings()
"""A cohort that a laptop makes and trains on in minutes."""

RIRE = PhantomSettings(
    ct_shape=(512, 512, 29),
    ct_spacing=(0.65, 0.65, 4.0),
    mr_shape=(256, 256, 26),
    mr_spacing=(1.25, 1.25, 4.0),
    contrasts=("T1", "T2", "PD"),
    margin_above=-4.0,
)
"""The geometry of the RIRE project's scans: vertex to orbits, 4 mm slices."""

TINY = PhantomSettings(
    anatomy_spacing=2.5,
    ct_shape=(64, 64, 34),
    ct_spacing=(3.75, 3.75, 6.0),
    mr_shape=(64, 64, 32),
    mr_spacing=(3.75, 3.75, 6.0),
)
"""For unit tests: coarse, but still a head with bone, brain and air cavities."""
