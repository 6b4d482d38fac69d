"""A plan and its doses from pyRadPlan, in a subprocess of an environment of its own.

pyRadPlan asks for versions that contradict ours (numpy below 2.4, pydantic below 2.14), and for
some 150 packages that a dose does not need. So it is not imported: a script runs under another
Python, and volumes and JSON go to and fro in a folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from mrtoct.errors import FileError, MrtoctError
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.io.files import read_volume, write_volume
from mrtoct.io.records import Record, read_record
from mrtoct.properties.curve import Curve
from mrtoct.volume import Volume, require_same_grid

Modality = Literal["protons", "photons"]

SCRIPT = Path(__file__).with_name("run_pyradplan.py")
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
INSTALL = (
    "'python3 -m venv dose-env' and "
    f"'dose-env/bin/python -m pip install --no-deps -r \"{REQUIREMENTS}\"' make one"
)
PATIENCE_S = 3600.0
"""For one plan and its doses; minutes are usual."""
MOST_SAID = 200
"""Characters of what the engine says of its failure."""


@dataclass(frozen=True)
class Plan:
    """What is irradiated how; the machine is pyRadPlan's generic one."""

    modality: Modality
    gantry: tuple[float, ...]
    """Angles of the beams in degrees: 0 from the front, 90 from the patient's left."""
    prescribed_gy: float = 2.0
    """To the target, in one fraction."""
    bixel_mm: float = 5.0
    """Between spots or beamlets."""


@dataclass(frozen=True)
class Answer(Record):
    """What the engine says of its work."""

    engine: str
    spots: int
    """Proton spots or photon beamlets whose weights were optimised."""
    seconds: dict[str, float]
    file: ClassVar[str] = "answer.json"
    remedy: ClassVar[str] = "is it the script that came with mrtoct?"


def require_engine(python: Path | None) -> Path:
    """Return the engine's Python; an error says how to get one."""
    if python is None:
        raise MrtoctError(
            f"doses need pyRadPlan in its own environment: {INSTALL}",
            engine="with its Python, dose-env/bin/python",
        )
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise FileError(f"{python} is not a usable Python; {INSTALL}")
    return python.absolute()  # not resolved: a link to the base Python would lose its environment


def calculate(
    plan: Plan,
    cts: Mapping[str, Volume],
    body: Volume,
    target: Volume,
    curve: Curve,
    python: Path,
    *,
    patience_s: float = PATIENCE_S,
    watcher: Watcher = nobody,
) -> tuple[dict[str, Volume], Answer]:
    """Plan on the first CT, and return the dose (Gy) of the same spots and weights on each CT.

    cts (HU), body and target (boolean) lie on one upright grid of one spacing, which is the dose's;
    outside the body all are empty. curve: HU to proton stopping power or electron density. Raises
    MrtoctError where the engine fails, takes longer than its patience or answers nonsense.
    """
    for name, volume in {**cts, "the body": body, "the target": target}.items():
        require_same_grid(volume.grid, body.grid, name, "the body")
    with tempfile.TemporaryDirectory(prefix="mrtoct-dose-") as path:
        folder = Path(path)
        for n, ct in enumerate(cts.values()):
            write_volume(folder / f"{n}.nii", ct.with_voxels(ct.voxels.astype(np.float32)))
        for name, mask in (("body", body), ("target", target)):
            write_volume(
                folder / f"{name}.nii", mask.with_voxels((mask.voxels > 0).astype(np.uint8))
            )
        request = {
            "modality": plan.modality,
            "gantry": plan.gantry,
            "prescribed_gy": plan.prescribed_gy,
            "bixel_mm": plan.bixel_mm,
            "cts": list(cts),
            "curve": list(zip(curve.hu, curve.values, strict=True)),
        }
        (folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
        _run(python, folder, plan.modality, patience_s, watcher)
        try:
            answer = read_record(folder, Answer)
            doses = {name: _dose(folder / f"{n}.dose.nii", body) for n, name in enumerate(cts)}
        except MrtoctError as error:
            raise MrtoctError(f"the dose engine {python} gave no usable answer: {error.message}")\
                from error  # fmt: skip
    return doses, answer


def _run(python: Path, folder: Path, title: str, patience_s: float, watcher: Watcher) -> None:
    """Run the script to its end, and tell the watcher what it says on the way."""
    # Isolated: neither our PYTHONPATH nor the user's packages get into its environment.
    command = [str(python), "-I", "-u", str(SCRIPT), str(folder)]
    complaints = folder / "complaints.txt"
    try:
        with complaints.open("wb") as stderr:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=stderr, encoding="utf-8", errors="replace",
            )  # fmt: skip
    except OSError as error:
        raise FileError(f"the dose engine {python} cannot be run: {error.strerror}") from error
    late = threading.Event()

    def give_up() -> None:
        late.set()
        process.kill()

    alarm = threading.Timer(patience_s, give_up)
    alarm.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if update := _update(line, title):
                watcher(update)
        status = process.wait()
    finally:
        alarm.cancel()
        process.kill()
        process.communicate()
    if late.is_set():
        raise MrtoctError(
            f"the dose engine {python} was stopped after {patience_s:g} s; a coarser dose grid or "
            "fewer beams take less"
        )
    if status < 0:
        raise MrtoctError(
            f"the dose engine {python} was killed (signal {-status}), often because memory ran "
            "out; a coarser dose grid or fewer beams take less"
        )
    if status:
        said = complaints.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(said) if line.strip()), f"status {status}")
        raise MrtoctError(
            f"the dose engine {python} failed ({last[:MOST_SAID]}); an environment with the "
            f"versions that it needs: {INSTALL}"
        )


def _update(line: str, title: str) -> Update | None:
    """Return what a line says of the progress; engines print other things, too."""
    try:
        told = json.loads(line)
        return Update(int(told["done"]), int(told["total"]), note=str(told["note"]), title=title)
    except (ValueError, TypeError, KeyError):
        return None


def _dose(path: Path, body: Volume) -> Volume:
    dose = read_volume(path, "Gy")
    require_same_grid(dose.grid, body.grid, "the dose", "the body")
    voxels = np.asarray(dose.voxels, dtype=np.float32)
    if voxels.min() < 0 or voxels.max() == 0:
        raise MrtoctError(f"{path.name} is no dose: it must be 0 Gy or more, and not all 0")
    return body.with_voxels(voxels, "Gy")
