"""Does the verdict tell a failed registration from a good one? Planted failures on simulated heads.

Each head gives pairs that should be registered (moved by up to 40 mm and 25 degrees, turned by 180
degrees, with part of the field of view cut away) and pairs that cannot be (another subject's MR, a
mirrored MR, noise), and transforms to assess (the true one, shifted and turned ones). A result is
wrong if it is off by more than 2 mm in the mean over the head. Printed is how often a wrong result
was called good (missed) and a right one doubtful (false alarm). The limits of the verdict were
chosen on seeds 400 to 402 with this script; give others to test them.

    python benchmarks/registration_trust.py --first-seed 500 --heads 6 --csv trust.csv
"""

from __future__ import annotations

import argparse
import csv
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.errors import RegistrationError
from mrtoct.phantom import (
    DEMO,
    RIRE,
    PhantomSettings,
    PhantomSubject,
    Tissue,
    make_subject,
)
from mrtoct.registration.assess import assess_registration
from mrtoct.registration.register import register
from mrtoct.volume import Array, Grid, Volume

MPRAGE = replace(RIRE, mr_shape=(256, 256, 128), mr_spacing=(1.0, 1.0, 1.3))
GEOMETRIES: tuple[PhantomSettings, ...] = (
    RIRE,
    replace(DEMO, contrasts=("T1", "T2", "PD")),
    MPRAGE,
)
RIGHT_MM = 2.0


@dataclass(frozen=True)
class Case:
    """One pair to register, or one transform to assess."""

    name: str
    ct: Volume
    mr: Volume
    true: Array | None  # CT to MR; None: there is none
    given: Array | None = None  # to assess instead of registering


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=400)
    parser.add_argument("--csv", type=Path, help="write every case's evidence here")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    rows = []
    for n in range(arguments.heads):
        seed, settings = arguments.first_seed + n, GEOMETRIES[n % len(GEOMETRIES)]
        subject, other = (make_subject([2, s], settings) for s in (seed, seed + 1000))
        head = np.argwhere(subject.labels.voxels[::6, ::6, ::2] != Tissue.AIR) * (6, 6, 2)
        points = subject.ct.grid.to_world(head)
        for case in cases(subject, other, points.mean(axis=0), np.random.default_rng(seed)):
            rows.append({"seed": seed, **judged(case, points)})
            print(rows[-1], flush=True)
    if arguments.csv:
        with arguments.csv.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    show(rows)


def cases(
    subject: PhantomSubject, other: PhantomSubject, middle: Array, rng: np.random.Generator
) -> Iterator[Case]:
    """Yield a head's cases; the MR of every case has been moved in its world."""
    ct, names = subject.ct, ("T1", "T2", "PD")

    def placed(mr: Volume, move: Array) -> tuple[Volume, Array]:
        pose = move @ np.linalg.inv(subject.ct_to_mr)
        return Volume(mr.voxels, Grid(mr.grid.shape, pose @ mr.affine), mr.unit), move

    def offset() -> Array:
        return rigid(rng.uniform(0, 25), rng.uniform(0, 40), middle, rng)

    for name in names:
        yield Case("moved", ct, *placed(subject.mr[name], offset()))
    for axis, side in ((2, 0), (2, 1), (0, 0)):
        name = str(rng.choice(names))
        mr, true = placed(subject.mr[name], offset())
        yield Case("half field of view", ct, half(mr, axis, side), true)
    for axis in range(3):
        turn = around(np.pi * np.eye(3)[axis], middle)
        mr, true = placed(subject.mr[str(rng.choice(names))], offset() @ turn)
        yield Case("turned by 180 degrees", ct, mr, true)
    for name in names[:2]:
        yield Case("another subject", ct, placed(other.mr[name], offset())[0], None)
    for name in names:
        mr, _ = placed(subject.mr[name], offset())
        yield Case("mirrored", ct, mr.with_voxels(mr.voxels[::-1]), None)
    mr, _ = placed(subject.mr["T1"], offset())
    yield Case("noise", ct, mr.with_voxels(rng.rayleigh(20.0, mr.grid.shape)), None)
    mr, true = placed(subject.mr[str(rng.choice(names))], offset())
    yield Case("given: true", ct, mr, true, true)
    for millimetres in (3, 5, 10):
        given = true @ rigid(0, millimetres, middle, rng)
        yield Case(f"given: {millimetres} mm off", ct, mr, true, given)
    for degrees in (5, 10):
        yield Case(
            f"given: {degrees} degrees off", ct, mr, true, true @ rigid(degrees, 0, middle, rng)
        )
    for axis in range(3):
        turn = around(np.pi * np.eye(3)[axis], middle)
        yield Case("given: 180 degrees off", ct, mr, true, true @ turn)


def judged(case: Case, points: Array) -> dict[str, str | float]:
    """Register or assess a case; return its error and what was found out about it."""
    start = time.perf_counter()
    row: dict[str, str | float] = {"case": case.name, "error": float("nan"), "verdict": "refused"}
    row |= dict.fromkeys(("contrast", "rival", "mirrored", "agreeing", "distance"), float("nan"))
    try:
        if case.given is None:
            found = register(case.ct, case.mr)
            transform, row["verdict"], row["reason"] = found.transform, found.verdict, found.reason
        else:
            assessed = assess_registration(case.ct, case.mr, case.given)
            found, transform, row["distance"] = assessed.found, case.given, assessed.distance
            row["verdict"], row["reason"] = assessed.verdict, assessed.reason
        if case.true is not None:
            row["error"] = error(transform, case.true, points)
        row |= {"contrast": found.contrast, "rival": found.runner_up_metric / found.metric}
        row |= {"mirrored": found.mirrored, "agreeing": found.agreeing, "searched": found.searched}
        row["coverage"] = found.coverage
    except RegistrationError as refusal:
        row |= {"reason": str(refusal), "searched": "-", "coverage": float("nan")}
    row["seconds"] = time.perf_counter() - start
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}


def show(rows: list[dict[str, str | float]]) -> None:
    """Print a line per kind of case and the sums."""
    kinds: dict[str, list[dict[str, str | float]]] = defaultdict(list)
    for row in rows:
        kinds[str(row["case"])].append(row)
    kinds["all"] = rows
    good: Callable[[dict[str, str | float]], bool] = lambda r: r["verdict"] == "good"  # noqa: E731
    print("case                     right  false alarms  wrong  missed  s")
    for kind, some in kinds.items():
        right = [r for r in some if float(r["error"]) <= RIGHT_MM]
        wrong = [r for r in some if r not in right]
        alarms, missed = sum(not good(r) for r in right), sum(good(r) for r in wrong)
        seconds = np.median([float(r["seconds"]) for r in some])
        print(f"{kind:24s} {len(right):5d} {alarms:13d} {len(wrong):6d} {missed:7d}  {seconds:.1f}")


def rigid(degrees: float, shift: float, middle: Array, rng: np.random.Generator) -> Array:
    axis, direction = (v / np.linalg.norm(v) for v in rng.standard_normal((2, 3)))
    move = around(np.deg2rad(degrees) * axis, middle)
    move[:3, 3] += shift * direction
    return move


def around(vector: Array, middle: Array) -> Array:
    move = np.eye(4)
    move[:3, :3] = Rotation.from_rotvec(vector).as_matrix()
    move[:3, 3] = middle - move[:3, :3] @ middle
    return move


def half(mr: Volume, axis: int, side: int) -> Volume:
    """Keep 60 % of an MR along an axis, the low or the high end."""
    keep = int(0.6 * mr.grid.shape[axis])
    box = [slice(0, n) for n in mr.grid.shape]
    box[axis] = (
        slice(0, keep) if side == 0 else slice(mr.grid.shape[axis] - keep, mr.grid.shape[axis])
    )
    return mr.cropped((box[0], box[1], box[2]))


def error(found: Array, true: Array, points: Array) -> float:
    """Return the mean displacement in mm over points of the head."""
    away = points @ (found - true)[:3, :3].T + (found - true)[:3, 3]
    return float(np.linalg.norm(away, axis=1).mean())


if __name__ == "__main__":
    main()
