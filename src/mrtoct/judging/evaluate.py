"""What was named on the command line, judged: two files, two folders, or a bundle and a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from mrtoct.errors import CohortError
from mrtoct.io.records import BUNDLE, MANIFEST, RUN
from mrtoct.judging.case import FOUND, Case, Failure, Judged, judge, judge_all
from mrtoct.judging.cohort import CohortEvaluation, Years
from mrtoct.judging.folders import Kind, find, match, some
from mrtoct.judging.metrics.seams import TileGrid

OnSubject = Callable[[str, int, int], None]
"""Called with (name, done, total) after each subject."""


@dataclass(frozen=True)
class Request:
    """What to judge, and how."""

    sct: Path
    """A volume, a folder of synthetic CTs, or a bundle."""
    ct: Path
    """A volume, a folder of CTs, or a prepared store."""
    mask: Path | None = None
    """A volume or a folder of masks; of a store its own masks are taken."""
    against: Path | None = None
    """A rival, of the kind of sct; on a store a folder and a bundle may be compared."""
    subjects: tuple[str, ...] = ()
    """Of a cohort, these alone; of a store even those that were trained on."""
    tiles: TileGrid | None = None
    years: Years = "both"
    workers: int = 1
    device: str = "auto"

    @property
    def scts(self) -> dict[str, Path]:
        """By method, named as the user named them."""
        return {str(path): path for path in (self.sct, self.against) if path is not None}


def single(request: Request) -> bool:
    """Tell whether one pair of volumes is to be judged."""
    return not (_is_store(request.ct) or _is_bundle(request.sct) or _is_cohort(request.sct, "sct"))


def evaluate_pair(request: Request) -> CohortEvaluation:
    """Judge one pair of volumes, or two against one: a cohort of one subject, without water.

    Errors name the file that they are about.
    """
    for path in request.scts.values():
        if _is_bundle(path) or _is_cohort(path, "sct"):
            raise CohortError(f"{path} is no volume, but {request.ct} is to be compared with one")
    if _is_cohort(request.ct, "ct"):
        raise CohortError(
            f"{request.sct} holds no synthetic CTs by subject, but {request.ct} holds CTs: name "
            "two volumes, or two folders"
        )
    if request.subjects:
        raise CohortError("--subjects chooses from a cohort, but a pair of volumes was named")
    _check_rival(request)
    judged = judge(
        Case(
            request.sct.name,
            dict(request.scts),
            request.ct,
            request.mask,
            request.mask.name if request.mask else FOUND,
            tiles=request.tiles,
            baseline=False,
        )
    )
    return CohortEvaluation([judged], notes=list(judged.doubts), years=request.years)


def evaluate_cohort(
    request: Request, on_subject: OnSubject = lambda name, done, total: None
) -> CohortEvaluation:
    """Judge a cohort; subjects that cannot be judged are named in it.

    Raises CohortError where nobody can be judged, or the arguments do not fit one another.
    """
    _check_rival(request)
    if _is_store(request.ct):
        return _on_store(request, on_subject)
    for path in request.scts.values():
        if _is_bundle(path):
            raise CohortError(
                f"{path} is a bundle, which is judged on a prepared store; {request.ct} is none "
                f"(no {MANIFEST}): make one with mrtoct prepare"
            )
    if not request.ct.is_dir() or not _is_cohort(request.ct, "ct"):
        raise CohortError(
            f"{request.sct} holds synthetic CTs by subject, but {request.ct} is neither a folder "
            "of CTs (SUBJECT/ct.*, SUBJECT_ct.* or SUBJECT.*) nor a store"
        )
    matched = match(request.scts, request.ct, request.mask, tiles=request.tiles)
    cases = {case.subject: case for case in matched.cases}
    if lacking := sorted(set(request.subjects) - set(cases)):
        raise CohortError(
            f"no subject {', '.join(lacking)} to judge; there are {some(sorted(cases))}"
        )
    chosen = [cases[name] for name in request.subjects or cases]
    return _judged(request, chosen, list(cases), matched.unmatched, [], on_subject, len(chosen))


def _on_store(request: Request, on_subject: OnSubject) -> CohortEvaluation:
    if request.mask is not None:
        raise CohortError(f"--mask is for files; the store {request.ct} has masks of its own")
    # Here torch is loaded, for which folders need not wait.
    from mrtoct.judging import stores
    from mrtoct.translation.translator import Translator

    bundles = [path for path in request.scts.values() if _is_bundle(path)]
    scts: dict[str, Path | Translator] = {
        method: Translator.load(path, request.device) if path in bundles else path
        for method, path in request.scts.items()
    }
    plan = stores.plan(request.ct, scts, bundles, list(request.subjects))
    mapped, notes = None, list(plan.notes)
    for bundle in bundles[:1]:
        translator = scts[str(bundle)]
        assert isinstance(translator, Translator)
        best, further = stores.baseline_map(request.ct, bundle, translator)
        mapped = (best, translator) if best else None
        notes += further
    cases = stores.cases(request.ct, plan, scts, tiles=request.tiles, mapped=mapped)
    return _judged(
        request, cases, list(plan.roles), plan.unmatched, notes, on_subject, len(plan.roles)
    )


def _judged(
    request: Request,
    cases: Iterable[Case | Failure],
    order: list[str],
    unmatched: dict[str, list[str]],
    notes: list[str],
    on_subject: OnSubject,
    total: int,
) -> CohortEvaluation:
    judged: dict[str, Judged] = {}
    failed: dict[str, str] = {}
    for done, each in enumerate(judge_all(cases, min(request.workers, total)), start=1):
        if isinstance(each, Failure):
            failed[each.subject] = each.reason
        else:
            judged[each.subject] = each
        on_subject(each.subject, done, total)
    if not judged:
        name, reason = next(iter(failed.items()))
        raise CohortError(f"none of {total} subjects could be judged; {name}: {reason}")
    subjects = [judged[name] for name in order if name in judged]
    doubts = [doubt for subject in subjects for doubt in subject.doubts]
    result = CohortEvaluation(subjects, unmatched, failed, [*notes, *doubts], request.years)
    if len(result.masks) > 1:
        kinds = ", ".join(f"{source} ({count})" for source, count in result.masks.items())
        result.notes.append(f"Masks of several kinds, whose errors are not comparable: {kinds}.")
    return result


def _check_rival(request: Request) -> None:
    if request.against is not None and len(request.scts) < 2:
        raise CohortError(f"{request.against} cannot be compared with itself")


def _is_bundle(path: Path) -> bool:
    return (path / BUNDLE).is_file() or (path / RUN).is_file()


def _is_store(path: Path) -> bool:
    return (path / MANIFEST).is_file()


def _is_cohort(path: Path, kind: Kind) -> bool:
    return path.is_dir() and bool(find(path, kind))
