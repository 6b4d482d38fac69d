"""A dose engine of a few lines, in the place of the script that runs pyRadPlan."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPT = """
import json, os, sys, time
from pathlib import Path
import SimpleITK as sitk

folder = Path(sys.argv[1])
request = json.loads((folder / "request.json").read_text())
print("a banner that is no progress")
print(json.dumps({{"done": 1, "total": 2, "note": "dose"}}), flush=True)
target, body = (
    sitk.Cast(sitk.ReadImage(str(folder / (name + ".nii"))), sitk.sitkFloat32)
    for name in ("target", "body")
)
for number in range(len(request["cts"])):
    sitk.ReadImage(str(folder / f"{{number}}.nii"))
    high = request["prescribed_gy"] * (1 - 0.03 * number)
    dose = target * (high - 1.0) + body
    sitk.WriteImage(dose, str(folder / f"{{number}}.dose.nii"))
answer = {{"engine": "pretended", "spots": 7, "seconds": {{"dose": 0.5}}}}
(folder / "answer.json").write_text(json.dumps(answer))
{then}
"""
"""The target gets 2 Gy, less 3 % of it on each further CT; the rest of the body 1 Gy."""


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, then: str = "") -> None:
    """Have the engine's Python run this script, which ends with some more lines."""
    from mrtoct.properties.dose import engine

    script = folder / "pretended.py"
    script.write_text(SCRIPT.format(then=then))
    monkeypatch.setattr(engine, "SCRIPT", script)
