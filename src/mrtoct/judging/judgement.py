"""What was found of a cohort: every subject, means with intervals, levels, paired comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, Literal

from mrtoct._version import __version__
from mrtoct.io.json_text import finite
from mrtoct.judging.calibration import CalibrationCurve, cohort_curve
from mrtoct.judging.judged import Judged
from mrtoct.judging.metrics.evaluation import DEFINITIONS, Evaluation
from mrtoct.judging.metrics.metric import METRICS, SEAM_METRICS, STRUCTURE_METRICS, Metric
from mrtoct.judging.roles import Role
from mrtoct.judging.summary import (
    PairedDifference,
    Summary,
    compare,
    summarise,
    summarise_levels,
)
from mrtoct.volume.picture import share

Years = Literal["2023", "2025", "both"]


@dataclass(frozen=True)
class Judgement:
    """Judged subjects, and who was left out and why.

    Every subject has every method; the first is compared with each of the others.
    """

    subjects: list[Judged]
    unmatched: dict[str, list[str]] = field(default_factory=dict)
    """Names of subjects by what they lack."""
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What a reader must know before believing a number."""
    years: Years = "both"
    """Of the SynthRAD metrics to show."""

    @property
    def methods(self) -> list[str]:
        """In the order to show."""
        return list(self.subjects[0].evaluations)

    @property
    def roles(self) -> dict[str, Role]:
        """Of every subject that was judged."""
        return {subject.subject: subject.role for subject in self.subjects}

    @property
    def calibration(self) -> CalibrationCurve | None:
        """How far the first method's standard deviations can be trusted; None without any."""
        curves = [s.calibration for s in self.subjects if s.calibration]
        return cohort_curve(curves) if curves else None

    @property
    def masks(self) -> dict[str, int]:
        """How many subjects were judged inside which kind of mask."""
        return dict(
            Counter(e.mask.source for s in self.subjects for e in [*s.evaluations.values()][:1])
        )

    @property
    def metrics(self) -> list[Metric]:
        """Those of the chosen years, and of seams and structures where these were asked for."""
        found = [e for s in self.subjects for e in s.evaluations.values()]
        tiled = any(e.seam for e in found)
        segmented = any(key in e.measured for e in found for key in STRUCTURE_METRICS)
        every = [*METRICS.values(), *(SEAM_METRICS.values() if tiled else ())]
        every += STRUCTURE_METRICS.values() if segmented else ()
        return [m for m in every if m.key.partition(".")[0] not in _others(self.years)]

    @property
    def described(self) -> str:
        """What makes the numbers comparable, or not: subjects, masks and definitions, in words."""
        count = len(self.subjects)
        who = f"{count} subject{'s' if count != 1 else ''}"
        year = "2023 and 2025" if self.years == "both" else self.years
        masks = ", ".join(self.masks)
        return f"{who}; mask: {masks}; SynthRAD {year}; definitions {DEFINITIONS}"

    @property
    def uncounted(self) -> str:
        """How far similarity depends on the volumes' faces, in words; nothing if it does not."""
        found = self.of(self.methods[0])
        parts = {
            "SSIM": [e.synthrad_2023.ssim_counted for e in found],
            "MS-SSIM": [e.synthrad_2025.ms_ssim_counted for e in found],
        }
        left = {"2023": ["MS-SSIM"], "2025": ["SSIM"], "both": []}[self.years]
        least = {
            name: min((v for v in values if v == v), default=1.0)
            for name, values in parts.items()
            if name not in left
        }
        of = "of the mask" if len(found) == 1 else "or more of a mask"
        seen = [f"{name} counts {part:.0%} {of}" for name, part in least.items() if part < 0.995]
        if not seen:
            return ""
        return (
            f"{' and '.join(seen)}, the rest is near the volume's faces: compare these only "
            "between volumes cropped and padded alike."
        )

    @property
    def left_out(self) -> str | None:
        """How much of the masks was not measured, and what that would change, in words."""
        first = self.of(self.methods[0])
        parts = [e.left_out.part for e in first if e.left_out]
        if not parts:
            return None
        whole = fmean([e.left_out.mae if e.left_out else e.body.mae for e in first])
        who = "the mask" if len(first) == 1 else f"the masks of {len(parts)} of {len(first)}"
        most = share(max(parts)) if len(first) == 1 else f"up to {share(max(parts))}"
        return (
            f"{most} of {who} was not measured and is left out; with it the MAE would be "
            f"{whole:.1f} HU, not {fmean([e.body.mae for e in first]):.1f}"
        )

    def of(self, method: str) -> list[Evaluation]:
        """Return a method's evaluations in the order of the subjects."""
        return [subject.evaluations[method] for subject in self.subjects]

    def summary(self, method: str, metric: Metric) -> Summary:
        """Return a metric's mean over the subjects."""
        return summarise([metric.of(e) for e in self.of(method)])

    def paired(self, rival: str, metric: Metric) -> PairedDifference:
        """Return how the first method differs from a rival on the same subjects."""
        return compare(self.of(self.methods[0]), self.of(rival), metric)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values; NaN and infinity become null."""
        methods = self.methods
        plain: dict[str, Any] = finite(
            {
                "mrtoct": __version__,
                "definitions": DEFINITIONS,
                "methods": methods,
                "masks": self.masks,
                "notes": self.notes,
                "unmatched": self.unmatched,
                "failed": self.failed,
                "summary": {
                    method: {m.key: asdict(self.summary(method, m)) for m in self.metrics}
                    for method in methods
                },
                "levels": {
                    method: [asdict(level) for level in summarise_levels(self.of(method))]
                    for method in methods
                },
                "paired": {
                    rival: {m.key: asdict(self.paired(rival, m)) for m in self.metrics}
                    for rival in methods[1:]
                },
                "subjects": {s.subject: _of_years(s.to_json(), self.years) for s in self.subjects},
            }
        )
        return plain

    def rows(self) -> Iterator[list[str]]:
        """Yield the header, with units, and a row for each subject and method, for a CSV file."""
        yield [
            *("subject", "role", "method", "definitions", "mask", "mask.voxels", "mask [mL]"),
            *("left_out.part", "left_out.mae [HU]"),
            *(f"{m.key} [{m.unit}]" if m.unit else m.key for m in self.metrics),
        ]
        for subject in self.subjects:
            for method, e in subject.evaluations.items():
                mask = [e.mask.source, str(e.mask.voxels), f"{e.mask.milliliters:.10g}"]
                left = e.left_out
                mask += [_figure(left.part), _figure(left.mae)] if left else ["0", ""]
                figures = [_figure(m.of(e)) for m in self.metrics]
                yield [subject.subject, subject.role, method, e.definitions, *mask, *figures]


def chosen(evaluation: dict[str, Any], years: Years) -> dict[str, Any]:
    """Return an evaluation, as JSON, with the SynthRAD metrics of the chosen years alone."""
    return {key: value for key, value in evaluation.items() if key not in _others(years)}


def _of_years(judged: dict[str, Any], years: Years) -> dict[str, Any]:
    methods = {method: chosen(e, years) for method, e in judged["methods"].items()}
    return {**judged, "methods": methods}


def _others(years: Years) -> Sequence[str]:
    return [f"synthrad_{year}" for year in ("2023", "2025") if years not in (year, "both")]


def _figure(value: float) -> str:
    """Return a number for CSV, nothing where it is undefined or infinite."""
    plain = finite(value)
    return "" if plain is None else f"{plain:.10g}"
