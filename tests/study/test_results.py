"""What may be concluded: paired tests, and warnings that must not be missed."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mrtoct.judging.judged import Judged
from mrtoct.judging.metrics.evaluation import Evaluation, evaluation_of
from mrtoct.study.answers import (
    in_a_sentence,
    map_questions,
    paper_questions,
    signed_rank,
    warnings,
)
from mrtoct.study.experiments import BASELINES, INTENSITY_MAP, Candidate
from mrtoct.study.plan import Plan, Settings, make_plan
from mrtoct.study.results import Results
from mrtoct.training.split import Split
from mrtoct.volume import Grid, Volume


def test_the_signed_rank_test_against_all_signs_by_hand() -> None:
    differences = [0.5, -1.5, 2.5, 3.5, 4.5, 6.0]
    ranks = [1, 2, 3, 4, 5, 6]
    observed = sum(r for r, d in zip(ranks, differences, strict=True) if d > 0)
    sums = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s)
        for signs in product((0, 1), repeat=6)
    ]
    extreme = sum(abs(s - 10.5) >= abs(observed - 10.5) for s in sums) / len(sums)
    assert signed_rank(differences) == pytest.approx(extreme)
    assert math.isnan(signed_rank([0.0, 0.0]))
    assert math.isnan(signed_rank([]))


def an_evaluation() -> Evaluation:
    rng = np.random.default_rng(3)
    grid = Grid((9, 10, 11), np.eye(4))
    ct = Volume(rng.normal(0, 300, grid.shape), grid, "HU")
    return evaluation_of(
        ct.with_voxels(ct.voxels + 1), ct, ct.with_voxels(ct.voxels > -2000, "label"), "all"
    )


def results_of(plan: Plan, errors: dict[str, list[float]]) -> Results:
    """Results in which only the body's MAE differs."""
    names = [f"p{n}" for n in range(len(next(iter(errors.values()))))]
    template = an_evaluation()
    judged = {}
    for method, values in errors.items():
        judged[method] = [
            Judged(
                name,
                "validation",
                {method: replace(template, body=replace(template.body, mae=value))},
            )
            for name, value in zip(names, values, strict=True)
        ]
    methods = [Candidate(name, name, "best") for name in errors if name != INTENSITY_MAP]
    split = Split(["t0", "t1"], names, [])
    return Results(
        Path("study"),
        replace(plan, splits=(split,)),
        "test heads",
        [],
        [*methods, BASELINES[0]],
        judged,
    )


@pytest.fixture(scope="module")
def plan(four: Path) -> Plan:
    return make_plan(four, Settings(), "cpu")


MAP = [100.0, 110, 120, 130, 140, 150]


def test_a_difference_in_every_subject_is_claimed_with_its_figures(plan: Plan) -> None:
    better = [m - 20 - n for n, m in enumerate(MAP)]
    results = results_of(plan, {"unet-mae": MAP, "pix2pix": better, INTENSITY_MAP: MAP})
    (answer,) = (each[0] for each in paper_questions(results))
    assert answer.question.text == "Does the GAN help?"
    assert answer.verdict == "yes"
    assert answer.paired.difference.mean == pytest.approx(-22.5)
    assert answer.p == pytest.approx(2 / 64)
    sentence = in_a_sentence(answer)
    assert sentence.startswith("Does the GAN help? Yes: MAE, body −22.5 HU (95 % interval −")
    assert sentence.endswith("better in 6 of 6, p = 0.031).")


def test_few_subjects_allow_no_claim(plan: Plan) -> None:
    few = results_of(
        plan, {"unet-mae": MAP[:4], "pix2pix": [m - 20 for m in MAP[:4]], INTENSITY_MAP: MAP[:4]}
    )
    (answer,) = (each[0] for each in paper_questions(few))
    assert answer.verdict == "better in 4 of 4, too few subjects to claim"


def test_a_network_that_does_not_beat_the_map_is_named(plan: Plan) -> None:
    results = results_of(
        plan,
        {
            "unet-mae": [m - 30 for m in MAP],
            "pix2pix": [m + 5 for m in MAP],
            "modern": [m + (9 if n % 2 else -10) for n, m in enumerate(MAP)],
            INTENSITY_MAP: MAP,
        },
    )
    assert len(map_questions(results)) == 3
    one, two = warnings(results)
    assert one == (
        "pix2pix does not beat the intensity map: MAE, body 130 HU against 125 HU, better in 0 of "
        "6 subjects."
    )
    assert two.startswith("modern does not clearly beat the intensity map")
