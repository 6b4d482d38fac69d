"""A cohort of phantoms on disk, as raw scans in the plain folder layout or in RIRE's."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.hardware.processes import in_processes
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.io.atomic import is_empty, new_folder
from mrtoct.io.files import write_volume
from mrtoct.io.rire.patient import write_rire
from mrtoct.io.transforms import write_transform
from mrtoct.phantom.settings import DEMO, PhantomSettings
from mrtoct.phantom.subject import make_subject

Layout = Literal["plain", "rire"]
"""phantom-001/ct.nii.gz and mr.nii.gz, or patient_001/ct/header.ascii and so on."""


def write_cohort(
    folder: Path | str,
    count: int,
    *,
    seed: int = 1,
    settings: PhantomSettings = DEMO,
    layout: Layout = "plain",
    workers: int = 1,
    overwrite: bool = False,
    watcher: Watcher = nobody,
) -> list[str]:
    """Write count phantoms to FOLDER/<subject>/ and return their names.

    Each subject's folder holds ct.nii.gz and mr.nii.gz (of several contrasts mr_T1.nii.gz and so
    on), and under truth/ what no real scan comes with: labels.nii.gz and ct_to_mr.tfm, to the
    first contrast. With the layout rire see `mrtoct.io.rire.patient`. Subject n of a seed is
    always the same head, however many are made. watcher is told of each that is done.
    """
    if not 1 <= count <= 999:
        raise ValueRangeError(f"a cohort has 1 to 999 subjects, got {count}")
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileError(f"{folder} is a file; name a folder")
    if folder.exists() and not is_empty(folder) and not overwrite:
        raise FileError(f"{folder} exists already; name a new folder", overwrite="to replace it")
    stem = {"plain": "phantom-", "rire": "patient_"}[layout]
    names = [f"{stem}{n:03d}" for n in range(1, count + 1)]
    before = list(folder.glob(f"{stem}[0-9][0-9][0-9]"))
    for old in before:
        if layout == "rire" and not (old / "truth").is_dir():
            raise FileError(f"{old} is not a phantom: it has no truth; name a new folder")
    for old in before:
        if old.name not in names:  # of a larger cohort, perhaps of another seed
            shutil.rmtree(old)
    jobs = [(folder, name, [seed, n], settings, layout) for n, name in enumerate(names)]
    workers = min(workers, count)
    written = in_processes(_write_subject, jobs, workers)
    for done, name in enumerate(written, start=1):
        watcher(Update(done, count, name))
    return names


def _write_subject(
    folder: Path, name: str, seed: list[int], settings: PhantomSettings, layout: Layout
) -> str:
    subject = make_subject(seed, settings)
    with new_folder(folder / name, overwrite=True) as part:
        if layout == "rire":
            write_rire(
                part,
                subject.ct,
                subject.mr,
                labels=subject.labels,
                ct_to_mr=subject.ct_to_mr,
                patient=name[-3:],
            )
            return name
        write_volume(part / "ct.nii.gz", subject.ct)
        for contrast, scan in subject.mr.items():
            one = len(subject.mr) == 1
            write_volume(part / ("mr.nii.gz" if one else f"mr_{contrast}.nii.gz"), scan)
        write_volume(part / "truth" / "labels.nii.gz", subject.labels)
        write_transform(part / "truth" / "ct_to_mr.tfm", subject.ct_to_mr)
    return name
