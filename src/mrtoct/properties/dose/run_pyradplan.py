"""A plan made on one CT and its dose on others, by pyRadPlan: runs in an environment of its own.

    PYTHON -I run_pyradplan.py FOLDER

FOLDER holds request.json, the CTs and masks that it names, on one upright grid; what comes back
are NAME.dose.nii in Gy for each CT, and answer.json. Lines of JSON on stdout say how far it is.
Nothing of mrtoct is imported here, and nothing of pyRadPlan elsewhere.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

PRIORITY = {"target": 1000.0, "body": 30.0}
"""Of the objectives, against each other."""
SPARED = 0.5
"""Part of the prescription above which dose outside the target is a fault."""


def run(folder: Path) -> None:
    """Answer the request that lies in a folder."""
    import numpy as np
    import pyRadPlan
    import SimpleITK as sitk
    from pyRadPlan.optimization.objectives import SquaredDeviation, SquaredOverdosing

    request = json.loads((folder / "request.json").read_text())
    prescribed = request["prescribed_gy"]
    names = request["cts"]
    seconds: dict[str, float] = {}
    steps = ["machine", "beams", "influence", "weights", *names]

    def began(step: str) -> float:
        tell(done=steps.index(step), total=len(steps), note=step)
        return time.monotonic()

    def read(name: str) -> Any:
        # With identity directions: all of pyRadPlan's geometry is written for those.
        return sitk.DICOMOrient(sitk.ReadImage(str(folder / f"{name}.nii")), "LPS")

    def structures(ct: Any) -> Any:
        return pyRadPlan.validate_cst(
            [
                {
                    "name": "target",
                    "voi_type": "TARGET",
                    "mask": read("target"),
                    "ct_image": ct,
                    "objectives": [
                        SquaredDeviation(priority=PRIORITY["target"], d_ref=prescribed)
                    ],
                },
                {
                    "name": "body",
                    "voi_type": "EXTERNAL",
                    "mask": read("body"),
                    "ct_image": ct,
                    "objectives": [
                        SquaredOverdosing(priority=PRIORITY["body"], d_max=SPARED * prescribed)
                    ],
                },
            ],
            ct=ct,
        )

    def plan() -> Any:
        """Return the plan anew: engines change the one they are given."""
        kind = pyRadPlan.PhotonPlan if request["modality"] == "photons" else pyRadPlan.IonPlan
        made = kind(radiation_mode=request["modality"], machine="Generic")
        made.num_of_fractions, made.prescribed_dose = 1, prescribed
        made.prop_stf = {
            "gantry_angles": request["gantry"],
            "couch_angles": [0.0] * len(request["gantry"]),
            "bixel_width": request["bixel_mm"],
        }
        step = float(planned.cube_hu.GetSpacing()[0])
        made.prop_dose_calc = {
            "dose_grid": {"resolution": {"x": step, "y": step, "z": step}},
            "hlut": np.asarray(request["curve"], dtype=float),
        }
        return made

    start = began("machine")
    planned = pyRadPlan.validate_ct(cube_hu=read(names[0]))
    start = began("beams")
    cst = structures(planned)
    stf = pyRadPlan.generate_stf(planned, cst, plan())
    seconds["beams"] = time.monotonic() - start
    start = began("influence")
    dij = pyRadPlan.calc_dose_influence(planned, cst, stf, plan())
    seconds["influence"] = time.monotonic() - start
    start = began("weights")
    weights = pyRadPlan.fluence_optimization(planned, cst, stf, dij, plan())
    seconds["weights"] = time.monotonic() - start
    for name in names:
        start = began(name)
        ct = pyRadPlan.validate_ct(cube_hu=read(name))
        # The same spots with the same weights: optimised again they would hide what went wrong.
        result = pyRadPlan.calc_dose_forward(ct, structures(ct), stf, plan(), weights)
        dose = sitk.Cast(sitk.DICOMOrient(result["physical_dose"], "RAS"), sitk.sitkFloat32)
        sitk.WriteImage(dose, str(folder / f"{name}.dose.nii"))
        seconds[name] = time.monotonic() - start
    answer = {
        "engine": f"pyRadPlan {pyRadPlan.__version__}",
        "spots": int(weights.size),
        "seconds": {step: round(value, 2) for step, value in seconds.items()},
    }
    (folder / "answer.json").write_text(json.dumps(answer))


def tell(**facts: object) -> None:
    """Say how far it is, as a line of JSON."""
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
