"""What was named, judged: two volumes, two folders, or models and a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mrtoct.errors import CohortError
from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.io.records import BUNDLE, MANIFEST, RUN
from mrtoct.judging.folders import Kind, find, match, volumes_in
from mrtoct.judging.judge import Case, Terms, judge_case, judge_subjects
from mrtoct.judging.judgement import Judgement, Years
from mrtoct.judging.methods import FOUND, Made, Method, from_files, water
from mrtoct.judging.roles import some


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
    terms: Terms = Terms()
    years: Years = "both"
    workers: int = 1
    device: str = "auto"
    scheduler: str | None = None
    """Of a Dask cluster that judges a cohort in the place of workers here."""

    @property
    def scts(self) -> dict[str, Path]:
        """By method, named as the user named them."""
        return {str(path): path for path in (self.sct, self.against) if path is not None}


def single(request: Request) -> bool:
    """Tell whether one pair of volumes is to be judged."""
    return not (_is_store(request.ct) or _is_bundle(request.sct) or _is_cohort(request.sct, "sct"))


def judge_pair(request: Request) -> Judgement:
    """Judge one pair of volumes, or two against one: a cohort of one subject, without water.

    Errors name the file that they are about.
    """
    for path in request.scts.values():
        if _is_bundle(path) or _is_cohort(path, "sct"):
            raise CohortError(
                f"{path} is not a volume, but {request.ct} is to be compared with one"
            )
    if _is_cohort(request.ct, "ct"):
        raise CohortError(
            f"{request.sct} holds no synthetic CTs by subject, but {request.ct} holds CTs: give "
            "two volumes, or two folders"
        )
    if request.subjects:
        raise CohortError("subjects can be chosen from a cohort, not from a pair of volumes")
    _require_rival(request)
    case = Case(
        subject=request.sct.name,
        role="unknown",
        ct=request.ct,
        mask=request.mask,
        mask_source=request.mask.name if request.mask else FOUND,
        made={name: Made(path) for name, path in request.scts.items()},
        terms=request.terms,
    )
    judged = judge_case(case)
    return Judgement([judged], notes=list(judged.doubts), years=request.years)


def judge_cohort(request: Request, watcher: Watcher = nobody) -> Judgement:
    """Judge a cohort; subjects that cannot be judged are named in it.

    Raises CohortError where nobody can be judged, or the arguments do not fit one another.
    """
    _require_rival(request)
    if _is_store(request.ct):
        return _on_store(request, watcher)
    for path in request.scts.values():
        if _is_bundle(path):
            raise CohortError(
                f"{path} is a bundle, which is evaluated on a prepared store; {request.ct} is not "
                f"a store (no {MANIFEST}): make one with mrtoct prepare"
            )
    if not request.ct.is_dir() or not _is_cohort(request.ct, "ct"):
        raise CohortError(
            f"{request.sct} holds synthetic CTs by subject, but {request.ct} is neither a folder "
            "of CTs (SUBJECT/ct.*, SUBJECT_ct.* or SUBJECT.*) nor a store"
        )
    matched = match(request.scts, request.ct, request.mask)
    subjects = {subject.name: subject for subject in matched.subjects}
    if lacking := sorted(set(request.subjects) - set(subjects)):
        raise CohortError(
            f"no subject {', '.join(lacking)} to evaluate; there are {some(sorted(subjects))}"
        )
    chosen = [name for name in subjects if name in (request.subjects or subjects)]
    judgement = judge_subjects(
        chosen,
        [subjects[name] for name in chosen],
        [*matched.methods, water()],
        terms=request.terms,
        workers=request.workers,
        scheduler=request.scheduler,
        watcher=watcher,
    )
    return _told(judgement, request, matched.unmatched, [])


def _on_store(request: Request, watcher: Watcher) -> Judgement:
    if request.mask is not None:
        raise CohortError(f"a mask is for files; the store {request.ct} has masks of its own")
    # Here torch is loaded, for which folders need not wait.
    from mrtoct.judging.store import baseline_of, choose, subjects_of
    from mrtoct.judging.translated import network, network_name
    from mrtoct.translation.translator import Translator

    paths = list(request.scts.values())
    bundles = [path for path in paths if _is_bundle(path)]
    translators = {path: Translator.load(path, request.device) for path in bundles}
    own = {path: network_name(translator.bundle) for path, translator in translators.items()}
    if len(set(own.values())) < len(own):
        own = {path: str(path) for path in own}  # two networks of one recipe: told by their places
    methods: list[Method] = [
        network(own[path], translators[path])
        if path in translators
        else from_files(str(path), volumes_in(path, "sct"))
        for path in paths
    ]
    folders = [path for path in paths if path not in translators]
    chosen = choose(request.ct, folders, bundles, request.subjects)
    notes = list(chosen.notes)
    for path in bundles[:1]:
        best, further = baseline_of(request.ct, path, translators[path].bundle)
        methods += [best] if best else []
        notes += further
    judgement = judge_subjects(
        list(chosen.roles),
        subjects_of(request.ct, chosen.roles),
        [*methods, water()],
        terms=request.terms,
        workers=request.workers,
        scheduler=request.scheduler,
        watcher=watcher,
    )
    return _told(judgement, request, chosen.unmatched, notes)


def _told(
    judgement: Judgement, request: Request, unmatched: dict[str, list[str]], notes: Sequence[str]
) -> Judgement:
    """Return what was found with all that a reader must know."""
    told = [*notes, *(doubt for subject in judgement.subjects for doubt in subject.doubts)]
    if len(judgement.masks) > 1:
        kinds = ", ".join(f"{source} ({count})" for source, count in judgement.masks.items())
        told.append(f"Masks of several kinds, whose errors are not comparable: {kinds}.")
    return replace(judgement, unmatched=unmatched, notes=told, years=request.years)


def _require_rival(request: Request) -> None:
    if request.against is not None and len(request.scts) < 2:
        raise CohortError(f"{request.against} cannot be compared with itself")


def _is_bundle(path: Path) -> bool:
    return (path / BUNDLE).is_file() or (path / RUN).is_file()


def _is_store(path: Path) -> bool:
    return (path / MANIFEST).is_file()


def _is_cohort(path: Path, kind: Kind) -> bool:
    return path.is_dir() and bool(find(path, kind))
