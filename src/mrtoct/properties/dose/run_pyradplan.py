"""A plan made on one CT and its dose on others, by pyRadPlan: runs in an environment of its own.

    PYTHON -I -u run_pyradplan.py FOLDER

FOLDER holds request.json, target.nii, body.nii and, for the CTs that the request names, 0.nii,
1.nii, ..., all on one upright grid. What comes back is 0.dose.nii, ... in Gy and answer.json; lines
of JSON on stdout say how far it is. Nothing of mrtoct is imported here, and nothing of pyRadPlan
anywhere else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PRIORITY = {"target": 1000.0, "body": 30.0}
"""Of the objectives, against each other."""
SPARED = 0.5
"""Part of the prescription above which dose outside the target is a fault."""
MOST_ITERATIONS = 100
"""Of the weights: five times as many change a target's D98 by 0.2 %."""


def run(folder: Path) -> None:
    """Answer the request that lies in a folder."""
    os.environ["TQDM_DISABLE"] = "1"  # bars would fill what is kept of complaints
    import pyRadPlan
    import SimpleITK as sitk

    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    others = [f"dose on {name}" for name in request["cts"][1:]]
    work = Work(["spots", "dose of each spot", "weights", *others])

    def save(quantities: dict[str, Any], number: int) -> None:
        dose = sitk.DICOMOrient(quantities["physical_dose"], "RAS")
        sitk.WriteImage(sitk.Cast(dose, sitk.sitkFloat32), str(folder / f"{number}.dose.nii"))

    ct, structures = patient(folder, 0, request)
    with work.on("spots"):
        stf = pyRadPlan.generate_stf(ct, structures, plan(request, ct))
    with work.on("dose of each spot"):
        influence = pyRadPlan.calc_dose_influence(ct, structures, stf, plan(request, ct))
    with work.on("weights"):
        weights = pyRadPlan.fluence_optimization(ct, structures, stf, influence, plan(request, ct))
    save(influence.compute_result_ct_grid(weights), 0)
    for number, step in enumerate(others, start=1):
        with work.on(step):
            ct, structures = patient(folder, number, request)
            # The same spots, the same weights: optimised again they would hide what went wrong.
            save(
                pyRadPlan.calc_dose_forward(ct, structures, stf, plan(request, ct), weights), number
            )
    answer = {
        "engine": f"pyRadPlan {pyRadPlan.__version__}",
        "spots": int(weights.size),
        "seconds": work.seconds,
    }
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")


def patient(folder: Path, number: int, request: dict[str, Any]) -> tuple[Any, Any]:
    """Return a CT, and target and body with what is wanted for them."""
    import pyRadPlan
    import SimpleITK as sitk
    from pyRadPlan.optimization.objectives import SquaredDeviation, SquaredOverdosing

    def read(name: str) -> Any:
        # With axes along LPS, as everything in pyRadPlan expects.
        return sitk.DICOMOrient(sitk.ReadImage(str(folder / f"{name}.nii")), "LPS")

    prescribed = request["prescribed_gy"]
    ct = pyRadPlan.validate_ct(cube_hu=read(str(number)))
    wanted = {
        "target": ("TARGET", SquaredDeviation(priority=PRIORITY["target"], d_ref=prescribed)),
        "body": (
            "EXTERNAL",
            SquaredOverdosing(priority=PRIORITY["body"], d_max=SPARED * prescribed),
        ),
    }
    structures = [
        {"name": name, "voi_type": kind, "mask": read(name), "ct_image": ct, "objectives": [aim]}
        for name, (kind, aim) in wanted.items()
    ]
    return ct, pyRadPlan.validate_cst(structures, ct=ct)


def plan(request: dict[str, Any], ct: Any) -> Any:
    """Return the plan, anew each time: engines change the one that they are given."""
    import numpy as np
    import pyRadPlan

    kind = pyRadPlan.PhotonPlan if request["modality"] == "photons" else pyRadPlan.IonPlan
    return kind(
        radiation_mode=request["modality"],
        machine="Generic",
        num_of_fractions=1,
        prescribed_dose=request["prescribed_gy"],
        prop_stf={
            "gantry_angles": request["gantry"],
            "couch_angles": [0.0] * len(request["gantry"]),
            "bixel_width": request["bixel_mm"],
        },
        prop_dose_calc={
            "dose_grid": {"resolution": ct.resolution},
            "hlut": np.asarray(request["curve"], dtype=float),
        },
        prop_opt={"max_iter": MOST_ITERATIONS},
    )


class Work:
    """The steps of the work: tells of them on stdout and takes their times."""

    def __init__(self, steps: list[str]) -> None:
        self.steps = steps
        self.seconds: dict[str, float] = {}

    @contextmanager
    def on(self, step: str) -> Iterator[None]:
        """Do one step."""
        told = {"done": self.steps.index(step), "total": len(self.steps), "note": step}
        print(json.dumps(told), flush=True)
        start = time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - start, 2)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
