"""Held-out subjects of a run judged, with numbers worked out again from the files."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict

import numpy as np
import pytest

from mrtoct.errors import BundleError, CohortError, FileError
from mrtoct.hardware.progress import Update
from mrtoct.io.files import read_volume
from mrtoct.judging.baselines import MAP, WATER, IntensityMap
from mrtoct.judging.run import judge_run
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import read_subject


@pytest.fixture(scope="module")
def run(tiny_run):
    return tiny_run


@pytest.fixture(scope="module")
def judgement(run):
    return judge_run(run)


def split_of(run):
    return json.loads((run / "run.json").read_text())["split"]


def test_without_test_subjects_those_of_the_validation_are_judged(run, judgement):
    assert judgement.roles == {split_of(run)["validation"][0]: "validation"}
    (note,) = judgement.notes
    assert "optimistic" in note


def test_every_method_is_judged_where_head_and_mr_are(tiny_store, run, judgement):
    (result,) = judgement.subjects
    subject = read_subject(tiny_store, result.subject)
    inside = subject.head.voxels & subject.covered.voxels
    real = subject.ct.voxels[inside].astype(float)

    sct = read_volume(run / "evaluation" / result.subject / "sct.nii.gz", "HU")
    assert sct.grid.matches(subject.ct.grid)
    mae = {m: e.body.mae for m, e in result.evaluations.items()}
    assert set(mae) == {"tiny", MAP, WATER}
    assert mae["tiny"] == pytest.approx(np.abs(sct.voxels[inside] - real).mean())
    assert mae[WATER] == pytest.approx(np.abs(0 - real).mean())

    other = read_subject(tiny_store, split_of(run)["train"][0])
    scaled = {s.name: MrScaling().apply(s.mr.voxels, s.mr_head.voxels) for s in (subject, other)}
    learned = IntensityMap.fit(
        [(scaled[other.name], other.ct.voxels, other.head.voxels & other.covered.voxels)]
    )
    expected = np.abs(learned.apply(scaled[subject.name], inside)[inside] - real).mean()
    assert mae[MAP] == pytest.approx(expected)
    assert mae[MAP] < mae[WATER]


def test_the_metrics_on_disk_are_those_returned(run, judgement):
    (result,) = judgement.subjects
    record = json.loads((run / "evaluation" / result.subject / "metrics.json").read_text())
    assert (record["subject"], record["role"]) == (result.subject, "validation")
    assert set(record["methods"]) == set(result.evaluations)
    assert record["methods"]["tiny"]["body"]["mae"] == result.evaluations["tiny"].body.mae


def test_the_deviation_and_how_far_it_can_be_trusted_are_kept(tiny_store, run, judgement):
    (result,) = judgement.subjects
    kept = read_volume(run / "evaluation" / result.subject / "deviation.nii.gz", "HU")
    subject = read_subject(tiny_store, result.subject)
    sct = read_volume(run / "evaluation" / result.subject / "sct.nii.gz", "HU")
    judged = subject.head.voxels & subject.covered.voxels & (kept.voxels > 0)
    error = np.abs(sct.voxels.astype(float) - subject.ct.voxels)[judged]
    curve = judgement.calibration
    assert curve.voxels == judged.sum()
    inside = (error <= kept.voxels[judged] * 1.0).mean()
    assert curve.coverage(0.6827) == pytest.approx(inside, abs=1e-3)
    record = json.loads((run / "evaluation" / result.subject / "metrics.json").read_text())
    assert record["calibration"] == json.loads(json.dumps(asdict(curve)))


def test_progress_counts_what_is_done(run):
    told = []
    judge_run(run, watcher=told.append)
    assert told == [Update(1, 1, split_of(run)["validation"][0])]


def test_an_incomplete_run_or_store_is_named(tiny_store, run, tmp_path):
    with pytest.raises(FileError, match="is not a run"):
        judge_run(tmp_path)
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    (broken / "best" / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"weights\.safetensors is missing"):
        judge_run(broken)
    with pytest.raises(CohortError, match=r"subject\.json cannot be read"):
        judge_run(run, store=tmp_path / "elsewhere")
