"""A run's folder: what is trained, how it goes, what came of it.

RUN/run.json     recipe, store, split, versions; when finished, steps and seconds
RUN/curves.csv   training loss and validation MAE by step
RUN/best/        bundle of the best validation (of the last step where there is none)
RUN/last/        bundle and optimizer state of the last checkpoint
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from mrtoct._version import __version__
from mrtoct.errors import FileError, RecipeError
from mrtoct.io.atomic import write_text
from mrtoct.training.curves import CURVES
from mrtoct.training.recipe import Recipe
from mrtoct.training.split import Split

DESCRIPTION = "run.json"


@dataclass(frozen=True)
class RunRecord:
    """What run.json says."""

    recipe: Recipe
    store: Path
    split: Split
    fingerprints: dict[str, str]
    """Of each subject as it was prepared when the training began."""
    finished: dict[str, Any] | None


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
    started = run / DESCRIPTION
    record = {
        "mrtoct": __version__,
        "torch": torch.__version__,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "store": str(store.resolve()),
        "split": asdict(split),
        "fingerprints": fingerprints,
        "recipe": recipe.model_dump(mode="json"),
    }
    if resume:
        if not started.is_file():
            raise FileError(f"{run} holds no run to resume (no {DESCRIPTION})")
        before = _read(started)
        for key, name in (("recipe", "recipe"), ("split", "split"), ("fingerprints", "data")):
            if before.get(key) != json.loads(json.dumps(record[key])):
                raise RecipeError(
                    f"{run} was started with another {name}; resume it with the same recipe and "
                    "store, or start a new run"
                )
        return
    if run.exists() and not run.is_dir():
        raise FileError(f"{run} is a file; name a folder")
    if run.is_dir() and any(run.iterdir()) and not overwrite:
        raise FileError(f"{run} exists already", resume="to go on", overwrite="to start anew")
    # What an earlier run left here would otherwise be taken for this one's.
    parts = [run / name for name in ("best", "last", "evaluation", "tensorboard")]
    for old in [*parts, *run.glob("stage-*")]:
        shutil.rmtree(old, ignore_errors=True)
    (run / CURVES).unlink(missing_ok=True)
    write_text(started, json.dumps(record, indent=1), overwrite=True)


def finish_run(run: Path, **facts: Any) -> None:
    """Add what is known at the end to run.json."""
    record = {**_read(run / DESCRIPTION), "finished": facts}
    write_text(run / DESCRIPTION, json.dumps(record, indent=1), overwrite=True)


def read_run(run: Path | str) -> RunRecord:
    """Read a run's description; FileError if the folder is not a run."""
    run = Path(run)
    if not (run / DESCRIPTION).is_file():
        raise FileError(f"{run} is not a run (no {DESCRIPTION}); make one with mrtoct train")
    record = _read(run / DESCRIPTION)
    try:
        return RunRecord(
            recipe=Recipe.model_validate(record["recipe"]),
            store=Path(record["store"]),
            split=Split(**record["split"]),
            fingerprints=record["fingerprints"],
            finished=record.get("finished"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{run / DESCRIPTION} is damaged") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileError(f"{path} is damaged") from error
    if not isinstance(record, dict):
        raise FileError(f"{path} is damaged")
    return record
