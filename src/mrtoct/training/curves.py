"""Training and validation curves: a CSV file, and TensorBoard events if the user has it."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mrtoct.errors import FileError
from mrtoct.io.atomic import new_file

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


class Curves:
    """The rows of a run so far, on disk after each."""

    def __init__(self, run: Path, *, until: int = 0) -> None:
        """Go on after a step: later rows, of a run that was killed, are dropped."""
        self._run = run
        self.points = [p for p in read_curves(run) if p.step <= until]
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._board = None
        else:
            self._board = SummaryWriter(run / "tensorboard", purge_step=until + 1)

    def add(self, point: CurvePoint) -> None:
        """Append a row and write the file anew."""
        self.points.append(point)
        path = self._run / CURVES
        with new_file(path, overwrite=True) as part, part.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, [f.name for f in fields(CurvePoint)])
            writer.writeheader()
            for row in self.points:
                writer.writerow({k: "" if v is None else v for k, v in asdict(row).items()})
        if self._board is not None:
            for name, value in asdict(point).items():
                if value is not None and name != "step":
                    self._board.add_scalar(name, value, point.step)
            self._board.flush()


def read_curves(run: Path) -> list[CurvePoint]:
    """Read the rows of a run's curves.csv; none if there is no such file."""
    if not (run / CURVES).is_file():
        return []
    try:
        with (run / CURVES).open(newline="") as stream:
            return [
                CurvePoint(
                    step=int(row["step"]),
                    seconds=float(row["seconds"]),
                    learning_rate=float(row["learning_rate"]),
                    train_loss=float(row["train_loss"]),
                    validation_mae=float(row["validation_mae"]) if row["validation_mae"] else None,
                )
                for row in csv.DictReader(stream)
            ]
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{run / CURVES} is damaged") from error
