"""Two MR channels the whole way: prepared, trained on, translated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import CohortError
from mrtoct.judging.baselines import fitted_map
from mrtoct.judging.run import SCT, judge_run
from mrtoct.judging.store import baseline_of, choose, subjects_of
from mrtoct.phantom import TINY, PhantomSubject, make_subject
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.prepare.store import Manifest, read_subject, write_manifest, write_subject
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject
from mrtoct.report.of_run import contents_of_run
from mrtoct.resample import resample
from mrtoct.sampling.slices import SliceSet
from mrtoct.sampling.subjects import load_subject
from mrtoct.training.run import read_run
from mrtoct.training.train import train
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume
from recipes import tiny_recipe

CHANNELS = ("T1", "T2")


@pytest.fixture(scope="module")
def head() -> PhantomSubject:
    return make_subject(1, replace(TINY, contrasts=CHANNELS))


@pytest.fixture(scope="module")
def store(head: PhantomSubject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("two") / "store"
    settings = PrepareSettings(spacing=(4.0, 4.0, 4.0), channels=CHANNELS, judge_given=False)
    for name in ("a", "b"):
        on_ct = {
            c: resample(mr, head.ct.grid, fill=0, transform=head.ct_to_mr)
            for c, mr in head.mr.items()
        }
        raw = RawSubject(name, on_ct, head.ct, aligned=True)
        write_subject(store, prepare_subject(raw, settings))
    write_manifest(store, Manifest({}, CHANNELS, ["a", "b"], {}, {"b": "it is flat"}))
    return store


@pytest.fixture(scope="module")
def run(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("two") / "run"
    train(store, run, tiny_recipe(split={"keep_doubtful": True, "validation": 0.5}))
    return run


def test_slices_hold_the_channels_in_order_each_scaled_by_itself(store: Path) -> None:
    subject = read_subject(store, "a")
    width, height, _ = subject.ct.grid.shape
    loaded = load_subject(
        store, "a", channels=("T2", "T1"), spacing=(4.0, 4.0, 4.0), scaling=MrScaling()
    )
    slices = SliceSet([loaded], size=(width, height), window=HuWindow())
    shown = slices.batch([5]).mr[0].numpy()
    k = subject.kept_slices[5]
    for image, name in zip(shown, ("T2", "T1"), strict=True):
        head = subject.with_channels(("T2",)).mr_head
        expected = MrScaling().apply(subject.channels[name].voxels, head.voxels)
        np.testing.assert_allclose(image, expected[:, :, k].T, atol=1e-3)


def test_the_head_is_that_on_the_first_channel_taken(store: Path) -> None:
    subject = read_subject(store, "a")
    assert subject.with_channels(()).channels == subject.channels
    assert subject.with_channels(("T1",)).mr_head is subject.mr_head
    swapped = subject.with_channels(("T2", "T1"))
    assert list(swapped.channels) == ["T2", "T1"]
    expected = head_mask_mr(subject.channels["T2"]).voxels
    np.testing.assert_array_equal(swapped.mr_head.voxels, expected)
    with pytest.raises(CohortError, match="a has no MR channel PD; it has T1, T2"):
        subject.with_channels(("T1", "PD"))


def test_the_bundle_knows_its_channels(run: Path) -> None:
    bundle, network = read_bundle(run / "best")
    assert bundle.channels == CHANNELS
    assert network.config.in_channels == 2


def test_a_recipe_may_take_some_of_the_channels(store: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        split={"keep_doubtful": True, "validation": 0.5}, data={"channels": ["T2"]}
    )
    best = train(store, tmp_path / "run", recipe)
    assert read_bundle(best)[0].channels == ("T2",)
    # Judged on what it was trained on, beside a map from T2.
    (result,) = contents_of_run(tmp_path / "run", judge_run(tmp_path / "run")).subjects
    subject = read_subject(store, result.name)
    np.testing.assert_array_equal(result.mr.voxels, subject.channels["T2"].voxels)
    translator = Translator.load(best, "cpu")
    alone = translator.translate(subject.channels["T2"])
    np.testing.assert_array_equal(result.sct.voxels, alone.voxels)
    on_t1 = fitted_map(store, ["a"], (), MrScaling())
    on_t2 = fitted_map(store, ["a"], ("T2",), MrScaling())
    assert on_t1.hu != on_t2.hu
    mapped, _ = baseline_of(store, best, translator.bundle)
    assert mapped is not None
    (judged,) = subjects_of(store, choose(store, [], [best]).roles)
    made = mapped.make(judged).sct
    scaled = MrScaling().apply(
        subject.channels["T2"].voxels, subject.with_channels(["T2"]).mr_head.voxels
    )
    inside = subject.head.voxels & subject.covered.voxels
    np.testing.assert_array_equal(made.voxels, on_t2.apply(scaled, inside))
    wrong = tiny_recipe(data={"channels": ["T1", "FLAIR"]})
    with pytest.raises(CohortError, match="needs the MR channels T1, FLAIR; the store has T1, T2"):
        train(store, tmp_path / "other", wrong)
    assert not (tmp_path / "other").exists()


def test_doubtful_subjects_are_left_out_unless_asked_for(store: Path, run: Path, tmp_path: Path):
    train(store, tmp_path / "run", tiny_recipe())
    assert read_run(tmp_path / "run").split.train == ["a"]
    split = read_run(run).split
    assert sorted([*split.train, *split.validation]) == ["a", "b"]
    none = Manifest({}, CHANNELS, ["a", "b"], {}, {"a": "it is flat", "b": "it is round"})
    other = tmp_path / "store"
    for name in ("a", "b"):
        write_subject(other, read_subject(store, name))
    write_manifest(other, none)
    with pytest.raises(CohortError, match="a: it is flat; pass keep_doubtful=True"):
        train(other, tmp_path / "none", tiny_recipe())


def test_translation_wants_every_channel_and_registers_them(
    head: PhantomSubject, run: Path
) -> None:
    translator = Translator.load(run / "best", "cpu")
    with pytest.raises(CohortError, match="needs the MR channels T1, T2; it was given one MR"):
        translator.translate(head.mr["T1"])
    with pytest.raises(CohortError, match="has the MR channels T1, T2, not FLAIR"):
        translator.translate({**head.mr, "FLAIR": head.mr["T1"]})
    expected = translator.translate(head.mr)
    # T2 in a frame of its own, as if its origin had been lost.
    t2 = head.mr["T2"]
    affine = t2.affine.copy()
    affine[:3, 3] += (9, -7, 5)
    moved = Volume(t2.voxels, replace(t2.grid, affine=affine), "a.u.")
    found = translator.translate({"T1": head.mr["T1"], "T2": moved})
    ignored = translator.translate({"T1": head.mr["T1"], "T2": moved}, aligned=True)

    def difference(sct: Volume) -> float:
        return float(np.abs(sct.voxels.astype(float) - expected.voxels).mean())

    assert difference(found) < 0.2 * difference(ignored)


def test_a_run_is_judged_on_all_channels(run: Path) -> None:
    (judged,) = judge_run(run).subjects
    assert judged.subject in ("a", "b")
    assert (run / "evaluation" / judged.subject / SCT).is_file()
    assert judged.evaluations["tiny"].body.mae > 0


def test_a_channel_that_does_not_fit_is_told(head: PhantomSubject, run: Path) -> None:
    noise = np.random.default_rng(1).gamma(2.0, 100.0, head.mr["T2"].grid.shape)
    other = head.mr["T2"].with_voxels(noise.astype(np.float32))
    doubts: list[str] = []
    translator = Translator.load(run / "best", "cpu")
    translator.translate({"T1": head.mr["T1"], "T2": other}, on_doubt=doubts.append)
    assert len(doubts) == 1
    assert doubts[0].startswith("the registration of MR channel T2 is doubtful: ")
    translator.translate(head.mr, aligned=True, on_doubt=doubts.append)
    assert len(doubts) == 1
