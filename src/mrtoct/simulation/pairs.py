"""A cohort of simulated pairs on disk: MR and CT of one head on one grid, in the plain layout.

OUT/<subject>/mr.nii.gz, ct.nii.gz    int16, 1 mm, aligned
OUT/<subject>/ct_to_mr.tfm            the identity, so that nothing is registered
OUT/<subject>/truth/tissue.nii.gz     uint8 of Tissue
OUT/<subject>/truth/simulation.json   source, seed, contrast and effects
"""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.hardware.processes import in_processes
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.io.atomic import is_empty, new_folder, write_text
from mrtoct.io.files import write_volume
from mrtoct.io.transforms import write_transform
from mrtoct.simulation.anatomy import draw_anatomy
from mrtoct.simulation.contrast import SEQUENCES
from mrtoct.simulation.effects import ALL, chosen_effects
from mrtoct.simulation.scan import draw_raw
from mrtoct.simulation.sources import Source, find_sources, read_source
from mrtoct.volume import Array, Grid, Volume

ANY = "any"
"""A sequence or random signals, drawn anew for every scan."""
RECORD = "simulation.json"
TRUTH = "truth"


def write_pairs(
    sources: Path | str,
    out: Path | str,
    *,
    subjects: int | None = None,
    contrast: str = ANY,
    effects: str = ALL,
    seed: int = 1,
    workers: int = 1,
    overwrite: bool = False,
    watcher: Watcher = nobody,
) -> list[str]:
    """Write subjects (in total; None: one of each source) to OUT/<subject>/; return their names.

    Sources take turns, and subject n of a seed is always the same, however many are made; watcher
    is told of each that is done. Raises
    CohortError where there are no sources, FileError where OUT holds something and overwrite is
    false, ValueRangeError for a contrast or effect that is not known, and the errors of reading.
    """
    out = Path(out)
    found = find_sources(Path(sources))
    count = len(found) if subjects is None else subjects
    if not 1 <= count <= 9999:
        raise ValueRangeError(f"a cohort has 1 to 9999 subjects, got {count}")
    if contrast not in (*SEQUENCES, ANY):
        raise ValueRangeError(f"contrasts are {', '.join(SEQUENCES)}, {ANY}, got {contrast!r}")
    chosen_effects(effects)  # a wrong name is told before the work
    jobs = []
    for n in range(count):
        source, number = found[n % len(found)], n // len(found) + 1
        jobs.append((source, number, out, contrast, effects, seed))
    names = [_name(source, number) for source, number, *_ in jobs]
    _make_room(out, names, overwrite=overwrite)
    workers = min(workers, count)
    written = in_processes(_write_pair, jobs, workers)
    for done, name in enumerate(written, start=1):
        watcher(Update(done, count, name))
    return names


def _write_pair(
    source: Source, number: int, out: Path, contrast: str, effects: str, seed: int
) -> str:
    name = _name(source, number)
    anatomy_settings, scan_settings = chosen_effects(effects)
    drawn_from = [seed, zlib.crc32(source.name.encode()), number]
    anatomy = draw_anatomy(read_source(source), drawn_from, anatomy_settings, has_ct=source.has_ct)
    sequence = None if contrast == ANY else contrast
    mr, scanned = draw_raw(anatomy, [*drawn_from, 1], scan_settings, sequence=sequence)
    grid = _centered(mr)
    record = {
        "source": source.path.name,
        "number": number,
        "seed": seed,
        "contrast": contrast,
        "effects": effects,
    }
    with new_folder(out / name, overwrite=True) as part:
        write_volume(part / "mr.nii.gz", Volume(mr, grid, "a.u."))
        write_volume(part / "ct.nii.gz", Volume(scanned.hu, grid, "HU"))
        write_transform(part / "ct_to_mr.tfm", np.eye(4))
        write_volume(part / TRUTH / "tissue.nii.gz", Volume(scanned.tissue, grid, "label"))
        write_text(part / TRUTH / RECORD, json.dumps(record, indent=2) + "\n")
    return name


def _name(source: Source, number: int) -> str:
    return f"{source.name}-{number:03d}"


def _centered(voxels: Array) -> Grid:
    """Return a grid of 1 mm whose middle is the world's origin."""
    i, j, k = voxels.shape
    affine = np.eye(4)
    affine[:3, 3] = -(np.array([i, j, k]) - 1) / 2
    return Grid((i, j, k), affine)


def _make_room(out: Path, names: Sequence[str], *, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise FileError(f"{out} is a file; name a folder")
    if out.exists() and not is_empty(out) and not overwrite:
        raise FileError(f"{out} exists already; name a new folder", overwrite="to replace it")
    for record in out.glob(f"*/{TRUTH}/{RECORD}"):
        if (folder := record.parent.parent).name not in names:  # of a former, larger cohort
            shutil.rmtree(folder)
