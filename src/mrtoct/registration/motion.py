"""Did jaw or neck move between two scans? Each region of a head is registered once more by itself.

It starts at the rigid map of the whole and climbs the same mutual information, on its own points.
Jaw and neck hang on the skull: their points follow the region's map by the weight of
`mrtoct.registration.deformation.held`, from nothing at the skull to all of it below.
Regions that did not move end within 0.4 mm (mean over the region) of where they started; a chin or
a neck 5 mm off moves the mean of its region by 1.5 mm and more and gains 7 % of the mutual
information at least (see docs/registration.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from mrtoct.errors import RegistrationError
from mrtoct.registration import pyramid
from mrtoct.registration.deformation import held
from mrtoct.registration.regions import NAMES, Name, Regions, find_regions
from mrtoct.registration.search import (
    MIXED_CHANGE,
    MIXED_SHARE,
    Level,
    ScaledPair,
    SearchSettings,
    centered,
    displaced,
    measure,
    scaled_pair,
    uncentered,
)
from mrtoct.volume import Array, Volume

MotionVerdict = Literal["good", "moved", "not known"]

MOVED_MM: dict[Name, float] = {"skull": 2.0, "face and jaw": 1.2, "neck": 1.2}
"""Mean over the region. An error of 2 mm of a whole registration is called good, too."""
LEAST_GAIN = 0.02
"""Part of the mutual information that a motion must gain: without one it is 0.01 at most."""
LEAST_CONTRAST, CONTRAST_MM = 0.12, 6.0
"""Part of the mutual information that must be lost so far away: 0.35 and more in regions that show
anything, 0.05 at most in noise."""
LEAST_COVERED = 0.5
LEAST_ML = 30.0
"""Of a region, in the CT and covered by the MR."""
MOST_MM = 25.0
"""Further, something else was found: another vertebra, the other row of teeth."""


@dataclass(frozen=True)
class MotionSettings(SearchSettings):
    """How a region is registered: from one start, that of the whole."""

    levels: tuple[Level, ...] = (
        Level(spacing=4, smoothing=2, iterations=40, step=2.0, samples=5000, keep=1),
        Level(spacing=2, smoothing=1, iterations=40, step=1.0, samples=8000, keep=1),
    )
    margin: float = 8.0
    """mm of air around the head that takes part: it shows the skin."""
    seed: int = 1


@dataclass(frozen=True, eq=False)
class Motion:
    """How far one region lies from where a rigid map of the whole head takes it."""

    verdict: MotionVerdict
    reason: str
    transform: Array
    """The region's own map (4 x 4, RAS mm) of CT to MR points, well below the skull; the whole's
    where none is known."""
    mean_mm: float = float("nan")
    """Over the region's points, from the one map to the other."""
    most_mm: float = float("nan")
    """For 95 % of them it is less."""
    gain: float = float("nan")
    """Part of the mutual information that the own map adds to the whole's."""
    contrast: float = float("nan")
    """Part of the mutual information that is lost 6 mm away."""
    coverage: float = float("nan")
    """Part of the region that the MR covers."""


@dataclass(frozen=True, eq=False)
class RegionalMotion:
    """What is known of the regions of one pair."""

    regions: Regions | None
    """Where they are; None where that is not known, or the scan holds nothing but skull."""
    motions: dict[Name, Motion] = field(default_factory=dict)

    @property
    def moved(self) -> list[Name]:
        """The regions that moved, the skull apart: where it did, the whole map is off."""
        return [n for n, m in self.motions.items() if m.verdict == "moved" and n != "skull"]

    @property
    def doubt(self) -> str | None:
        """Why the whole map should not be trusted, None if the skull lies where it says."""
        skull = self.motions["skull"]
        if skull.verdict != "moved":
            return None
        return f"the skull by itself fits better {skull.mean_mm:.1f} mm away"

    def record(self) -> dict[str, Any]:
        """Return it as JSON takes it: by region, numbers that do not exist as null."""

        def plain(value: float) -> float | None:
            return round(value, 4) if np.isfinite(value) else None

        return {
            name: {
                "verdict": motion.verdict,
                "reason": motion.reason,
                "mean_mm": plain(motion.mean_mm),
                "most_mm": plain(motion.most_mm),
                "gain": plain(motion.gain),
                "contrast": plain(motion.contrast),
                "coverage": plain(motion.coverage),
                "transform": motion.transform.tolist(),
            }
            for name, motion in self.motions.items()
        }


def measure_motion(
    ct: Volume,
    mr: Volume,
    transform: Array,
    settings: MotionSettings = MotionSettings(),
    *,
    regions: Regions | None = None,
    names: Sequence[Name] = NAMES,
) -> RegionalMotion:
    """Measure how far skull, face and jaw, and neck moved against a rigid map (4 x 4, RAS mm).

    ct in HU, mr in any unit; transform takes CT to MR points. Regions are found on the CT unless
    they are given. What cannot be known says why, nothing is raised for it.
    """
    transform = np.asarray(transform, dtype=np.float64)
    if regions is None:
        try:
            regions = find_regions(ct)
        except RegistrationError as error:
            return RegionalMotion(
                None, {n: Motion("not known", str(error), transform) for n in names}
            )
    pair = scaled_pair(ct, mr, settings)
    body = pyramid.body(ct)
    points = body.grid.to_world(np.argwhere(body.voxels))
    numbers = regions.number(points) if regions else np.zeros(len(points), dtype=np.uint8)
    motions: dict[Name, Motion] = {}
    searched: dict[Name, Array] = {}
    for name in names:
        own = points[numbers == NAMES.index(name)]
        covered = pyramid.covered(mr.grid, own, transform) if len(own) else 0.0
        size = len(own) * body.grid.voxel_volume / 1000
        why = f"the MR covers {covered:.0%} of it" if size >= LEAST_ML else "it is not in the CT"
        motions[name] = Motion("not known", why, transform, coverage=covered)
        if size * covered >= LEAST_ML and covered >= LEAST_COVERED:
            searched[name] = own
    for name, found in _search(pair, searched, regions, transform, settings).items():
        verdict, reason = judge_motion(name, found)
        coverage = motions[name].coverage
        motions[name] = replace(found, verdict=verdict, reason=reason, coverage=coverage)
    return RegionalMotion(regions, motions)


def judge_motion(name: Name, found: Motion) -> tuple[MotionVerdict, str]:
    """Return the verdict on what was measured of a region, and a sentence that gives its reason."""
    mean, gain, allowed = found.mean_mm, found.gain, MOVED_MM[name]
    if found.contrast < LEAST_CONTRAST:
        return "not known", (
            f"not enough information: moving it by {CONTRAST_MM:g} mm loses {found.contrast:.0%} "
            "of the "
            f"mutual information, {LEAST_CONTRAST:.0%} are needed"
        )
    if mean > MOST_MM:
        return "not known", f"it fits {mean:.0f} mm away, too far for the motion of a head"
    if mean <= allowed:
        return "good", f"it fits best {mean:.1f} mm away, {allowed:g} mm are allowed"
    if gain < LEAST_GAIN:
        return "good", f"it fits equally well {mean:.1f} mm away: at most {gain:.1%} are gained"
    return "moved", (
        f"it fits better {mean:.1f} mm away on average, up to {found.most_mm:.1f} mm, and gains "
        f"{gain:.0%} of the mutual information"
    )


def _search(
    pair: ScaledPair,
    searched: dict[Name, Array],
    regions: Regions | None,
    transform: Array,
    settings: MotionSettings,
) -> dict[Name, Motion]:
    """Register each region (its points, RAS mm) from the whole's transform."""
    from mrtoct.registration import mutual_information as mi

    rng = np.random.default_rng(settings.seed)
    around = pair.around
    places = around.grid.to_world(np.argwhere(around.voxels))
    numbers = regions.number(places) if regions else np.zeros(len(places), dtype=np.uint8)
    centers = {name: points.mean(axis=0) for name, points in searched.items()}
    poses = {name: centered(transform, center) for name, center in centers.items()}
    found: dict[Name, Motion] = {}
    for level in settings.levels:
        fixed, moving = (
            pyramid.smoothed(pyramid.pooled(v, level.spacing), level.smoothing)
            for v in (pair.fixed, pair.moving)
        )
        mixed = pyramid.mixed(fixed, level.spacing, MIXED_CHANGE)
        for name, points in searched.items():
            mask = np.zeros(around.grid.shape, dtype=np.bool_)
            mask[around.voxels] = numbers == NAMES.index(name)
            samples = pyramid.random_points(
                around.with_voxels(mask), mixed, MIXED_SHARE, 10, level.samples, rng
            )
            center = centers[name]
            radius = float(np.sqrt(((points - center) ** 2).sum(axis=1).mean()))
            whole = centered(transform, center)
            seen = mi.make_pair(fixed, moving, samples, center, pair.device)
            share = np.ones(len(points))
            if regions and name != "skull":
                seen = mi.hinged(seen, held(regions, samples), whole)
                share = held(regions, points)
            pose = poses[name]
            start = mi.Poses.at(pose[None, :3, :3], pose[None, :3, 3], radius)
            end = mi.climb(seen, start, level.iterations, level.step)
            poses[name] = end.matrices()[0].double().cpu().numpy()
            if level is settings.levels[-1]:
                ends = [whole, poses[name], *displaced(poses[name], CONTRAST_MM, radius)]
                metric, _ = measure(seen, np.stack(ends))
                moved = (points - center) @ (poses[name] - whole)[:3, :3].T
                moved += (poses[name] - whole)[:3, 3]
                moved_mm = share * np.linalg.norm(moved, axis=1)
                found[name] = Motion(
                    "not known",
                    "",
                    uncentered(poses[name], center),
                    mean_mm=float(moved_mm.mean()),
                    most_mm=float(np.percentile(moved_mm, 95)),
                    gain=float(metric[1] / metric[0] - 1),
                    contrast=float(1 - metric[2:].mean() / metric[1]),
                )
    return found
