"""One judge: every method's synthetic CT of every subject against the real CT, in one mask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mrtoct.check.hounsfield import why_not_hu
from mrtoct.errors import CohortError, MrtoctError, ValueRangeError
from mrtoct.hardware.cluster import spread
from mrtoct.hardware.progress import Update, Watcher, nobody
from mrtoct.io.files import read_volume
from mrtoct.judging.calibration import CalibrationCurve, calibration_curve, head_voxels
from mrtoct.judging.judged import Failure, Judged
from mrtoct.judging.judgement import Judgement
from mrtoct.judging.methods import Made, Method, Subject
from mrtoct.judging.metrics.evaluation import evaluation_of
from mrtoct.judging.metrics.seams import TileGrid
from mrtoct.judging.roles import Role
from mrtoct.judging.structures import structure_dice
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.resample import resample
from mrtoct.volume import AIR_HU, Unit, Volume, require_same_grid
from mrtoct.wording import counted


@dataclass(frozen=True)
class Terms:
    """On which terms volumes are judged."""

    tiles: TileGrid | None = None
    """Where to measure seams; None: at the tiles that a method names."""
    force: bool = False
    """Judge also what is not in HU."""
    resample: bool = False
    """Bring a synthetic CT, or a mask, on another grid to the CT's, instead of refusing it."""
    structures: bool = False
    """Also compare structures that a network finds in both CTs."""


@dataclass(frozen=True, eq=False)
class Case:
    """One subject and what the methods made of it: all that is needed to judge them."""

    subject: str
    role: Role
    ct: Path | Volume
    mask: Path | Volume | None
    mask_source: str
    made: dict[str, Made]
    """By method."""
    terms: Terms = Terms()


Keep = Callable[[Case, Judged], None]


def judge_subjects(
    names: Sequence[str],
    subjects: Iterable[Subject | Failure],
    methods: Sequence[Method],
    *,
    terms: Terms = Terms(),
    workers: int = 1,
    scheduler: str | None = None,
    keep: Keep = lambda case, judged: None,
    watcher: Watcher = nobody,
) -> Judgement:
    """Judge methods on the same subjects, of whom few are held at once.

    names are those of the subjects in the order to show. Methods make their synthetic CTs here;
    they are judged in several processes where workers is above 1, or by the Dask cluster of a
    scheduler: volumes are sent to it, and files named, which it must see, too. A subject that
    cannot be judged stops no other. keep is handed every case that was judged, with its figures.
    Raises CohortError where nobody can be judged.
    """
    waiting: dict[str, Case] = {}

    def cases() -> Iterator[Case | Failure]:
        for subject in subjects:
            case = subject if isinstance(subject, Failure) else _case(subject, methods, terms)
            if isinstance(case, Case):
                waiting[case.subject] = case
            yield case

    jobs = ((case if scheduler is None else _anywhere(case),) for case in cases())
    outcomes = spread(_attempt, jobs, min(workers, len(names)), scheduler)
    judged: dict[str, Judged] = {}
    failed: dict[str, str] = {}
    for done, outcome in enumerate(outcomes, start=1):
        case = waiting.pop(outcome.subject, None)
        if isinstance(outcome, Failure):
            failed[outcome.subject] = outcome.reason
        else:
            assert case is not None
            judged[outcome.subject] = outcome
            keep(case, outcome)
        watcher(Update(done, len(names), outcome.subject))
    if not judged:
        name, reason = next(iter(failed.items()))
        raise CohortError(
            f"none of {counted(len(names), 'subject')} could be evaluated; {name}: {reason}"
        )
    return Judgement([judged[name] for name in names if name in judged], failed=failed)


def judge_case(case: Case) -> Judged:
    """Evaluate every method of a case where all were measured, on the same voxels.

    Errors name the file that they are about.
    """
    doubts: list[str] = []
    real = _hu(case.ct, case.terms.force, doubts)
    mask = _mask(case, real)
    scts = {}
    for method, made in case.made.items():
        sct = made.sct(real, mask) if callable(made.sct) else made.sct
        hu, name = _hu(sct, case.terms.force, doubts), _name(sct, "synthetic CT")
        hu = hu.stored_as(real.grid)
        if case.terms.resample and not hu.grid.matches(real.grid):
            doubts.append(f"{name} was resampled to the CT's grid, which smooths fine detail")
            hu = resample(hu, real.grid, fill=AIR_HU)
        require_same_grid(hu.grid, real.grid, name, _name(case.ct, "CT"))
        scts[method] = hu
    for hu in scts.values():
        real = real.measured_where(hu.measured)
    evaluations = {}
    calibration: CalibrationCurve | None = None
    for method, hu in scts.items():
        made = case.made[method]
        evaluations[method] = evaluation_of(
            hu, real, mask, case.mask_source, tiles=case.terms.tiles
        )
        if case.terms.structures:
            one = evaluations[method]
            told = structure_dice(hu, real, mask)
            evaluations[method] = replace(one, measured={**one.measured, **told})
        if made.deviation is not None and len(evaluations) == 1:
            looked_at = head_voxels(hu, made.deviation, real, mask)
            calibration = calibration_curve(*looked_at) if looked_at[0].size > 1 else None
    return Judged(case.subject, case.role, evaluations, calibration, tuple(doubts))


def _case(subject: Subject, methods: Sequence[Method], terms: Terms) -> Case | Failure:
    try:
        made = {method.name: method.make(subject) for method in methods}
    except MrtoctError as error:
        return Failure(subject.name, str(error))
    named = [m.tiles for m in made.values() if m.tiles]
    return Case(
        subject.name,
        subject.role,
        subject.ct,
        subject.mask,
        subject.mask_source,
        made,
        replace(terms, tiles=terms.tiles or (named[0] if named else None)),
    )


def _anywhere(case: Case | Failure) -> Case | Failure:
    """Return a case whose files are named as other machines find them."""
    if isinstance(case, Failure):
        return case

    def absolute(source: Any) -> Any:
        return source.absolute() if isinstance(source, Path) else source

    made = {name: replace(made, sct=absolute(made.sct)) for name, made in case.made.items()}
    return replace(case, ct=absolute(case.ct), mask=absolute(case.mask), made=made)


def _attempt(case: Case | Failure) -> Judged | Failure:
    if isinstance(case, Failure):
        return case
    try:
        return judge_case(case)
    except MrtoctError as error:
        return Failure(case.subject, error.message)  # who reads it may be at a terminal


def _hu(source: Path | Volume, force: bool, doubts: list[str]) -> Volume:
    """Return a CT, real or synthetic, with what was never measured as air."""
    if isinstance(source, Volume):
        return source
    volume = read_volume(source, "HU")
    if why := require_hu(volume, str(source), force=force):
        doubts.append(why)
    # Padding outside a scanner's field of view was never measured: it counts as air.
    return volume.with_voxels(np.maximum(volume.voxels, AIR_HU))


def require_hu(ct: Volume, name: str, *, force: bool) -> str | None:
    """Raise ValueRangeError for what is called HU and cannot be; with force return why instead."""
    why = why_not_hu(ct)
    if why is None:
        return None
    if not force:
        raise ValueRangeError(f"{name}: {why}", force="to evaluate it anyway")
    return f"{name}: {why}"


def _mask(case: Case, real: Volume) -> Volume:
    if case.mask is None:
        with _about(case.ct):
            return head_mask_ct(real)
    mask = _read(case.mask, "label").stored_as(real.grid)
    if case.terms.resample and not mask.grid.matches(real.grid):
        mask = resample(mask, real.grid, fill=0, interpolation="nearest")
    require_same_grid(mask.grid, real.grid, _name(case.mask, "mask"), _name(case.ct, "CT"))
    if not (mask.voxels > 0).any():
        raise ValueRangeError(f"{_name(case.mask, 'the mask')} is empty: no voxel is above 0")
    return mask


def _read(source: Path | Volume, unit: Unit) -> Volume:
    return source if isinstance(source, Volume) else read_volume(source, unit)


def _name(source: Path | Volume, otherwise: str) -> str:
    return otherwise if isinstance(source, Volume) else str(source)


@contextmanager
def _about(source: Path | Volume) -> Iterator[None]:
    """Put a file's name before the message of an error within that does not hold it."""
    try:
        yield
    except MrtoctError as error:
        if isinstance(source, Volume) or str(source) in str(error):
            raise
        raise error.about(source) from error
