"""A run's page shows what was judged, what was dropped and what failed."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from mrtoct.io.files import read_volume
from mrtoct.judging.run import judge_run
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.report.of_run import contents_of_run
from mrtoct.report.page import render
from mrtoct.training.train import train
from recipes import tiny_recipe


def trained(store, run):
    train(store, run, tiny_recipe())
    return run


@pytest.fixture(scope="module")
def run(tiny_run):
    return tiny_run


@pytest.fixture(scope="module")
def judgement(run):
    return judge_run(run)


def test_a_lone_subject_is_judged_on_itself_with_a_warning(tiny_store, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["subjects"] = manifest["subjects"][:1]
    (store / "manifest.json").write_text(json.dumps(manifest))
    (store / "SHA256SUMS").unlink()  # as of the manifest before
    run = trained(store, tmp_path / "run")
    judgement = judge_run(run)
    assert judgement.roles == {manifest["subjects"][0]: "train"}
    html = render(contents_of_run(run, judgement))
    assert "say nothing about new patients" in html


def test_the_page_tells_what_was_dropped_and_what_failed(tiny_store, run, judgement, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["failed"] = {"broken": "its scan has a hole"}
    (store / "manifest.json").write_text(json.dumps(manifest))
    (store / "SHA256SUMS").unlink()  # as of the manifest before
    html = render(contents_of_run(run, judgement, store=store))
    for name in read_manifest(store).subjects:
        assert name in html
        assert read_subject(store, name).dropped[0].reason in html
    assert "failed: its scan has a hole" in html
    encoded = re.findall(r'contours of the CT[^>]+src="data:image/jpeg;base64,([^"]+)"', html)
    pictures = [base64.b64decode(content) for content in encoded]
    assert len(pictures) == len(read_manifest(store).subjects)
    for picture in pictures:
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
        # Contours of the CT's bone are the only orange on it.
        assert (pixels[..., 0] > pixels[..., 2] + 60).sum() > 50
    assert "optimistic" in html  # the validation chose the checkpoint


def test_the_volumes_shown_are_those_that_were_judged(tiny_store, run, judgement):
    (shown,) = contents_of_run(run, judgement).subjects
    (judged,) = judgement.subjects
    inside = shown.mask.voxels
    error = np.abs(shown.sct.voxels.astype(float) - shown.ct.voxels)[inside]
    assert judged.evaluations["tiny"].body.mae == pytest.approx(error.mean())
    kept = read_volume(run / "evaluation" / shown.name / "deviation.nii.gz", "HU")
    np.testing.assert_array_equal(shown.deviation.voxels, kept.voxels)
    subject = read_subject(tiny_store, shown.name)
    np.testing.assert_array_equal(shown.mr.voxels, subject.mr.voxels)
