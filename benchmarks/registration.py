"""How well and how fast CT and MR are registered, on simulated heads whose alignment is known.

Prints the target error (mean over the head, and worst point, in mm) by geometry, MR contrast and
initial offset, the verdicts, and accuracy and time of two references on some of the same pairs:
"plain" is SimpleITK's Mattes mutual information as its introductions set it up (pyramid 4, 2, 1,
gradient descent), "second" the better set up engine of mrtoct.registration.with_simpleitk. Both
start where the centres of the volumes coincide.

    python benchmarks/registration.py --heads 4 --reference-every 13
"""

from __future__ import annotations

import argparse
import pickle
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from mrtoct.errors import RegistrationError
from mrtoct.phantom import RIRE, PhantomSettings, PhantomSubject, Tissue, make_subject
from mrtoct.registration.register import register
from mrtoct.registration.with_simpleitk import register_simpleitk
from mrtoct.volume import Array, Grid, Volume

GEOMETRIES: dict[str, PhantomSettings] = {
    "RIRE": RIRE,
    "MP-RAGE": replace(
        RIRE, mr_shape=(256, 256, 128), mr_spacing=(1.0, 1.0, 1.3), contrasts=("T1",)
    ),
}
OFFSETS = ((5.0, 3.0), (15.0, 10.0), (30.0, 20.0), (40.0, 25.0))
"""Initial offsets of the MR: mm and degrees about the middle of the CT."""


@dataclass(frozen=True)
class Outcome:
    """What one method did with one pair."""

    geometry: str
    contrast: str
    offset: tuple[float, float]  # mm, degrees
    method: str
    mean: float  # target error in mm, mean over the head
    worst: float  # mm, worst point of the head
    seconds: float
    verdict: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=2, help="heads of each geometry (default 2)")
    parser.add_argument("--first-seed", type=int, default=100, help="seed of the first head")
    parser.add_argument("--reference-every", type=int, default=5, help="pairs; 0: never")
    parser.add_argument("--threads", type=int, default=1, help="threads of all methods")
    parser.add_argument("--cache", type=Path, help="keep simulated heads in this folder")
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(arguments.threads)
    outcomes: list[Outcome] = []
    warm = False
    for geometry, settings in GEOMETRIES.items():
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.heads):
            head = cached_subject(seed, geometry, settings, arguments.cache)
            if not warm:  # what is imported and compiled once is not timed
                register(head.ct, head.mr["T1"])
                warm = True
            for n, contrast in enumerate(settings.contrasts):
                for m, offset in enumerate(OFFSETS):
                    pair = displaced(head, contrast, offset, np.random.default_rng([seed, n, m]))
                    methods = ["mrtoct"]
                    count = sum(o.method == "mrtoct" for o in outcomes)
                    if arguments.reference_every and count % arguments.reference_every == 0:
                        methods += ["plain", "second"]
                    for method in methods:
                        mean, worst, seconds, verdict = measured(method, *pair)
                        outcomes.append(
                            Outcome(
                                geometry, contrast, offset, method, mean, worst, seconds, verdict
                            )
                        )
                        print(seed, outcomes[-1], flush=True)
    show(outcomes)


def cached_subject(
    seed: int, geometry: str, settings: PhantomSettings, cache: Path | None
) -> PhantomSubject:
    path = cache / f"{geometry}-{seed}.pkl" if cache else None
    if path and path.exists():
        with path.open("rb") as file:
            kept: PhantomSubject = pickle.load(file)  # written by this script
            return kept
    subject = make_subject(seed, settings)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(subject))
    return subject


def displaced(
    subject: PhantomSubject,
    contrast: str,
    offset: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Volume, Volume, Array, Array]:
    """Return CT, MR, true transform and head points, with the identity off by mm and degrees.

    The MR's world is moved, not its voxels, and its upper left corner is cut off on the way: the
    centres of both volumes then say nothing exact about the head.
    """
    direction, axis = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
    middle = subject.ct.grid.center
    move = np.eye(4)
    move[:3, :3] = Rotation.from_rotvec(np.deg2rad(offset[1]) * axis).as_matrix()
    move[:3, 3] = middle + offset[0] * direction - move[:3, :3] @ middle
    mr = subject.mr[contrast]
    cut = [int(c) for c in rng.integers(0, 20, 2)]
    i, j, k = mr.grid.shape
    mr = mr.cropped((slice(cut[0], i), slice(cut[1], j), slice(0, k)))
    # Undo the difference of the phantom's own two worlds, then move.
    pose = move @ np.linalg.inv(subject.ct_to_mr)
    moved = Volume(mr.voxels, Grid(mr.grid.shape, pose @ mr.affine), mr.unit)
    head = np.argwhere(subject.labels.voxels[::6, ::6, ::2] != Tissue.AIR) * (6, 6, 2)
    return subject.ct, moved, move, subject.ct.grid.to_world(head)


def measured(
    method: str, ct: Volume, mr: Volume, true: Array, head: Array
) -> tuple[float, float, float, str]:
    """Return mean and worst target error (mm), seconds and verdict of a method on a pair."""
    verdict = "-"
    start = time.perf_counter()
    try:
        if method == "mrtoct":
            result = register(ct, mr)
            found, verdict = result.transform, result.verdict
        else:
            found = (plain_mattes if method == "plain" else register_simpleitk)(ct, mr)
    except RegistrationError as error:
        return np.inf, np.inf, time.perf_counter() - start, f"refused: {error}"
    seconds = time.perf_counter() - start
    away = np.linalg.norm(head @ (found - true)[:3, :3].T + (found - true)[:3, 3], axis=1)
    return float(away.mean()), float(away.max()), seconds, verdict


def plain_mattes(ct: Volume, mr: Volume) -> Array:
    """Register as SimpleITK's introduction does: centres aligned, Mattes, pyramid 4, 2, 1."""
    fixed, moving = (as_image(v) for v in (ct, mr))
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
    flip = np.array([-1.0, -1.0, 1.0])  # ITK works in LPS
    found = np.eye(4)
    found[:3, 3] = flip * transform.TransformPoint((0.0, 0.0, 0.0))
    for axis, point in enumerate(np.eye(3)):
        found[:3, axis] = flip * transform.TransformPoint((flip * point).tolist()) - found[:3, 3]
    return found


def as_image(volume: Volume) -> sitk.Image:
    voxels = np.clip(volume.voxels, -1024, None) if volume.unit == "HU" else volume.voxels
    image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T).astype(np.float32))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine
    image.SetSpacing(volume.spacing)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / np.array(volume.spacing)).ravel().tolist())
    return image


def show(outcomes: list[Outcome]) -> None:
    """Print a line for each geometry, contrast, offset and method, and the sums."""
    print("geometry  contrast  mm/deg  method  pairs  median  worst mean  worst point  s  doubtful")
    kinds = [(o.geometry, o.contrast, o.offset, o.method) for o in outcomes]
    for kind in dict.fromkeys(kinds):
        some = [o for o, k in zip(outcomes, kinds, strict=True) if k == kind]
        line(f"{kind[0]:8s}  {kind[1]:8s}  {kind[2][0]:.0f}/{kind[2][1]:<4.0f}", some)
    for method in dict.fromkeys(o.method for o in outcomes):
        line("all                        ", [o for o in outcomes if o.method == method])
    ours: dict[tuple[str, str, tuple[float, float]], float] = {}
    ratios: dict[str, list[float]] = {"plain": [], "second": []}
    for o in outcomes:
        if o.method == "mrtoct":
            ours[o.geometry, o.contrast, o.offset] = o.seconds  # of the same head: just before
        else:
            ratios[o.method].append(o.seconds / ours[o.geometry, o.contrast, o.offset])
    for method, values in ratios.items():
        if values:
            print(f"{method} takes {np.median(values):.1f} times as long ({len(values)} pairs)")


def line(title: str, some: list[Outcome]) -> None:
    means = [o.mean for o in some]
    doubtful = sum(o.verdict not in ("good", "-") for o in some)
    print(
        f"{title}  {some[0].method:6s}  {len(some):5d}  {np.median(means):6.2f}  "
        f"{max(means):10.2f}  {max(o.worst for o in some):11.2f}  "
        f"{np.median([o.seconds for o in some]):4.1f}  {doubtful}"
    )


if __name__ == "__main__":
    main()
