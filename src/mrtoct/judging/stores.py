"""Subjects of a prepared store, judged with bundles or with synthetic CTs that lie in folders.

Who was trained on is never judged unasked: the run beside a bundle says who that was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mrtoct.errors import CohortError, MrtoctError
from mrtoct.io.records import RUN
from mrtoct.judging.baselines import MAP, IntensityMap, fitted_map, scaled_mr
from mrtoct.judging.case import Case, Failure, Role
from mrtoct.judging.folders import some, volumes_in
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.metrics.seams import TileGrid
from mrtoct.prepare.mask import bounding_box, head_mask_mr
from mrtoct.prepare.store import PreparedSubject, read_manifest, read_subject, stored_subject
from mrtoct.training.run import RunRecord, read_run
from mrtoct.translation.geometry import Patches
from mrtoct.translation.tiling import PatchGrid
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume

ROLES: tuple[Role, ...] = ("train", "validation", "unknown", "test", "new")
"""The worst first: of two bundles the one that knew a subject better decides."""


@dataclass(frozen=True)
class Plan:
    """Whom to judge, and what to say about it."""

    roles: dict[str, Role]
    """Of those to be judged."""
    unmatched: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def plan(
    store: Path, scts: Mapping[str, Path | Translator], bundles: Sequence[Path], wanted: list[str]
) -> Plan:
    """Choose the subjects of a store to judge: those wanted, or all that no bundle learnt from.

    scts are, by method, a folder of synthetic CTs or a translator. Where every subject took part
    in some training, those of the validation are judged, and with none of them everybody, which
    a note says. Raises CohortError for a wanted name that is not there.
    """
    records, notes = _records(bundles)
    unmatched: dict[str, list[str]] = {}
    names = list(read_manifest(store).subjects)
    for source in scts.values():
        if not isinstance(source, Path):
            continue
        found = volumes_in(source, "sct")
        lacking = {
            f"no synthetic CT in {source}": sorted(set(names) - set(found)),
            f"not in the store {store}": sorted(set(found) - set(read_manifest(store).subjects)),
        }
        unmatched |= {lack: who for lack, who in lacking.items() if who}
        names = [name for name in names if name in found]
    if unknown := sorted(set(wanted) - set(names)):
        raise CohortError(
            f"no subject {', '.join(unknown)} to judge in {store}; there are {', '.join(names)}"
        )
    if not names:
        raise CohortError(f"no subject of {store} has a synthetic CT")
    roles = {name: _role(read_subject(store, name), records, len(bundles)) for name in names}
    kept = wanted or _held_out(roles)
    left = [name for name in names if name not in kept]
    if left and not wanted:
        notes.append(f"Left out, trained or validated on: {some(left)}.")
    chosen = {name: roles[name] for name in names if name in kept}
    return Plan(chosen, unmatched, [*notes, *_warnings(chosen)])


def baseline_map(
    store: Path, bundle: Path, translator: Translator
) -> tuple[IntensityMap | None, list[str]]:
    """Return the best intensity map of a bundle's training subjects, or a note why there is none.

    They are looked for in the store that the run names, then, as they were prepared then, in the
    store at hand.
    """
    record = _record(bundle)
    if record is None:
        return None, []  # said already: nobody knows who the training subjects were
    names = record.split.train
    channels, scaling = translator.bundle.channels, translator.bundle.scaling
    if all(stored_subject(record.store, name) for name in names):
        return fitted_map(record.store, names, channels, scaling), []
    here = {name: stored_subject(store, name) for name in names}
    if all(s and s.fingerprint == record.fingerprints.get(n) for n, s in here.items()):
        return fitted_map(store, names, channels, scaling), []
    return None, [
        f"No intensity map as a baseline: the training subjects of {bundle} are neither in "
        f"{record.store} nor, as they were then, in {store}."
    ]


def cases(
    store: Path,
    chosen: Plan,
    scts: Mapping[str, Path | Translator],
    *,
    tiles: TileGrid | None = None,
    mapped: tuple[IntensityMap, Translator] | None = None,
) -> Iterator[Case | Failure]:
    """Translate and yield one subject after the other, so that few are held at once.

    mapped is the baseline's map with the translator whose MR scaling it was fitted with. Without
    tiles, those of the first translator that works in patches are taken.
    """
    found = {m: volumes_in(s, "sct") for m, s in scts.items() if isinstance(s, Path)}
    for name, role in chosen.roles.items():
        try:
            subject = read_subject(store, name)
            mask, source = judged_mask(subject)
            made: dict[str, Path | Volume] = {}
            own = tiles
            for method, sct in scts.items():
                if isinstance(sct, Path):
                    made[method] = found[method][name]
                    continue
                shown = subject.channels_named(sct.bundle.channels)
                made[method] = sct.translate(shown, aligned=True)
                own = own or patches_of(sct, subject)
            if mapped:
                best, translator = mapped
                mapped_from = subject.with_channels(translator.bundle.channels)
                scaled = scaled_mr(mapped_from, translator.bundle.scaling)
                made[MAP] = subject.ct.with_voxels(best.apply(scaled, np.asarray(mask.voxels)))
        except MrtoctError as error:
            yield Failure(name, str(error))
            continue
        yield Case(name, made, subject.ct, mask, source, role, own)


def patches_of(translator: Translator, subject: PreparedSubject) -> TileGrid | None:
    """Return the patches that a translator puts a subject together from; None if there are none.

    Their borders are voxels of the store's grid where it is the translator's own.
    """
    bundle = translator.bundle
    if not isinstance(bundle.geometry, Patches) or bundle.geometry.whole:
        return None
    mr = subject.channels[bundle.channels[0]]
    if not mr.grid.upright(bundle.spacing).matches(mr.grid):
        return None
    # A translator crops to the head that it finds, and cuts from there.
    box = bounding_box(head_mask_mr(mr).voxels, margin=(2, 2, 2))
    size = PatchGrid().size
    return TileGrid((size, size, size), (box[0].start, box[1].start, box[2].start))


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


def _role(subject: PreparedSubject, records: list[RunRecord], bundles: int) -> Role:
    """Return what a subject was to the bundles, by its name or by how it was prepared.

    A name alone counts, too: the same patient, prepared in another way, is no new patient.
    """
    roles: set[Role] = {"unknown"} if len(records) < bundles or not bundles else set()
    for record in records:
        of: dict[str, Role] = dict.fromkeys(record.split.train, "train")
        of |= dict.fromkeys(record.split.validation, "validation")
        of |= dict.fromkeys(record.split.test, "test")
        own = subject.fingerprint
        alias = [name for name, known in record.fingerprints.items() if own and known == own]
        roles |= {of[name] for name in (subject.name, *alias) if name in of} or {"new"}
    return min(roles, key=ROLES.index)


def _held_out(roles: Mapping[str, Role]) -> list[str]:
    """Return who may speak for the bundles: those not seen, else the validation, else all."""
    groups: tuple[tuple[Role, ...], ...] = (("test", "unknown", "new"), ("validation",))
    for group in groups:
        if names := [name for name, role in roles.items() if role in group]:
            return names
    return list(roles)


def _warnings(roles: Mapping[str, Role]) -> list[str]:
    trained = [name for name, role in roles.items() if role == "train"]
    validated = [name for name, role in roles.items() if role == "validation"]
    notes = []
    if trained:
        notes.append(f"Trained on, so the figures say nothing about new patients: {some(trained)}.")
    if validated:
        notes.append(f"Chose the checkpoint, so the figures are optimistic: {some(validated)}.")
    return notes
