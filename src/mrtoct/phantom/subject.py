"""One subject: a head, scanned by CT and MR in two poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.phantom.anatomy import make_labels
from mrtoct.phantom.ct import PADDINGS, CtScan, scan_ct, tissue_hu
from mrtoct.phantom.implant import add_implant
from mrtoct.phantom.mr import CONTRASTS, scan_mr
from mrtoct.phantom.posture import displacement_on, stretch_of, take_posture
from mrtoct.phantom.settings import DEMO, PhantomSettings
from mrtoct.phantom.tissues import Tissue
from mrtoct.resample import resample
from mrtoct.volume import Array, Grid, Volume


@dataclass(frozen=True)
class PhantomSubject:
    """Scans of one head, and the truth that no real scan comes with."""

    mr: dict[str, Volume]
    """Contrast to MR scan, int16, arbitrary units, all on one grid in the MR's world."""
    ct: Volume
    """int16 HU, on a grid in the CT's world."""
    labels: Volume
    """Tissue labels (uint8) on the CT's grid."""
    ct_to_mr: Array
    """4 x 4 rigid map of the skull's CT world points to MR world points, RAS mm."""
    displacement: Array | None = None
    """(I, J, K, 3) on the CT's grid, RAS mm: ct_to_mr takes a point plus this to the MR's world.
    None where the MR was scanned in the CT's posture."""


def make_subject(seed: int | Sequence[int], settings: PhantomSettings = DEMO) -> PhantomSubject:
    """Return the subject of a seed: always the same for the same seed and settings.

    seed: what numpy.random.default_rng takes, such as 7, or (cohort, subject).
    """
    # One stream a stage: asking for another contrast or more noise does not change the head.
    anatomy_rng, chance, pose, ct_rng, mr_rng = np.random.default_rng(seed).spawn(5)
    lesion, metal, hardening = chance.uniform(size=3) < (
        settings.lesion_probability,
        settings.metal_probability,
        settings.beam_hardening_probability,
    )
    strength = chance.uniform(5e-4, 2e-3)
    head = make_labels(settings.anatomy_spacing, anatomy_rng, lesion=bool(lesion))

    middle, top = head_extent(head)
    head_to_ct = random_rigid(settings.max_tilt, 0.0, middle, pose)
    head_to_ct[:3, 3] -= middle  # the CT's world has its origin in the head, the MR's does not
    ct_to_mr = random_rigid(settings.max_rotation, settings.max_shift, np.zeros(3), pose)
    head_to_mr = ct_to_mr @ head_to_ct
    grids = [
        _field_of_view(shape, spacing, to_scan @ np.append(middle, 1), top, settings, pose)
        for shape, spacing, to_scan in (
            (settings.ct_shape, settings.ct_spacing, head_to_ct),
            (settings.mr_shape, settings.mr_spacing, head_to_mr),
        )
    ]
    ct_to_head, mr_to_head = np.linalg.inv(head_to_ct), np.linalg.inv(head_to_mr)
    scan = CtScan(
        noise=settings.ct_noise,
        padding=int(ct_rng.choice(PADDINGS)),
        hardening=float(strength) if hardening else 0.0,
        table=settings.table,
    )
    if metal:
        add_implant(head, grids[0], ct_to_head, chance)
    hu = tissue_hu(head, ct_rng)
    is_metal = head.with_voxels(head.voxels == Tissue.METAL) if metal else None
    ct = scan_ct(hu, is_metal, grids[0], ct_to_head, scan, ct_rng)
    del hu
    labels = resample(
        head, grids[0], fill=Tissue.AIR, transform=ct_to_head, interpolation="nearest"
    )
    displacement = None
    if settings.posture.changed:
        stretch = stretch_of(head.grid)
        displacement = displacement_on(grids[0], ct_to_head, stretch, settings.posture)
        head = take_posture(head, settings.posture)
    mr = {
        contrast: scan_mr(
            head,
            CONTRASTS[contrast],
            grids[1],
            mr_to_head,
            bias_field=settings.bias_field,
            noise=settings.mr_noise,
            rng=rng,
        )
        for contrast, rng in zip(CONTRASTS, mr_rng.spawn(len(CONTRASTS)), strict=True)
        if contrast in settings.contrasts
    }
    return PhantomSubject(mr, ct, labels, ct_to_mr, displacement)


def random_rigid(
    max_degrees: float, max_shift: float, center: Array, rng: np.random.Generator
) -> Array:
    """Draw a 4 x 4 rigid map: a turn about a random axis through center, then a shift (mm)."""
    axis, direction = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
    matrix = np.eye(4)
    turn = np.deg2rad(max_degrees * rng.uniform(0.2, 1))
    matrix[:3, :3] = Rotation.from_rotvec(axis * turn).as_matrix()
    shift = direction * max_shift * rng.uniform(0.2, 1)
    matrix[:3, 3] = center - matrix[:3, :3] @ center + shift
    return matrix


def head_extent(head: Volume) -> tuple[Array, float]:
    """Return the middle of the head's box (RAS mm), and the vertex's height above it (mm)."""
    inside = head.voxels != Tissue.AIR
    low, high = [], []
    for axis in range(3):
        line = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        low.append(line[0])
        high.append(line[-1])
    ends = head.grid.to_world([low, high])
    return ends.mean(axis=0), float(ends[1, 2] - ends[0, 2]) / 2


def _field_of_view(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    middle: Array,
    top: float,
    settings: PhantomSettings,
    rng: np.random.Generator,
) -> Grid:
    """Return the grid a technologist would choose: centred on the head, from the vertex down."""
    half = np.array(shape) * spacing / 2
    center = middle[:3] + np.array((0, 0, top + settings.margin_above - half[2]))
    center += rng.uniform(-1, 1, 3) * settings.max_misplacement
    return Grid.from_box(center - half, center + half, spacing)
