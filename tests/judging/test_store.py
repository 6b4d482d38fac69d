"""Bundles on a store: who is judged, beside which baselines, and with which tiles."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from mrtoct.errors import CohortError
from mrtoct.io.files import write_volume
from mrtoct.judging.masks import judged_mask
from mrtoct.judging.metrics.seams import TileGrid, seam
from mrtoct.judging.metrics.synthrad import SynthRad2025
from mrtoct.judging.named import Request, judge_cohort
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.unet import UNetConfig
from mrtoct.prepare.store import read_subject
from mrtoct.training.run import open_run
from mrtoct.training.split import Split
from mrtoct.translation import tiling
from mrtoct.translation.bundle import Bundle, network_of, write_bundle
from mrtoct.translation.geometry import Patches, Slices
from mrtoct.translation.translator import Translator
from recipes import tiny_recipe

TRAINED, VALIDATED = "head1", "head2"


@pytest.fixture(scope="module")
def run(tiny_store, tmp_path_factory):
    """What a training leaves: a bundle, here of random weights, and who took part."""
    run = tmp_path_factory.mktemp("judged") / "run"
    prints = {name: f"of {name}" for name in (TRAINED, VALIDATED)}
    split = Split([TRAINED], [VALIDATED], [])
    open_run(run, tiny_store, tiny_recipe(), split, prints, resume=False, overwrite=False)
    torch.manual_seed(1)
    bundle = Bundle(
        UNetConfig(width=2, depth=3),
        ("mr",),
        (4.0, 4.0, 4.0),
        Slices(),
        provenance={"recipe": {"name": "tiny"}},
    )
    write_bundle(run / "best", bundle, network_of(bundle).state_dict())
    return run


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Multi-scale similarity is judged elsewhere, and takes longer than all the rest."""
    monkeypatch.setattr(
        "mrtoct.judging.metrics.evaluation.synthrad_2025", lambda *_: SynthRad2025(1.0, 2.0, 0.5)
    )


@pytest.fixture
def result(run, tiny_store):
    return judge_cohort(Request(run / "best", tiny_store))


def with_split(run, target, **roles):
    """A copy of a run whose description says that other subjects had these roles."""
    shutil.copytree(run, target)
    record = json.loads((target / "run.json").read_text())
    record["split"] = {"train": [], "validation": [], "test": []} | roles
    record["fingerprints"] = {n: f"of {n}" for names in roles.values() for n in names}
    (target / "run.json").write_text(json.dumps(record))
    return target / "best"


def test_who_was_trained_on_is_not_judged(result, run, tiny_store):
    (judged,) = result.subjects
    assert (judged.subject, judged.role) == (VALIDATED, "validation")
    assert result.methods == ["tiny", "intensity map", "water"]
    assert any(
        "used for training or validation" in note and TRAINED in note for note in result.notes
    )
    assert any("optimistic" in note and VALIDATED in note for note in result.notes)
    subject = read_subject(tiny_store, VALIDATED)
    sct = Translator.load(run / "best").translate(subject.channels, aligned=True)
    inside = judged_mask(subject)[0].voxels
    error = sct.voxels[inside].astype(float) - subject.ct.voxels[inside]
    assert judged.evaluations["tiny"].body.mae == pytest.approx(np.abs(error).mean())
    assert judged.evaluations["intensity map"].body.mae < judged.evaluations["water"].body.mae


def test_a_subject_that_is_asked_for_is_judged_with_a_warning(run, tiny_store):
    result = judge_cohort(Request(run / "best", tiny_store, subjects=(TRAINED,)))
    assert [(s.subject, s.role) for s in result.subjects] == [(TRAINED, "train")]
    assert any("say nothing about new patients" in note for note in result.notes)
    with pytest.raises(CohortError, match="no subject nobody to evaluate in"):
        judge_cohort(Request(run / "best", tiny_store, subjects=("nobody",)))


def test_new_subjects_are_judged_without_a_map_where_nobody_knows_the_old(
    run, tiny_store, tmp_path
):
    bundle = with_split(run, tmp_path / "other", train=["someone"], test=["head1"])
    result = judge_cohort(Request(bundle, tiny_store))
    assert {s.subject: s.role for s in result.subjects} == {"head1": "test", "head2": "new"}
    assert result.methods == ["tiny", "water"]
    (note,) = result.notes
    assert note.startswith("No intensity map as a baseline")


def test_the_same_scan_under_another_name_is_no_new_patient(run, tiny_store, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    shutil.copytree(tiny_store / TRAINED, store / "renamed")
    shutil.copytree(tiny_store / VALIDATED, store / "nobody")
    for name, fingerprint in (("renamed", f"of {TRAINED}"), ("nobody", "of nobody")):
        record = json.loads((store / name / "subject.json").read_text())
        record["fingerprint"] = fingerprint
        (store / name / "subject.json").write_text(json.dumps(record))
        (store / name / "SHA256SUMS").unlink()
    manifest = json.loads((tiny_store / "manifest.json").read_text())
    manifest["subjects"] = ["nobody", "renamed"]
    (store / "manifest.json").write_text(json.dumps(manifest))
    result = judge_cohort(Request(run / "best", store))
    assert [(s.subject, s.role) for s in result.subjects] == [("nobody", "new")]
    # The training subjects are still in the store that the run names.
    assert "intensity map" in result.methods


def test_a_bundle_without_its_run_says_that_nobody_knows(run, tiny_store, tmp_path):
    shutil.copytree(run / "best", tmp_path / "alone")
    result = judge_cohort(Request(tmp_path / "alone", tiny_store))
    assert {s.role for s in result.subjects} == {"unknown"}
    assert len(result.subjects) == 2
    assert any("is unknown" in note for note in result.notes)


def test_two_bundles_are_judged_on_whom_neither_was_trained(run, tiny_store, tmp_path):
    one = with_split(run, tmp_path / "one", train=["head1"], test=["head2"])
    other = with_split(run, tmp_path / "other", train=["else"], test=["head1"])
    result = judge_cohort(Request(one, tiny_store, against=other))
    assert {s.subject: s.role for s in result.subjects} == {"head2": "test"}
    first, second = (result.of(str(bundle))[0] for bundle in (one, other))
    assert first.to_json() == second.to_json()  # the same weights
    # Of the second, head1 would have been a test subject; the first was trained on it.
    assert any("head1" in note for note in result.notes)


def test_a_folder_of_another_tool_is_judged_on_a_store(run, tiny_store, tmp_path):
    subject = read_subject(tiny_store, VALIDATED)
    write_volume(tmp_path / "made" / f"{VALIDATED}.nii.gz", subject.ct)
    write_volume(tmp_path / "made" / "stranger.nii.gz", subject.ct)
    made = tmp_path / "made"
    result = judge_cohort(Request(made, tiny_store, against=run / "best"))
    (judged,) = result.subjects
    assert judged.subject == VALIDATED
    assert judged.evaluations[str(made)].body.mae == 0
    assert judged.evaluations[str(made)].mask == judged.evaluations["tiny"].mask
    assert result.unmatched == {
        f"no synthetic CT in {made}": [TRAINED],
        f"not in the store {tiny_store}": ["stranger"],
    }
    with pytest.raises(CohortError, match="has masks of its own"):
        judge_cohort(Request(made, tiny_store, mask=made))


def test_a_subject_that_cannot_be_translated_is_named(run, tiny_store, tmp_path):
    store = tmp_path / "store"
    shutil.copytree(tiny_store, store)
    signal = np.load(store / "head1" / "mr-mr.npy")
    np.save(store / "head1" / "mr-mr.npy", np.zeros_like(signal))
    (store / "head1" / "SHA256SUMS").unlink()
    shutil.copytree(run / "best", tmp_path / "alone")
    result = judge_cohort(Request(tmp_path / "alone", store))
    assert [s.subject for s in result.subjects] == ["head2"]
    assert "constant" in result.failed["head1"]


@pytest.fixture(scope="module")
def patched(tmp_path_factory):
    """A translator of random weights that puts its volumes together from patches."""
    torch.manual_seed(3)
    bundle = Bundle(ContextGeneratorConfig(width=2), ("mr",), (4.0, 4.0, 4.0), Patches(whole=False))
    folder = tmp_path_factory.mktemp("patched") / "best"
    write_bundle(folder, bundle, network_of(bundle).state_dict())
    return folder


def test_the_borders_of_patches_are_where_the_steps_are(patched, tiny_store, monkeypatch):
    """With a network that gives each patch one random value, nothing steps elsewhere."""
    generator = np.random.default_rng(7)

    def flat(predict, mr, out, *, head):
        def one_value(seen):
            size = (len(seen), *(n - 16 for n in seen.shape[2:]))
            values = generator.uniform(0.3, 0.9, (len(seen), 1, 1, 1))
            return np.broadcast_to(values, size).astype(np.float32)

        tiling.predict_patches(one_value, mr, out, head=head)

    monkeypatch.setattr("mrtoct.translation.predict_patches.predict_patches", flat)
    subject = read_subject(tiny_store, "head1")
    translator = Translator.load(patched)
    sct = translator.translate(subject.channels, aligned=True).voxels
    inside = judged_mask(subject)[0].voxels & (sct > -1024)
    noise = np.random.default_rng(0).normal(0, 1, sct.shape)
    found = seam(sct, noise, inside, TileGrid(*translator.tiles(subject.mr)))
    assert found.steps > 1000
    assert found.across > 100
    assert found.elsewhere == 0


def test_seams_are_measured_where_a_translator_works_in_patches(patched, run, tiny_store):
    result = judge_cohort(Request(patched, tiny_store, subjects=("head1",)))
    measured = result.of("network")[0].seam
    assert measured.tiles.size == (16, 16, 16)
    assert measured.steps > 1000
    assert {"seam.across", "seam.elsewhere"} <= {m.key for m in result.metrics}
    assert Translator.load(run / "best").tiles(read_subject(tiny_store, "head1").mr) is None
