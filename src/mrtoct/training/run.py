"""A run's folder: what is trained, how it goes, what came of it.

RUN/run.json     recipe, store, split, versions; when finished, steps and seconds
RUN/curves.csv   training loss and validation MAE by step
RUN/best/        bundle of the best validation (of the last step where there is none)
RUN/last/        bundle and optimizer state of the last checkpoint
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import torch

from mrtoct._version import __version__
from mrtoct.errors import FileError, RecipeError
from mrtoct.io.alone import alone_in
from mrtoct.io.atomic import is_empty
from mrtoct.io.records import RUN, Record, read_record, write_record
from mrtoct.training import ranks
from mrtoct.training.curves import CURVES
from mrtoct.training.recipe import Recipe
from mrtoct.training.split import Split
from mrtoct.training.trackers import KNOWN_AS


@dataclass(frozen=True)
class Finished:
    """What is known of a training at its end."""

    step: int
    seconds: float
    device: str


@dataclass(frozen=True)
class RunRecord(Record):
    """What run.json says."""

    file: ClassVar[str] = RUN
    remedy: ClassVar[str] = "train into a new folder"

    mrtoct: str
    torch: str
    started: str
    """Date and time, UTC."""
    store: Path
    split: Split
    fingerprints: dict[str, str]
    """Of each subject as it was prepared when the training began."""
    recipe: Recipe
    finished: Finished | None = None


def open_run(
    run: Path,
    store: Path,
    recipe: Recipe,
    split: Split,
    fingerprints: dict[str, str],
    *,
    resume: bool,
    overwrite: bool,
) -> None:
    """Start a run's folder, or check that the one to be resumed is of the same training.

    fingerprints say of each subject which files and settings it was prepared from.
    """
    if resume:
        if not (run / RUN).is_file():
            raise FileError(f"{run} holds no run to resume (no {RUN})")
        before = read_run(run)
        for name, same in (
            ("recipe", before.recipe == recipe),
            ("split", before.split == split),
            ("data", before.fingerprints == fingerprints),
        ):
            if not same:
                raise RecipeError(
                    f"{run} was started with another {name}; resume it with the same recipe and "
                    "store, or start a new run"
                )
        return
    if run.exists() and not run.is_dir():
        raise FileError(f"{run} is a file; name a folder")
    if run.is_dir() and not is_empty(run) and not overwrite:
        raise FileError(f"{run} exists already", resume="to go on", overwrite="to start anew")
    # What an earlier run left here would otherwise be taken for this one's.
    parts = [run / name for name in ("best", "last", "evaluation", "tensorboard")]
    for old in [*parts, *run.glob("stage-*")]:
        shutil.rmtree(old, ignore_errors=True)
    for file in (CURVES, KNOWN_AS):
        (run / file).unlink(missing_ok=True)
    record = RunRecord(
        mrtoct=__version__,
        torch=torch.__version__,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        store=store.resolve(),
        split=split,
        fingerprints=fingerprints,
        recipe=recipe,
    )
    write_record(run, record, overwrite=True)


@contextmanager
def opened_run(
    run: Path,
    source: Path,
    recipe: Recipe,
    split: Split,
    fingerprints: dict[str, str],
    *,
    resume: bool,
    overwrite: bool,
) -> Iterator[None]:
    """Have a run's folder opened by the first process, and no other training in it meanwhile."""
    with ExitStack() as stack:

        def by_one() -> None:
            stack.enter_context(alone_in(run, "training"))
            open_run(run, source, recipe, split, fingerprints, resume=resume, overwrite=overwrite)

        ranks.by_first(by_one)
        yield


def finish_run(run: Path, *, step: int, seconds: float, device: str) -> None:
    """Add what is known at the end to run.json."""
    record = replace(read_run(run), finished=Finished(step, seconds, device))
    write_record(run, record, overwrite=True)


def is_finished(run: Path) -> bool:
    """Tell whether a folder holds a training that came to its end."""
    return (run / RUN).is_file() and read_run(run).finished is not None


def read_run(run: Path | str) -> RunRecord:
    """Read a run's description; FileError if the folder is not a run."""
    run = Path(run)
    if not (run / RUN).is_file():
        raise FileError(f"{run} is not a run (no {RUN}); make one with mrtoct train")
    return read_record(run, RunRecord)
