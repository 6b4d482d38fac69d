"""A cohort of phantoms on disk, as raw scans in the plain folder layout."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from mrtoct.datasets.phantom.settings import DEMO, PhantomSettings
from mrtoct.datasets.phantom.subject import make_subject
from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.atomic import new_folder
from mrtoct.io.files import write_volume
from mrtoct.io.transforms import write_transform


def write_cohort(
    folder: Path | str,
    count: int,
    *,
    seed: int = 1,
    settings: PhantomSettings = DEMO,
    workers: int = 1,
    overwrite: bool = False,
    on_subject: Callable[[str], None] = lambda name: None,
) -> list[str]:
    """Write count phantoms to FOLDER/<subject>/ and return their names.

    Each subject's folder holds ct.nii.gz and mr.nii.gz (further contrasts as mr_T2.nii.gz and so
    on), and under truth/ what no real scan comes with: labels.nii.gz and ct_to_mr.tfm. Subject n
    of a seed is always the same head, however many are made.
    """
    if not 1 <= count <= 999:
        raise ValueRangeError(f"a cohort has 1 to 999 subjects, got {count}")
    folder = Path(folder)
    if folder.exists() and not overwrite and (not folder.is_dir() or any(folder.iterdir())):
        raise FileError(f"{folder} exists already; name a new folder or pass --overwrite")
    names = [f"phantom-{n:03d}" for n in range(1, count + 1)]
    jobs = [(folder, name, [seed, n], settings) for n, name in enumerate(names)]
    if workers <= 1 or count == 1:
        for job in jobs:
            on_subject(_write_subject(*job))
        return names
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, count), context, initializer=_one_thread) as pool:
        for future in as_completed([pool.submit(_write_subject, *job) for job in jobs]):
            on_subject(future.result())
    return names


def _write_subject(folder: Path, name: str, seed: list[int], settings: PhantomSettings) -> str:
    subject = make_subject(seed, settings)
    with new_folder(folder / name, overwrite=True) as part:
        write_volume(part / "ct.nii.gz", subject.ct)
        for number, (contrast, scan) in enumerate(subject.mr.items()):
            write_volume(part / ("mr.nii.gz" if number == 0 else f"mr_{contrast}.nii.gz"), scan)
        write_volume(part / "truth" / "labels.nii.gz", subject.labels)
        write_transform(part / "truth" / "ct_to_mr.tfm", subject.ct_to_mr)
    return name


def _one_thread() -> None:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
