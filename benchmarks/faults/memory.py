"""Does memory grow with many translations, and how much does a very large volume take?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrtoct.io.files import as_int16, read_volume, write_volume
from mrtoct.phantom import DEMO, make_subject
from mrtoct.resample import resample
from mrtoct.translation.translator import Translator
from mrtoct.volume import AIR_HU, Grid, Volume

from .isolation import resident

LARGE = (512, 512, 400)
MOST_BYTES = 4e9
WARM_UP = 5
"""Translations after which memory is as large as it should ever be."""


def leak(bundle: Path, mr: Path, count: int) -> list[int]:
    """Return the resident bytes after each of some translations, files read and written anew."""
    translator = Translator.load(bundle, "cpu")
    sizes = []
    for number in range(count):
        sct = translator.translate(read_volume(mr, "a.u."))
        write_volume(mr.with_name(f"sct-{number % 2}.nii.gz"), sct, overwrite=True)
        sizes.append(resident())
    return sizes


def growth(sizes: Sequence[int]) -> float:
    """Return by how many bytes memory grows with each translation after the first few."""
    kept = np.asarray(sizes[WARM_UP:], dtype=np.float64)
    return float(np.polyfit(np.arange(len(kept)), kept, 1)[0])


@dataclass(frozen=True)
class Used:
    """What a command took."""

    command: str
    status: int
    peak_bytes: int
    seconds: float
    """Of the processor."""


def large(folder: Path, shape: tuple[int, int, int] = LARGE) -> Iterator[Used]:
    """Translate, look at and judge a head of so many voxels, each in a process of its own."""
    mr, ct = (str(folder / name) for name in ("mr.nii.gz", "ct.nii.gz"))
    if os.fork() == 0:  # what is made here is not to count there
        _write_head(folder, shape)
        os._exit(0)
    os.wait()
    sct, sd = str(folder / "sct.nii.gz"), str(folder / "sd.nii.gz")
    for words in (
        ("check", ct, mr),
        ("translate", mr, sct, "--uncertainty", sd, "--force", "--overwrite"),
        ("inspect", sct),
        ("evaluate", sct, ct),
    ):
        yield _used(words)


def _write_head(folder: Path, shape: tuple[int, int, int]) -> None:
    head = make_subject(1, DEMO)
    extent = np.array(head.ct.grid.shape) * head.ct.spacing
    affine = np.diag([*(extent / shape), 1.0])
    affine[:3, 3] = head.ct.grid.corners().min(axis=0)
    grid = Grid(shape, affine)
    scans: dict[str, tuple[Volume, float]] = {"ct": (head.ct, AIR_HU), "mr": (head.mr["T1"], 0.0)}
    for name, (scan, fill) in scans.items():
        moved = head.ct_to_mr if name == "mr" else None
        write_volume(
            folder / f"{name}.nii.gz",
            as_int16(resample(scan, grid, fill=fill, transform=moved)),
            overwrite=True,
        )


def _used(words: tuple[str, ...]) -> Used:
    program = "from mrtoct.cli.app import main; main()"
    arguments = [sys.executable, "-c", program, *words]
    child = os.posix_spawn(sys.executable, arguments, dict(os.environ))
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime
    return Used(words[0], os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024, seconds)
