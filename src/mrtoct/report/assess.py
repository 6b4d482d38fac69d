"""Judge a run on the subjects it did not learn from, beside the baselines, and show it.

RUN/evaluation/<subject>/sct.nii.gz         synthetic CT on the store's grid, int16 HU
RUN/evaluation/<subject>/deviation.nii.gz   its standard deviation in HU, if the bundle can tell
RUN/evaluation/<subject>/metrics.json       every method's evaluation
RUN/report.html
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from mrtoct.io.atomic import new_folder, write_text
from mrtoct.io.files import write_volume
from mrtoct.judging.baselines import MAP, WATER, IntensityMap, fitted_map, scaled_mr, water
from mrtoct.judging.calibration import CalibrationCurve, cohort_curve, head_voxels
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.metrics.evaluate import Evaluation, evaluate
from mrtoct.prepare.store import PreparedSubject, read_manifest, read_subject
from mrtoct.report.contents import PageContents, PreparationRow, Role, SubjectResult
from mrtoct.report.page import write_page
from mrtoct.report.registration import registration_figure
from mrtoct.training.curves import read_curves
from mrtoct.training.run import RunRecord, read_run
from mrtoct.training.split import Split
from mrtoct.translation.bundle import read_description
from mrtoct.translation.translator import Translator

NETWORK = "u-net"


def assess(
    run: Path | str,
    *,
    store: Path | str | None = None,
    on_subject: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> list[SubjectResult]:
    """Translate and evaluate the held-out subjects of a run, and write RUN/evaluation.

    The test subjects are judged; without any, the validation subjects; without those, the
    training subjects, which says nothing about new patients. store is where the cohort is now,
    if it was moved. on_subject is called with (name, done, total) before each subject.
    """
    run = Path(run)
    record = read_run(run)
    store = Path(store) if store else record.store
    translator = Translator.load(run / "best")
    role, names = _judged(record.split)
    channels, scaling = translator.bundle.channels, translator.bundle.scaling
    intensity_map = fitted_map(store, record.split.train, channels, scaling)
    results = []
    for done, name in enumerate(names):
        on_subject(name, done, len(names))
        subject = read_subject(store, name).with_channels(channels)
        result = _assess_subject(subject, role, translator, intensity_map)
        _write(run / "evaluation" / name, result)
        results.append(result)
    return results


def write_report(
    run: Path | str,
    results: list[SubjectResult],
    page: Path | str,
    *,
    store: Path | str | None = None,
    overwrite: bool = False,
) -> None:
    """Write the page that shows a run's assessment, its training and its cohort."""
    run = Path(run)
    record = read_run(run)
    store = Path(store) if store else record.store
    manifest = read_manifest(store)
    contents = PageContents(
        title=f"Synthetic CT: {record.recipe.name}",
        subjects=results,
        curves=[asdict(point) for point in read_curves(run)],
        preparation=[
            *(_preparation_row(read_subject(store, name)) for name in manifest.subjects),
            *(
                PreparationRow(name, grid="", verdict=f"failed: {reason}")
                for name, reason in manifest.failed.items()
            ),
        ],
        provenance=_provenance(run, record),
        notes=[*_notes(record), *_changed(record, store)],
        calibration=calibration_of(results),
    )
    write_page(Path(page), contents, overwrite=overwrite)


def _judged(split: Split) -> tuple[Role, list[str]]:
    if split.test:
        return "test", split.test
    if split.validation:
        return "validation", split.validation
    return "train", split.train


def _assess_subject(
    subject: PreparedSubject, role: Role, translator: Translator, intensity_map: IntensityMap
) -> SubjectResult:
    if translator.bundle.deviation is None:
        sct, deviation = translator.translate(subject.channels, aligned=True), None
    else:
        sct, deviation = translator.translate_with_deviation(subject.channels, aligned=True)
    mask, source = judged_mask(subject)
    inside = mask.voxels
    mapped = intensity_map.apply(scaled_mr(subject, translator.bundle.scaling), inside)
    methods: dict[str, Evaluation] = {
        NETWORK: evaluate(sct, subject.ct, mask, source),
        MAP: evaluate(sct.with_voxels(mapped), subject.ct, mask, source),
        WATER: evaluate(sct.with_voxels(water(inside)), subject.ct, mask, source),
    }
    return SubjectResult(subject.name, role, subject.mr, subject.ct, sct, mask, methods, deviation)


def calibration_of(results: list[SubjectResult]) -> CalibrationCurve | None:
    """Return how far the subjects' standard deviations can be trusted; None if they have none."""
    looked_at = [
        head_voxels(r.sct, r.deviation, r.ct, r.mask) for r in results if r.deviation is not None
    ]
    return cohort_curve(looked_at) if sum(e.size for e, _ in looked_at) > 1 else None


def _write(folder: Path, result: SubjectResult) -> None:
    with new_folder(folder, overwrite=True) as part:
        write_volume(part / "sct.nii.gz", result.sct)
        methods = {method: e.to_json() for method, e in result.evaluations.items()}
        record = {"subject": result.name, "role": result.role, "methods": methods}
        if result.deviation is not None:
            write_volume(part / "deviation.nii.gz", result.deviation)
        if calibration := calibration_of([result]):
            record["calibration"] = calibration.to_json()
        write_text(part / "metrics.json", json.dumps(record, indent=1))


def _preparation_row(subject: PreparedSubject) -> PreparationRow:
    found = subject.registration
    transform = np.array(found["transform"])
    center = subject.ct.grid.center
    shift = transform[:3, :3] @ center + transform[:3, 3] - center
    head = subject.head.voxels
    verdict = str(found.get("verdict", found["source"]))
    if subject.warnings:
        verdict = "; ".join(subject.warnings)
    return PreparationRow(
        subject.name,
        grid=str(subject.ct.grid),
        verdict=verdict,
        shift_mm=float(np.linalg.norm(shift)),
        rotation_degrees=float(np.rad2deg(Rotation.from_matrix(transform[:3, :3]).magnitude())),
        metric=found.get("metric"),
        dropped_slices=[(d.slice, d.reason) for d in subject.dropped],
        coverage=float((head & subject.covered.voxels).sum() / head.sum()),
        picture=_picture(subject),
    )


def _picture(subject: PreparedSubject) -> bytes:
    """Draw the pair as it was prepared: the MR lies on the CT's grid already."""
    seen = subject.mr.with_voxels(np.where(subject.covered.voxels, subject.mr.voxels, 0))
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
        "checkpoint": f"step {made['step']}, the best of the validated ones",
        "training": f"{finished.step} steps in {finished.seconds:.0f} s on {finished.device}"
        if finished
        else "unfinished",
        "subjects": f"{len(split.train)} to train, {len(split.validation)} to validate, "
        f"{len(split.test)} to test; split by patient, seed {record.recipe.split.seed}",
        "spacing": " x ".join(f"{s:g}" for s in record.recipe.data.spacing) + " mm",
        "seed": str(record.recipe.training.seed),
        "mrtoct": made["mrtoct"],
        "torch": made["torch"],
    }


def _notes(record: RunRecord) -> list[str]:
    role, _ = _judged(record.split)
    if role == "validation":
        return ["Judged on the validation subjects, which also chose the checkpoint: optimistic."]
    if role == "train":
        return ["Judged on the training subjects: this says nothing about new patients."]
    return []


def _changed(record: RunRecord, store: Path) -> list[str]:
    _, names = _judged(record.split)
    changed = [
        name for name in names if read_subject(store, name).fingerprint != record.fingerprints[name]
    ]
    if not changed:
        return []
    return [f"Prepared anew since the training, so perhaps not comparable: {', '.join(changed)}."]
