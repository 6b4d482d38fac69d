"""What a report page shows: plain values that the caller gathers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mrtoct.errors import ValueRangeError
from mrtoct.judging.calibration import CalibrationCurve
from mrtoct.judging.metrics.evaluation import Evaluation
from mrtoct.judging.roles import Role
from mrtoct.volume import Volume, require_same_grid


@dataclass(frozen=True)
class SubjectResult:
    """One subject: MR, real CT, synthetic CT and mask on one grid, and the methods' evaluations.

    evaluations is keyed by method name in the order to show; the first is the method that made
    the synthetic CT, the others are its rivals.
    """

    name: str
    role: Role
    mr: Volume
    ct: Volume
    sct: Volume
    mask: Volume
    evaluations: Mapping[str, Evaluation]
    deviation: Volume | None = None
    """Standard deviation of the synthetic CT in HU, 0 outside the head; None: not estimated."""

    def __post_init__(self) -> None:
        for other, name in ((self.mr, "MR"), (self.sct, "synthetic CT"), (self.mask, "mask")):
            require_same_grid(other.grid, self.ct.grid, f"{self.name}: {name}", "CT")
        if self.deviation is not None:
            require_same_grid(self.deviation.grid, self.ct.grid, f"{self.name}: deviation", "CT")
        if not self.evaluations:
            raise ValueRangeError(f"subject {self.name} has no evaluation to show")


@dataclass(frozen=True)
class PreparationRow:
    """How one subject was prepared; None where a step did not run.

    shift in mm and rotation in degrees are what registration found, metric is its final value;
    dropped_slices are (index along K, reason); coverage is the part of the head that the MR covers
    and nothing is left out of, 0 to 1; left_out is which part is, by reason; picture is a JPEG of
    the registered pair.
    """

    subject: str
    grid: str
    verdict: str
    shift_mm: float | None = None
    rotation_degrees: float | None = None
    metric: float | None = None
    dropped_slices: Sequence[tuple[int, str]] = ()
    coverage: float | None = None
    left_out: Mapping[str, float] = field(default_factory=dict)
    picture: bytes | None = None


@dataclass(frozen=True)
class PageContents:
    """Everything on a page; curves are rows with step, seconds, train_loss, validation_mae, ...

    Heads of more than voxel_budget voxels in all are shown coarser than they were judged: twenty
    million take about 40 MB.
    """

    title: str
    subjects: Sequence[SubjectResult]
    curves: Sequence[Mapping[str, float | None]] = ()
    preparation: Sequence[PreparationRow] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    calibration: CalibrationCurve | None = None
    """How far the standard deviations of these subjects can be trusted; None: not estimated."""
    voxel_budget: int = 20_000_000
