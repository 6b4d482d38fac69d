"""How well and how fast CT and MR are registered, on simulated heads whose alignment is known.

Prints a table of the target error (mean over the head, and worst point, in mm) by initial offset
and MR contrast at the geometry of clinical thick-slice scans (4 mm), the verdicts, and the time of
a plain SimpleITK Mattes mutual information registration (pyramid 4, 2, 1) on the same pairs.

    python benchmarks/registration.py --pairs 3
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from mrtoct.datasets.phantom import RIRE, PhantomSubject, Tissue, make_subject
from mrtoct.errors import RegistrationError
from mrtoct.prepare.register import register
from mrtoct.volume import Array, Grid, Volume

OFFSETS = ((5.0, 3.0), (15.0, 10.0), (30.0, 20.0), (40.0, 25.0))
"""Initial offsets of the MR: mm and degrees about the middle of the CT."""


@dataclass(frozen=True)
class Outcome:
    """What one method did with one pair."""

    mean: float  # target error in mm, mean over the head
    worst: float  # mm, worst point of the head
    seconds: float
    verdict: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2, help="heads (default 2)")
    parser.add_argument("--first-seed", type=int, default=100, help="seed of the first head")
    parser.add_argument("--contrasts", nargs="+", default=["T1", "T2", "PD"])
    parser.add_argument("--threads", type=int, default=1, help="threads of both methods")
    parser.add_argument("--no-reference", action="store_true", help="leave SimpleITK out")
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(arguments.threads)
    # The patient lies differently in the two scanners, so that their slices are oblique.
    heads = [make_subject(arguments.first_seed + i, RIRE) for i in range(arguments.pairs)]
    register(heads[0].ct, heads[0].mr["T1"])  # what is imported and compiled once is not timed
    print(f"{arguments.pairs} heads, {heads[0].ct.grid} to {heads[0].mr['T1'].grid}")
    print("contrast  offset mm/deg  method  median  worst mean  worst point  s    flagged")
    ratios = []
    for contrast in arguments.contrasts:
        for millimetres, degrees in OFFSETS:
            rng = np.random.default_rng(int(millimetres))
            pairs = [displaced(h, contrast, millimetres, degrees, rng) for h in heads]
            ours = [with_mrtoct(*pair) for pair in pairs]
            show(contrast, millimetres, degrees, "mrtoct", ours)
            if not arguments.no_reference:
                theirs = [with_simpleitk(*pair) for pair in pairs]
                show(contrast, millimetres, degrees, "Mattes", theirs)
                ratios += [b.seconds / a.seconds for a, b in zip(ours, theirs, strict=True)]
    if ratios:
        print(f"Mattes takes {np.median(ratios):.1f} times as long (median of {len(ratios)} pairs)")


def displaced(
    subject: PhantomSubject, contrast: str, shift: float, degrees: float, rng: np.random.Generator
) -> tuple[Volume, Volume, Array, Array]:
    """Return CT, MR, true transform and head points, with the identity off by shift and degrees.

    The MR's world is moved, not its voxels, and its upper left corner is cut off on the way: the
    centres of both volumes then say nothing exact about the head.
    """
    direction, axis = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
    middle = subject.ct.grid.center
    move = np.eye(4)
    move[:3, :3] = Rotation.from_rotvec(np.deg2rad(degrees) * axis).as_matrix()
    move[:3, 3] = middle + shift * direction - move[:3, :3] @ middle
    mr = subject.mr[contrast]
    cut = [int(c) for c in rng.integers(0, 20, 2)]
    mr = mr.cropped(
        (slice(cut[0], mr.grid.shape[0]), slice(cut[1], mr.grid.shape[1]), slice(0, 26))
    )
    # Undo the difference of the phantom's own two worlds, then move.
    pose = move @ np.linalg.inv(subject.ct_to_mr)
    moved = Volume(mr.voxels, Grid(mr.grid.shape, pose @ mr.affine), mr.unit)
    head = np.argwhere(subject.labels.voxels[::6, ::6, ::2] != Tissue.AIR) * (6, 6, 2)
    return subject.ct, moved, move, subject.ct.grid.to_world(head)


def with_mrtoct(ct: Volume, mr: Volume, true: Array, head: Array) -> Outcome:
    start = time.perf_counter()
    try:
        found = register(ct, mr)
    except RegistrationError as error:
        return Outcome(np.inf, np.inf, time.perf_counter() - start, f"refused: {error}")
    seconds = time.perf_counter() - start
    return Outcome(*target_error(found.transform, true, head), seconds, found.verdict)


def with_simpleitk(ct: Volume, mr: Volume, true: Array, head: Array) -> Outcome:
    """Register as SimpleITK's introduction does: centres aligned, Mattes, pyramid 4, 2, 1."""
    fixed, moving = (as_image(v) for v in (ct, mr))
    start = time.perf_counter()
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.1, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(1.0, 300, 1e-6, 10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(
        sitk.CenteredTransformInitializer(
            fixed,
            moving,
            sitk.Euler3DTransform(),
            sitk.CenteredTransformInitializerFilter.GEOMETRY,
        ),
        inPlace=False,
    )
    transform = method.Execute(fixed, moving)
    seconds = time.perf_counter() - start
    flip = np.array([-1.0, -1.0, 1.0])  # ITK works in LPS
    found = np.eye(4)
    found[:3, 3] = flip * transform.TransformPoint((0.0, 0.0, 0.0))
    for axis, point in enumerate(np.eye(3)):
        found[:3, axis] = flip * transform.TransformPoint((flip * point).tolist()) - found[:3, 3]
    return Outcome(*target_error(found, true, head), seconds, "-")


def as_image(volume: Volume) -> sitk.Image:
    voxels = np.clip(volume.voxels, -1024, None) if volume.unit == "HU" else volume.voxels
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T).astype(np.float32))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    image.SetSpacing(volume.spacing)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / np.array(volume.spacing)).ravel().tolist())
    return image


def target_error(found: Array, true: Array, head: Array) -> tuple[float, float]:
    """Return mean and largest displacement in mm over points of the head (N, 3)."""
    away = np.linalg.norm(head @ (found - true)[:3, :3].T + (found - true)[:3, 3], axis=1)
    return float(away.mean()), float(away.max())


def show(
    contrast: str, millimetres: float, degrees: float, method: str, outcomes: list[Outcome]
) -> None:
    mean = [o.mean for o in outcomes]
    flagged = sum(o.verdict not in ("good", "-") for o in outcomes)
    print(
        f"{contrast:8s}  {millimetres:6.0f}/{degrees:<6.0f}  {method:6s}  {np.median(mean):6.2f}  "
        f"{max(mean):10.2f}  {max(o.worst for o in outcomes):11.2f}  "
        f"{np.median([o.seconds for o in outcomes]):4.1f}  {flagged}/{len(outcomes)}",
        flush=True,
    )


if __name__ == "__main__":
    main()
