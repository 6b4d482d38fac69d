"""mrtoct tour: the whole way of a training on phantoms, from raw scans to a page."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from mrtoct.cli import phantom, prepare, report, train
from mrtoct.cli.options import Device, Overwrite, processors
from mrtoct.cli.terminal import say
from mrtoct.errors import FileError
from mrtoct.io.atomic import is_empty
from mrtoct.io.files import read_volume, write_volume
from mrtoct.training.recipe_file import load_recipe
from mrtoct.translation.translator import Translator

SUBJECTS = 15


def tour(
    out: Annotated[Path, typer.Option(help="New folder for all outputs.")] = Path("mrtoct-tour"),
    device: Device = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Run a complete training on phantom heads in minutes, offline, on a CPU.

    Generates 15 head phantoms as raw scans, registers and prepares them, trains a narrow u-net at 2
    mm, translates and evaluates the held-out heads together with two baselines, and writes a
    report. Nothing is downloaded.
    """
    if out.exists() and (not out.is_dir() or not is_empty(out)):
        if not overwrite:
            raise FileError(f"{out} exists already; name a new folder", overwrite="to replace it")
        # Folders are about to be removed; only phantoms come with their truth.
        raw_scans = list(out.glob("raw/phantom-*"))
        if not raw_scans or not all((scan / "truth").is_dir() for scan in out.glob("raw/[!.]*")):
            raise FileError(f"{out} was not made by mrtoct tour; name a new folder")
        for part in ("raw", "store", "run", "sct"):
            shutil.rmtree(out / part, ignore_errors=True)
    started = time.monotonic()
    raw, store, run = out / "raw", out / "store", out / "run"
    phantom.phantom(raw, subjects=SUBJECTS, workers=processors())
    prepare.run(raw, store, "demo", (), processors(), overwrite=False)
    best = train.run(store, run, load_recipe("demo"), device=device)
    judgement = report.run(run, out / "report.html", None, overwrite, device=device)
    report.show(judgement)
    _translate_raw(best, raw, list(judgement.roles), out / "sct", device)
    say(
        f"\nDone in {(time.monotonic() - started) / 60:.1f} minutes. Look at\n"
        f"  {out / 'report.html'}   pictures, metrics, curves\n"
        f"  {out / 'sct'}           synthetic CTs on the grids of the raw MR\n"
        f"  {best}      the trained bundle\n"
        "With your own pairs in SOURCE/<subject>/mr.nii.gz and ct.nii.gz:\n"
        "  mrtoct prepare SOURCE STORE\n"
        "  mrtoct train STORE RUN --recipe unet\n"
        "  mrtoct report RUN\n"
        "  mrtoct translate MR.nii.gz SCT.nii.gz --model RUN/best"
    )


def _translate_raw(bundle: Path, raw: Path, names: list[str], folder: Path, device: str) -> None:

    translator = Translator.load(bundle, device)
    for name in names:
        sct = translator.translate(read_volume(raw / name / "mr.nii.gz", "a.u."))
        write_volume(folder / f"{name}.nii.gz", sct, overwrite=True)
