"""What was found of one subject, and how it is kept: metrics.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.judging.calibration import CalibrationCurve
from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.roles import Role

METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Judged:
    """One subject's evaluations by method, in the order to show, the one judged first."""

    subject: str
    role: Role
    evaluations: dict[str, Evaluation]
    calibration: CalibrationCurve | None = None
    """Of the first method's standard deviations; None where it gave none."""
    doubts: tuple[str, ...] = ()
    """What may be wrong with its files."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        record: dict[str, Any] = {
            "subject": self.subject,
            "role": self.role,
            "methods": {method: e.to_json() for method, e in self.evaluations.items()},
        }
        if self.calibration:
            record["calibration"] = asdict(self.calibration)
        if self.doubts:
            record["doubts"] = list(self.doubts)
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Judged:
        """Return what to_json wrote; KeyError, TypeError or ValueRangeError if it is not that."""
        calibration = record.get("calibration")
        return cls(
            record["subject"],
            record["role"],
            {method: Evaluation.from_json(e) for method, e in record["methods"].items()},
            CalibrationCurve.from_json(calibration) if calibration else None,
            tuple(record.get("doubts", ())),
        )


@dataclass(frozen=True)
class Failure:
    """A subject that cannot be judged, and why."""

    subject: str
    reason: str


def read_judged(file: Path) -> tuple[Judged, dict[str, Any]]:
    """Read a metrics.json, and the record itself with what else stands in it.

    Raises FileNotFoundError where there is none, FileError for one that is damaged.
    """
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        return Judged.from_json(record), record
    except FileNotFoundError:
        raise
    except (OSError, KeyError, TypeError, AttributeError, ValueError, ValueRangeError) as error:
        raise FileError(f"{file} is damaged; remove it to compute it again") from error
