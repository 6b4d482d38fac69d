"""mrtoct doctor: does this installation work, and what makes it slow?"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata, resources
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from packaging.requirements import Requirement
from rich.console import Console
from rich.text import Text

from mrtoct._version import __version__
from mrtoct.cli.terminal import console
from mrtoct.errors import MrtoctError
from mrtoct.hardware.fact import Fact
from mrtoct.hardware.machine import GIB, describe_machine
from mrtoct.io.json_text import json_text
from mrtoct.translation.pretrained.shipped import DEFAULT
from mrtoct.translation.translator import Translator

HEAD_VOXELS = 10_000_000
"""Of a head at 1 mm, as the time of a translation is stated for."""
REST_SECONDS = 7.0
"""What a translation takes beside its network: start, files, masks, guard (2.4 GHz, 2 cores)."""
LEAST_DISK = GIB
EXTRAS = {
    "h5py": "k-Plan's files",
    "mlflow-skinny": "MLflow",
    "onnx": "ONNX files",
    "wandb": "Weights & Biases",
}
"""Packages that some features wait for, and which."""
SIDE = 64
"""Voxels each way of the piece of a head that is translated to see how long it takes."""


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Check this installation, and what makes it slow.

    Versions, processor, cores, memory, disk, GPU, the shipped model; the machine's speed, measured
    in a second, and the expected time for a head. No patient data are read and nothing is sent
    anywhere: the output can be included in a bug report.

    The exit status is 0 if mrtoct works here, 1 otherwise.
    """
    with console.status("checking"):
        facts = [*_software(), *describe_machine(), *_disk(), *_model()]
    if json:
        typer.echo(json_text([asdict(fact) for fact in facts]))
    else:
        _show(facts)
    if any(fact.broken for fact in facts):
        raise typer.Exit(1)


def _show(facts: list[Fact]) -> None:
    """Print a line for each fact, and below it what is wrong."""
    out = Console(highlight=False)
    width = max(len(fact.name) for fact in facts)
    for fact in facts:
        out.print(f"{fact.name:<{width}}  {fact.value}", markup=False, soft_wrap=True)
        for style, said in (("yellow", fact.slow), ("red", fact.broken)):
            if said:
                out.print(Text(f"{'':<{width}}  ! {said}", style=style), soft_wrap=True)
    if not any(fact.slow or fact.broken for fact in facts):
        out.print("no problems found; next: mrtoct demo")


def _software() -> Iterator[Fact]:
    """Yield the versions of mrtoct and of what it stands on, and whether they are those wanted."""
    yield Fact("mrtoct", f"{__version__} in {resources.files('mrtoct')}")
    yield Fact("Python", f"{platform.python_version()} in {sys.prefix}")
    for text in metadata.requires("mrtoct") or []:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue  # of an extra
        found = _version(wanted.name)
        if found is None:
            yield Fact(wanted.name, "missing", broken=f"install it: pip install '{text}'")
        elif not wanted.specifier.contains(found, prereleases=True):
            says = f"mrtoct needs {wanted.specifier}: pip install '{text}'"
            yield Fact(wanted.name, found, broken=says)
        else:
            yield Fact(wanted.name, found)
    extras = [f"{what} ({name})" for name, what in EXTRAS.items() if _version(name)]
    yield Fact("extras", ", ".join(extras) or "none")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _disk() -> Iterator[Fact]:
    """Yield how much can be written here and for the time of the work."""
    for name, folder in (("disk here", Path.cwd()), ("temporary", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        value = f"{free / GIB:.0f} GiB free in {folder}"
        if not os.access(folder, os.W_OK):
            yield Fact(name, value, broken="this folder is not writable")
        elif free < LEAST_DISK:
            yield Fact(name, value, slow="a store takes up to 0.1 GiB for each subject")
        else:
            yield Fact(name, value)


def _model() -> Iterator[Fact]:
    """Yield whether the shipped model and the viewer are whole, and how long a head takes."""
    niivue = resources.files("mrtoct") / "report" / "niivue" / "niivue.umd.js"
    yield Fact("3-D viewer", "installed" if niivue.is_file() else "not in this build: slices only")
    try:
        translator = Translator.load()
    except MrtoctError as error:
        yield Fact("model", DEFAULT, broken=str(error))
        return
    version = translator.bundle.provenance.get("version", "not stated")
    yield Fact("model", f"{DEFAULT}, version {version}, on {translator.device}")
    seconds = _seconds(translator) * HEAD_VOXELS / SIDE**3 + REST_SECONDS
    yield Fact("speed", f"about {seconds:.0f} s to translate a head of 10 million voxels")


def _seconds(translator: Translator) -> float:
    """Return the time that the network takes for a piece of a head, at best of three times."""
    mr = np.random.default_rng(1).random((1, SIDE, SIDE, SIDE), dtype=np.float32)
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        translator.predict(mr, mr[0] > 0)
        taken.append(time.perf_counter() - start)
    return min(taken)
