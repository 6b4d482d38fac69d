"""Is a moved jaw or neck found, and carried, and nobody alarmed where nothing moved?

Pairs whose MR was scanned in another posture, the true displacement known everywhere: phantoms, and
simulated pairs of real anatomies (a folder made by mrtoct simulate --effects plain), whose MR is
bent about landmarks placed by the regions found on its CT. Prints, for face and jaw and for neck,
the verdict, the true and the measured mean displacement and what is left after --deform (mean over
the region's points that the MR covers, mm), and means over the cases.

    python -m benchmarks.registration_regions --heads 3 --pairs SIMULATED
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from mrtoct import read_volume
from mrtoct.phantom import DEMO, make_subject
from mrtoct.phantom.posture import Posture
from mrtoct.phantom.subject import random_rigid
from mrtoct.registration import pyramid
from mrtoct.registration.deform import deform
from mrtoct.registration.motion import measure_motion
from mrtoct.registration.regions import NAMES, Regions, find_regions
from mrtoct.registration.register import register
from mrtoct.registration.search import distance
from mrtoct.resample import resample
from mrtoct.volume import Array, Grid, Volume

POSTURES = {
    "same": Posture(),
    "jaw 5": Posture(jaw=5),
    "jaw 10": Posture(jaw=10),
    "jaw -6": Posture(jaw=-6),
    "neck 5": Posture(neck=5),
    "neck 10": Posture(neck=10),
    "neck -8": Posture(neck=-8),
    "both 7": Posture(7, 7),
}
WHOLE = replace(
    DEMO,
    anatomy_spacing=1.5,
    ct_shape=(120, 120, 74),
    ct_spacing=(2, 2, 3),
    mr_shape=(120, 120, 56),
    mr_spacing=(2, 2, 4),
    metal_probability=0,
)
"""Down to the chin, which the demo's scans do not reach."""
TEMPLATE_FLOOR, SCALE = np.array([0, -14.0, -64.0]), 0.95
"""The foramen's front edge in the phantom's template mm, and a real head's size over it."""


@dataclass(frozen=True)
class Case:
    name: str
    posture: str
    ct: Volume
    mr: Volume
    ct_to_mr: Array
    displacement: Callable[[Array], Array]
    """Of points (N, 3; RAS mm) of the CT."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=2, help="phantoms (default 2)")
    parser.add_argument("--first-seed", type=int, default=30)
    parser.add_argument("--pairs", type=Path, help="folder of simulated pairs")
    parser.add_argument("--rigid", action="store_true", help="register first, as a user must")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    right, lines = 0, []
    for case in cases(arguments.heads, arguments.first_seed, arguments.pairs):
        truth, found = judged(case, arguments.rigid)
        right += truth == found["verdicts"]
        lines.append(found)
        print(case.name, case.posture, found["text"], flush=True)
    print(f"{right} of {len(lines)} pairs with all verdicts as they should be")
    still = np.array([v for line in lines for v in line["still"]])
    left = np.array([v for line in lines for v in line["left"]])
    print(f"measured where nothing moved: mean {still.mean():.2f}, most {still.max():.2f} mm")
    print(f"left in moved regions after --deform: mean {left.mean():.2f}, most {left.max():.2f} mm")


def cases(heads: int, first: int, pairs: Path | None) -> Iterator[Case]:
    for seed in range(first, first + heads):
        for name, posture in POSTURES.items():
            head = make_subject(seed, replace(WHOLE, posture=posture))

            def displacement(points: Array, head=head) -> Array:
                if head.displacement is None:
                    return np.zeros(points.shape)
                index = np.rint(head.ct.grid.to_index(points)).astype(int)
                last = np.array(head.ct.grid.shape) - 1
                return np.asarray(head.displacement[tuple(np.clip(index, 0, last).T)])

            yield Case(f"phantom {seed}", name, head.ct, head.mr["T1"], head.ct_to_mr, displacement)
    for folder in sorted(pairs.iterdir()) if pairs else []:
        ct = read_volume(folder / "ct.nii.gz", "HU")
        regions = find_regions(ct)
        if regions is None:  # the scan ends above the skull's floor: nothing can be bent
            continue
        mr = read_volume(folder / "mr.nii.gz", "a.u.")
        for name, posture in POSTURES.items():
            yield bent(folder.name, name, ct, mr, regions, posture)


def bent(
    name: str, posture_name: str, ct: Volume, mr: Volume, regions: Regions, posture: Posture
) -> Case:
    """Scan an MR that lies on its CT anew: turned, shifted, in thick slices, in another posture."""
    turn = Rotation.from_euler("x", -regions.nod, degrees=True).as_matrix()
    floor = np.array(regions.floor)

    def to_template(points: Array) -> Array:
        return np.asarray((points - floor) @ turn.T / SCALE + TEMPLATE_FLOOR)

    def to_world(points: Array) -> Array:
        return np.asarray((points - TEMPLATE_FLOOR) * SCALE @ turn + floor)

    body = pyramid.body(ct)
    points = body.grid.to_world(np.argwhere(body.voxels))
    low, high = points.min(axis=0) - 8, points.max(axis=0) + 8
    rng = np.random.default_rng([1, sum(name.encode())])
    middle = (low + high) / 2
    ct_to_mr = random_rigid(8, 10, middle, rng)
    shift = ct_to_mr[:3, :3] @ middle + ct_to_mr[:3, 3] - middle
    grid = Grid.from_box(low + shift, high + shift, (1.2, 1.2, 3.0))
    places = grid.to_world(np.indices(grid.shape).reshape(3, -1).T)
    places = (places - ct_to_mr[:3, 3]) @ ct_to_mr[:3, :3]
    lower = regions.depth(places) > -20
    places[lower] = to_world(posture.origin(to_template(places[lower])))
    signal = ndimage.map_coordinates(
        np.asarray(mr.voxels, np.float32), mr.grid.to_index(places).T, order=1
    ).reshape(grid.shape)
    signal += rng.normal(0, 0.02 * np.percentile(signal, 99), signal.shape)

    def displacement(points: Array) -> Array:
        template = to_template(points)
        return to_world(template + posture.displacement(template)) - points

    scanned = resample(ct, Grid.from_box(low, high, (1, 1, 2)), fill=-1024)
    moving = Volume(np.abs(signal).astype(np.float32), grid, "a.u.")
    return Case(name, posture_name, scanned, moving, ct_to_mr, displacement)


def judged(case: Case, rigid: bool) -> tuple[list[str], dict[str, object]]:
    """Return the verdicts that are right, and what was found."""
    posture = POSTURES[case.posture]
    transform, text = case.ct_to_mr, ""
    body = pyramid.body(case.ct)
    points = body.grid.to_world(np.argwhere(body.voxels))
    points = points[pyramid.inside(case.ct.grid, points)]
    if rigid:
        transform = register(case.ct, case.mr).transform
    begin = time.perf_counter()
    motion = measure_motion(case.ct, case.mr, transform)
    middle = time.perf_counter()
    deformed = deform(case.ct, case.mr, transform, motion)
    seconds = middle - begin, time.perf_counter() - middle
    if motion.regions is None:
        raise SystemExit(f"{case.name}: {motion.motions['skull'].reason}")
    number = motion.regions.number(points)
    if rigid:
        text += f"skull off by {distance(transform, case.ct_to_mr, points[number == 0]):.2f}, "
    right = ["good", "moved" if posture.jaw else "good", "moved" if posture.neck else "good"]
    still, left = [], []
    for n, name in enumerate(NAMES):
        found = motion.motions[name]
        own = points[number == n]
        place = case.mr.grid.to_index(own @ case.ct_to_mr[:3, :3].T + case.ct_to_mr[:3, 3])
        last = np.array(case.mr.grid.shape) - 1
        own = own[((place >= 0) & (place <= last)).all(axis=1)]
        true = case.displacement(own)
        text += f"{name} {found.verdict} {found.mean_mm:.2f}"
        if right[n] == "moved":
            at = deformed.deformation.at(own) if deformed.deformation else np.zeros(own.shape)
            left.append(float(np.linalg.norm(at - true, axis=1).mean()))
            text += f" (true {np.linalg.norm(true, axis=1).mean():.2f}, left {left[-1]:.2f})"
        else:
            still.append(found.mean_mm)
        text += ", "
    volumes = "volumes {:.2f} to {:.2f}".format(*deformed.volumes) if deformed.deformation else "-"
    text += f"{volumes}, {seconds[0]:.1f} + {seconds[1]:.1f} s"
    verdicts = [motion.motions[name].verdict for name in NAMES]
    return right, {"verdicts": verdicts, "text": text, "still": still, "left": left}


if __name__ == "__main__":
    main()
