"""Subjects of a prepared store: who is judged, and what is said of that.

Who was trained on is never judged unasked: the run beside a bundle says who that was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mrtoct.errors import CohortError, MrtoctError
from mrtoct.io.records import RUN
from mrtoct.judging.folders import volumes_in
from mrtoct.judging.judged import Failure
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.methods import Method, Subject
from mrtoct.judging.roles import WORST_FIRST, Role, cautions, may_speak, some
from mrtoct.judging.translated import fitted
from mrtoct.prepare.store import (
    PreparedSubject,
    open_subject,
    read_manifest,
    read_subject,
    stored_subject,
)
from mrtoct.training.run import RunRecord, read_run
from mrtoct.training.split import Split
from mrtoct.translation.bundle import Bundle


@dataclass(frozen=True)
class Chosen:
    """Whom of a store to judge, and what to say about it."""

    roles: dict[str, Role]
    unmatched: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def choose(
    store: Path, folders: Iterable[Path], bundles: Sequence[Path], wanted: Sequence[str] = ()
) -> Chosen:
    """Choose the subjects of a store to judge: those wanted, or all that no bundle learnt from.

    folders hold synthetic CTs, without which a subject is left out. Where every subject took part
    in some training, those of the validation are judged, and with none of them everybody, which
    a note says. Raises CohortError for a wanted name that is not there.
    """
    records, notes = _records(bundles)
    unmatched: dict[str, list[str]] = {}
    every = read_manifest(store).subjects
    names = list(every)
    for folder in folders:
        found = volumes_in(folder, "sct")
        lacking = {
            f"no synthetic CT in {folder}": sorted(set(names) - set(found)),
            f"not in the store {store}": sorted(set(found) - set(every)),
        }
        unmatched |= {lack: who for lack, who in lacking.items() if who}
        names = [name for name in names if name in found]
    if unknown := sorted(set(wanted) - set(names)):
        raise CohortError(
            f"no subject {', '.join(unknown)} to evaluate in {store}; there are {', '.join(names)}"
        )
    if not names:
        raise CohortError(f"no subject of {store} has a synthetic CT")
    known = 0 < len(records) == len(bundles)
    roles = {name: _role(open_subject(store, name), records, known) for name in names}
    kept = wanted or may_speak(roles)
    left = [name for name in names if name not in kept]
    if left and not wanted:
        notes.append(f"Left out, used for training or validation: {some(left)}.")
    chosen = {name: roles[name] for name in names if name in kept}
    return Chosen(chosen, unmatched, [*notes, *cautions(chosen)])


def subjects_of(store: Path, roles: Mapping[str, Role]) -> Iterator[Subject | Failure]:
    """Read one subject of a store after the other, with the mask that it is judged in."""
    for name, role in roles.items():
        try:
            subject = read_subject(store, name)
            mask, source = judged_mask(subject)
        except MrtoctError as error:
            yield Failure(name, str(error))
            continue
        yield Subject(name, subject.ct, mask, source, role, subject)


def baseline_of(store: Path, path: Path, bundle: Bundle) -> tuple[Method | None, list[str]]:
    """Return the best intensity map of a bundle's training subjects, or a note why there is none.

    They are looked for in the store that the run beside the bundle names, then, as they were
    prepared then, in the store at hand.
    """
    record = _record(path)
    if record is None:
        return None, []  # said already: nobody knows who the training subjects were
    names = record.split.train
    if all(stored_subject(record.store, name) for name in names):
        return fitted(record.store, names, bundle.channels, bundle.scaling), []
    here = {name: stored_subject(store, name) for name in names}
    if all(s and s.fingerprint == record.fingerprints.get(n) for n, s in here.items()):
        return fitted(store, names, bundle.channels, bundle.scaling), []
    return None, [
        f"No intensity map as a baseline: the training subjects of {path} are neither in "
        f"{record.store} nor, unchanged, in {store}."
    ]


def roles_in(split: Split) -> dict[str, Role]:
    """Return what a split's subjects are."""
    roles: dict[str, Role] = dict.fromkeys(split.train, "train")
    roles |= dict.fromkeys(split.validation, "validation")
    return roles | dict.fromkeys(split.test, "test")


def _records(bundles: Sequence[Path]) -> tuple[list[RunRecord], list[str]]:
    """Return the runs beside the bundles, and a note for each bundle without one."""
    found = {bundle: _record(bundle) for bundle in bundles}
    notes = [
        f"No {RUN} beside {bundle}: whether it was trained on these subjects is unknown."
        for bundle, record in found.items()
        if record is None
    ]
    return [record for record in found.values() if record], notes


def _record(bundle: Path) -> RunRecord | None:
    run = bundle.resolve().parent
    return read_run(run) if (run / RUN).is_file() else None


def _role(subject: PreparedSubject, records: list[RunRecord], known: bool) -> Role:
    """Return what a subject was to the bundles, by its name or by how it was prepared.

    A name alone counts, too: the same patient, prepared in another way, is no new patient. known
    tells whether every bundle has a record.
    """
    roles: set[Role] = set() if known else {"unknown"}
    for record in records:
        of = roles_in(record.split)
        own = subject.fingerprint
        alias = [name for name, print_ in record.fingerprints.items() if own and print_ == own]
        roles |= {of[name] for name in (subject.name, *alias) if name in of} or {"new"}
    return min(roles, key=WORST_FIRST.index)
