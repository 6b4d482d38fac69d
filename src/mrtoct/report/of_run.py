"""What the page of a run shows: its judged subjects, its training and its cohort."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.io.files import read_volume
from mrtoct.judging.judged import Judged
from mrtoct.judging.judgement import Judgement
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.run import DEVIATION, EVALUATION, SCT
from mrtoct.prepare.store import PreparedSubject, open_subject, read_manifest, read_subject
from mrtoct.report.contents import PageContents, PreparationRow, SubjectResult
from mrtoct.report.registration import registration_figure
from mrtoct.training.curves import read_curves
from mrtoct.training.run import RunRecord, read_run
from mrtoct.translation.bundle import read_description
from mrtoct.wording import counted


def contents_of_run(
    run: Path | str, judgement: Judgement, *, store: Path | str | None = None
) -> PageContents:
    """Gather what a run's page shows, after `judge_run` kept its volumes in RUN/evaluation.

    store is where the cohort is now, if it was moved.
    """
    run = Path(run)
    record = read_run(run)
    store = Path(store) if store else record.store
    manifest = read_manifest(store)
    channels = read_description(run / "best").translator.channels
    failed = [f"{name} could not be evaluated: {why}" for name, why in judgement.failed.items()]
    return PageContents(
        title=f"Synthetic CT: {record.recipe.name}",
        subjects=[_shown(run, store, channels, judged) for judged in judgement.subjects],
        curves=[asdict(point) for point in read_curves(run)],
        preparation=[
            *(_preparation_row(open_subject(store, name)) for name in manifest.subjects),
            *(
                PreparationRow(name, grid="", verdict=f"failed: {reason}")
                for name, reason in manifest.failed.items()
            ),
        ],
        provenance=_provenance(run, record),
        notes=[*judgement.notes, *failed, *_changed(record, store, list(judgement.roles))],
        calibration=judgement.calibration,
    )


def _shown(run: Path, store: Path, channels: Sequence[str], judged: Judged) -> SubjectResult:
    """Return a judged subject with the volumes that are shown of it."""
    subject = read_subject(store, judged.subject).with_channels(channels)
    folder = run / EVALUATION / judged.subject
    deviation = folder / DEVIATION
    return SubjectResult(
        name=judged.subject,
        role=judged.role,
        mr=subject.mr,
        ct=subject.ct,
        sct=read_volume(folder / SCT, "HU"),
        mask=judged_mask(subject)[0],
        evaluations=judged.evaluations,
        deviation=read_volume(deviation, "HU") if deviation.is_file() else None,
    )


def _preparation_row(subject: PreparedSubject) -> PreparationRow:
    found = subject.registration
    transform = np.array(found["transform"])
    center = subject.ct.grid.center
    shift = transform[:3, :3] @ center + transform[:3, 3] - center
    head = subject.head.voxels
    verdict = str(found.get("verdict", found["source"]))
    if subject.warnings:
        verdict = "; ".join(subject.warnings)
    verdict += _regions_in_words(found)
    return PreparationRow(
        subject.name,
        grid=str(subject.ct.grid),
        verdict=verdict,
        shift_mm=float(np.linalg.norm(shift)),
        rotation_degrees=float(np.rad2deg(Rotation.from_matrix(transform[:3, :3]).magnitude())),
        metric=found.get("metric"),
        dropped_slices=[(d.slice, d.reason) for d in subject.dropped],
        coverage=float((head & subject.covered.voxels).sum() / head.sum()),
        left_out=subject.left_out,
        picture=_picture(subject),
    )


def _regions_in_words(found: Mapping[str, Any]) -> str:
    """Say what each region of the head did between the scans, and whether it was carried."""
    said = [
        f"{name} {region['verdict']}"
        + (f" ({region['mean_mm']:.1f} mm)" if region["verdict"] == "moved" else "")
        for name, region in found.get("regions", {}).items()
    ]
    if "deformation" in found:
        how = "deformed" if found["deformation"]["used"] else "not deformed"
        said.append(f"{how}: {found['deformation']['reason']}")
    return f"; {', '.join(said)}" if said else ""


def _picture(subject: PreparedSubject) -> bytes:
    """Draw the pair as it was prepared: the MR lies on the CT's grid already."""
    seen = subject.mr.measured_where(np.asarray(subject.covered.voxels))
    figure = registration_figure(subject.ct, seen, np.eye(4), subject.ct.grid)
    stream = io.BytesIO()
    figure.savefig(stream, format="jpeg", dpi=75, pil_kwargs={"quality": 80, "subsampling": 0})
    return stream.getvalue()


def _provenance(run: Path, record: RunRecord) -> dict[str, str]:
    made = read_description(run / "best").translator.provenance
    finished = record.finished
    split = record.split
    return {
        "recipe": f"{record.recipe.name}: {record.recipe.description}",
        "model": f"{record.recipe.model.kind} of width {record.recipe.model.width}",
        "checkpoint": f"step {made['step']}, the best in validation",
        "training": (
            f"{counted(finished.step, 'step')} in {finished.seconds:.0f} s on {finished.device}"
        )
        if finished
        else "unfinished",
        "subjects": f"{len(split.train)} to train, {len(split.validation)} to validate, "
        f"{len(split.test)} to test; split by patient, seed {record.recipe.split.seed}",
        "spacing": " x ".join(f"{s:g}" for s in record.recipe.data.spacing) + " mm",
        "seed": str(record.recipe.training.seed),
        "mrtoct": made["mrtoct"],
        "torch": made["torch"],
    }


def _changed(record: RunRecord, store: Path, names: Sequence[str]) -> list[str]:
    changed = [
        name for name in names if open_subject(store, name).fingerprint != record.fingerprints[name]
    ]
    if not changed:
        return []
    return [f"Prepared again since the training, so possibly not comparable: {', '.join(changed)}."]
