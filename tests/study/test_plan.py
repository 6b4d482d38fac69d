"""Which trainings, on whom, and when a result is out of date."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mrtoct.errors import CohortError, RecipeError
from mrtoct.study.experiments import QUESTIONS, paper_experiments
from mrtoct.study.plan import Settings, chosen, make_plan, result_identity, run_identity

CPU = "cpu"


def test_the_papers_experiments_have_the_papers_steps_and_results() -> None:
    experiments = {e.name: e for e in paper_experiments()}
    steps = {name: e.recipe.training.steps for name, e in experiments.items()}
    assert steps["unet-mae"] == 20_542
    assert steps["unet-mae-gdl"] == 19_388
    assert steps["pix2pix"] == 37_832
    assert steps["pix2pix"] + steps["pix2pix-boost"] == 51_911
    cascade = experiments["context-gan"].methods
    assert [m.name for m in cascade] == ["context-gan-1", "context-gan-2", "context-gan-3"]
    assert cascade[1].bundle == "stage-2/whole/best"
    known = {m.name for e in experiments.values() for m in e.methods}
    assert {q.method for q in QUESTIONS} | {q.rival for q in QUESTIONS} <= known


def test_one_split_without_folds_and_everybody_judged_once_with(four: Path) -> None:
    (split,) = make_plan(four, Settings(), CPU).splits
    assert (len(split.train), len(split.validation)) == (3, 1)
    splits = make_plan(four, Settings(folds=4), CPU).splits
    assert sorted(name for s in splits for name in s.validation) == ["s0", "s1", "s2", "s3"]
    assert all(set(s.train) == {"s0", "s1", "s2", "s3"} - set(s.validation) for s in splits)


def test_a_budget_is_shared_by_the_folds(four: Path) -> None:
    plan = make_plan(four, Settings(minutes=10, folds=4), CPU)
    assert sum(e.recipe.training.minutes or 0 for e in plan.experiments) == pytest.approx(2.5)


def test_too_few_subjects_are_told(four: Path, tiny_store: Path) -> None:
    with pytest.raises(CohortError, match="at least 3 subjects"):
        make_plan(tiny_store, Settings(), CPU)
    with pytest.raises(CohortError, match="2 to 4 folds, got 5"):
        make_plan(four, Settings(folds=5), CPU)


def test_three_subjects_in_three_folds_are_enough_and_in_two_are_not(
    four: Path, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(four, store)
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["subjects"] = ["s0", "s1", "s2"]
    (store / "manifest.json").write_text(json.dumps(manifest))
    (store / "SHA256SUMS").unlink()  # as of the manifest before
    assert len(make_plan(store, Settings(folds=3), CPU).splits) == 3
    with pytest.raises(CohortError, match="3 subjects in 2 folds leave 1 for training"):
        make_plan(store, Settings(folds=2), CPU)


def test_fine_tuning_brings_what_it_starts_from(four: Path) -> None:
    plan = make_plan(four, Settings(), CPU)
    assert [e.name for e in chosen(plan, ("pix2pix-boost",))] == ["pix2pix", "pix2pix-boost"]
    assert [e.name for e in chosen(plan, ("modern",))] == ["modern"]
    assert len(chosen(plan, ())) == 6
    with pytest.raises(RecipeError, match="no experiment 'gan'; there are: unet-mae, unet-mae-gdl"):
        chosen(plan, ("modern", "gan"))


def test_an_identity_follows_recipe_data_and_start(four: Path) -> None:
    plan = make_plan(four, Settings(), CPU)
    split = plan.splits[0]
    boost, gan = plan.experiment("pix2pix-boost"), plan.experiment("pix2pix")
    before = run_identity(plan, boost, split)
    assert run_identity(make_plan(four, Settings(), CPU), boost, split) == before

    training = gan.recipe.training.model_copy(update={"seed": 7})
    other = replace(gan, recipe=gan.recipe.model_copy(update={"training": training}))
    changed = replace(plan, experiments=tuple(other if e is gan else e for e in plan.experiments))
    assert run_identity(changed, boost, split) != before
    assert run_identity(changed, plan.experiment("modern"), split) == run_identity(
        plan, plan.experiment("modern"), split
    )

    prepared_anew = replace(plan, fingerprints={**plan.fingerprints, "s1": "another"})
    assert run_identity(prepared_anew, boost, split) != before
    method = boost.methods[0]
    of = {result_identity(p, method, split, run_identity(p, boost, split)) for p in (plan, changed)}
    assert len(of) == 2
