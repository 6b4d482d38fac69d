"""Training and validation curves: a CSV file, and whoever else tracks a training."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from mrtoct.errors import FileError
from mrtoct.io.atomic import new_file
from mrtoct.training.trackers import Tracker

CURVES = "curves.csv"


@dataclass(frozen=True)
class CurvePoint:
    """One row of curves.csv."""

    step: int
    seconds: float
    learning_rate: float
    train_loss: float
    """Mean of the training loss since the row before."""
    validation_mae: float | None
    """HU inside the head, where the MR was measured; None without validation subjects."""
    adversarial_loss: float | None = None
    """Of the generator against the discriminator, before its weight; None without one, and so are
    the others; all are means since the row before."""
    discriminator_loss: float | None = None
    score_real: float | None = None
    """What the discriminator thinks of real CT slices or patches: 1 is real."""
    score_fake: float | None = None
    """What it thinks of synthetic ones."""
    idle: float | None = None
    """Share of the steps' time, since the row before, in which the network waited for its batches;
    None in curves of older versions."""


class Curves:
    """The rows of a run so far, on disk after each, and with its trackers."""

    def __init__(self, run: Path, *, until: int = 0, trackers: Sequence[Tracker] = ()) -> None:
        """Go on after a step: later rows, of a run that was killed, are dropped."""
        self._run = run
        self._trackers = trackers
        self.points = [p for p in read_curves(run) if p.step <= until]

    def __enter__(self) -> Curves:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for tracker in self._trackers:
            tracker.close(failed=kind is not None)

    def add(self, point: CurvePoint) -> None:
        """Append a row, write the file anew, and tell the trackers."""
        self.points.append(point)
        write_curves(self._run, self.points)
        figures = {
            name: value
            for name, value in asdict(point).items()
            if value is not None and name != "step"
        }
        for tracker in self._trackers:
            tracker.add(point.step, figures)


def write_curves(run: Path, points: list[CurvePoint]) -> None:
    """Write or replace a run's curves.csv."""
    with new_file(run / CURVES, overwrite=True) as part, part.open("w", newline="") as stream:
        # Columns of a discriminator only where there is one.
        columns = [
            f.name
            for f in fields(CurvePoint)
            if f.default is MISSING or any(getattr(p, f.name) is not None for p in points)
        ]
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        for row in points:
            writer.writerow({k: "" if v is None else v for k, v in asdict(row).items()})


def read_curves(run: Path) -> list[CurvePoint]:
    """Read the rows of a run's curves.csv; none if there is no such file."""
    if not (run / CURVES).is_file():
        return []
    try:
        with (run / CURVES).open(newline="") as stream:
            return [
                CurvePoint(
                    step=int(row.pop("step")),
                    **{name: float(value) if value else None for name, value in row.items()},  # type: ignore[arg-type]
                )
                for row in csv.DictReader(stream)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{run / CURVES} is damaged") from error


def signs_of_collapse(points: list[CurvePoint]) -> list[str]:
    """Return what in the curves of two players says that one of them has lost.

    Looked for in the last three validations: a discriminator that is never wrong, from which a
    generator learns nothing; one that is always deceived; a generator that was better before.
    """
    last = points[-3:]
    if len(last) < 3 or any(p.score_real is None or p.score_fake is None for p in last):
        return []
    gaps = [p.score_real - p.score_fake for p in last if p.score_real and p.score_fake is not None]
    signs = []
    if min(gaps) > 0.9:
        signs.append("the discriminator is always right: the generator learns little from it")
    if max(gaps) < 0.02:
        signs.append("the discriminator no longer distinguishes real from synthetic CT")
    errors = [p.validation_mae for p in points if p.validation_mae is not None]
    if errors and min(errors[-3:]) > 1.5 * min(errors):
        signs.append(
            f"since its minimum the validation error rose from {min(errors):.0f} to "
            f"{errors[-1]:.0f} HU"
        )
    return signs
