"""Held-out subjects judged and shown, with numbers worked out again from the files."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from mrtoct.errors import BundleError, CohortError, FileError
from mrtoct.io.files import read_volume
from mrtoct.judging.baselines import IntensityMap
from mrtoct.prepare.intensity import MrScaling
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.report.assess import MAP, NETWORK, WATER, assess, calibration_of, write_report
from mrtoct.training.train import train
from recipes import tiny_recipe


def trained(store, run):
    train(store, run, tiny_recipe())
    return run


@pytest.fixture(scope="module")
def run(tiny_store, tmp_path_factory):
    return trained(tiny_store, tmp_path_factory.mktemp("assess") / "run")


@pytest.fixture(scope="module")
def results(run):
    return assess(run)


def split_of(run):
    return json.loads((run / "run.json").read_text())["split"]


def test_without_test_subjects_those_of_the_validation_are_judged(run, results):
    assert [(r.name, r.role) for r in results] == [(split_of(run)["validation"][0], "validation")]


def test_every_method_is_judged_where_head_and_mr_are(tiny_store, run, results):
    (result,) = results
    subject = read_subject(tiny_store, result.name)
    inside = subject.head.voxels & subject.covered.voxels
    np.testing.assert_array_equal(result.mask.voxels, inside)
    real = subject.ct.voxels[inside].astype(float)

    sct = read_volume(run / "evaluation" / result.name / "sct.nii.gz", "HU")
    assert sct.grid.matches(subject.ct.grid)
    mae = {m: e.body.mae for m, e in result.evaluations.items()}
    assert set(mae) == {NETWORK, MAP, WATER}
    assert mae[NETWORK] == pytest.approx(np.abs(sct.voxels[inside] - real).mean())
    assert mae[WATER] == pytest.approx(np.abs(0 - real).mean())

    other = read_subject(tiny_store, split_of(run)["train"][0])
    scaled = {s.name: MrScaling().apply(s.mr.voxels, s.mr_head.voxels) for s in (subject, other)}
    learned = IntensityMap.fit(
        [(scaled[other.name], other.ct.voxels, other.head.voxels & other.covered.voxels)]
    )
    expected = np.abs(learned.apply(scaled[subject.name], inside)[inside] - real).mean()
    assert mae[MAP] == pytest.approx(expected)
    assert mae[MAP] < mae[WATER]


def test_the_metrics_on_disk_are_those_returned(run, results):
    (result,) = results
    record = json.loads((run / "evaluation" / result.name / "metrics.json").read_text())
    assert (record["subject"], record["role"]) == (result.name, "validation")
    assert set(record["methods"]) == set(result.evaluations)
    assert record["methods"][NETWORK]["body"]["mae"] == result.evaluations[NETWORK].body.mae


def test_the_deviation_and_how_far_it_can_be_trusted_are_kept(run, results):
    (result,) = results
    kept = read_volume(run / "evaluation" / result.name / "deviation.nii.gz", "HU")
    np.testing.assert_array_equal(kept.voxels, result.deviation.voxels)
    judged = result.mask.voxels & (kept.voxels > 0)
    error = np.abs(result.sct.voxels.astype(float) - result.ct.voxels)[judged]
    curve = calibration_of(results)
    assert curve.voxels == judged.sum()
    inside = (error <= kept.voxels[judged] * 1.0).mean()
    assert curve.coverage(0.6827) == pytest.approx(inside, abs=1e-3)
    record = json.loads((run / "evaluation" / result.name / "metrics.json").read_text())
    assert record["calibration"] == json.loads(json.dumps(curve.to_json()))


def test_progress_counts_from_nothing_done(run):
    told = []
    assess(run, on_subject=lambda name, done, total: told.append((name, done, total)))
    assert told == [(split_of(run)["validation"][0], 0, 1)]


def test_a_lone_subject_is_judged_on_itself_with_a_warning(tiny_store, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["subjects"] = manifest["subjects"][:1]
    (store / "manifest.json").write_text(json.dumps(manifest))
    run = trained(store, tmp_path / "run")
    results = assess(run)
    assert [(r.name, r.role) for r in results] == [(manifest["subjects"][0], "train")]
    write_report(run, results, tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "says nothing about new patients" in html


def test_the_page_tells_what_was_dropped_and_what_failed(tiny_store, run, results, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["failed"] = {"broken": "its scan has a hole"}
    (store / "manifest.json").write_text(json.dumps(manifest))
    page = tmp_path / "page.html"
    write_report(run, results, page, store=store)
    html = page.read_text(encoding="utf-8")
    for name in read_manifest(store).subjects:
        assert name in html
        assert read_subject(store, name).dropped[0].reason in html
    assert "failed: its scan has a hole" in html
    encoded = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    pictures = [base64.b64decode(content) for content in encoded]
    assert len(pictures) == len(read_manifest(store).subjects)
    for picture in pictures:
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
        # Contours of the CT's bone are the only orange on it.
        assert (pixels[..., 0] > pixels[..., 2] + 60).sum() > 50
    assert "optimistic" in html  # the validation chose the checkpoint
    with pytest.raises(FileError, match="exists already"):
        write_report(run, results, page, store=store)


def test_an_incomplete_run_or_store_is_named(tiny_store, run, tmp_path):
    with pytest.raises(FileError, match="is not a run"):
        assess(tmp_path)
    broken = tmp_path / "run"
    shutil.copytree(run, broken)
    (broken / "best" / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match=r"weights\.safetensors is missing"):
        assess(broken)
    with pytest.raises(CohortError, match=r"subject\.json is missing"):
        assess(run, store=tmp_path / "elsewhere")
