from dataclasses import replace

import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.judging.metrics.metric import METRICS
from mrtoct.report.headline import comparison, headline, judged, methods_of, number, signed

BODY_MAE = [METRICS["body.mae"]]


def cohort(subject, ours, rivals, role="test"):
    """Subjects with given body MAE: ours a list, rivals a list for each name."""
    made = []
    for n, value in enumerate(ours):
        evaluation = subject.evaluations["u-net"]
        values = {"u-net": value} | {name: each[n] for name, each in rivals.items()}
        made.append(
            replace(
                subject,
                name=f"s{n}",
                role=role,
                evaluations={
                    m: replace(evaluation, body=replace(evaluation.body, mae=v))
                    for m, v in values.items()
                },
            )
        )
    return made


def verdict(subjects):
    chosen, role = judged(subjects)
    methods = methods_of(chosen)
    [row] = comparison(chosen, methods, BODY_MAE)
    return headline(row, methods, role)


def test_clear_win_over_enough_subjects(make_subject):
    result = verdict(
        cohort(make_subject(), [50, 60, 55, 70, 52, 58], {"map": [90] * 6, "water": [200] * 6})
    )
    assert result.standing == "good"
    assert result.sentence == "u-net beats map and water on 6 test subjects."
    assert result.reasons[0].startswith("against map: −32.5 HU, 95 % interval −37")
    assert result.reasons[0].endswith("better in 6 of 6")


def test_few_subjects_are_an_observation(make_subject):
    result = verdict(cohort(make_subject(), [50, 60], {"map": [90, 80], "water": [200, 210]}))
    assert result.standing == "caution"
    assert (
        result.sentence == "u-net has a lower error than map and water in each of 2 test subjects."
    )
    assert "range −40.0 to −20.0" in result.reasons[0]
    assert "not a statistical claim" in result.reasons[-1]


def test_losing_to_one_baseline_is_said_first(make_subject):
    result = verdict(
        cohort(make_subject(), [95, 91, 99, 93, 94, 92], {"map": [90] * 6, "water": [200] * 6})
    )
    assert result.standing == "bad"
    assert result.sentence == "u-net does worse than map on 6 test subjects."


def test_a_win_on_average_hides_no_loss_in_a_tissue(make_subject):
    subjects = cohort(make_subject(), [50] * 7, {"water": [200] * 7})
    for subject in subjects:
        ours = subject.evaluations["u-net"]
        worse = replace(ours, soft_tissue=replace(ours.soft_tissue, mae=99.0))
        subject.evaluations["u-net"] = worse
    rows = comparison(subjects, methods_of(subjects))
    by_key = {r.metric.key: r for r in rows}
    body, others = by_key["body.mae"], [by_key["soft_tissue.mae"], by_key["bone.mae"]]
    assert headline(body, ["u-net", "water"], "test").standing == "good"
    result = headline(body, ["u-net", "water"], "test", others)
    assert result.standing == "caution"
    assert result.reasons[-1] == "But water is better in every subject on MAE, soft tissue."


def test_mixed_outcome_is_undecided(make_subject):
    result = verdict(cohort(make_subject(), [80, 100, 80, 100, 85, 95], {"map": [90] * 6}))
    assert result.standing == "caution"
    assert result.sentence == "u-net does not clearly beat map on 6 test subjects."


def test_validation_subjects_never_make_a_good_verdict(make_subject):
    result = verdict(cohort(make_subject(), [50] * 8, {"map": [90] * 8}, role="validation"))
    assert result.standing == "caution"
    assert "8 validation subjects" in result.sentence
    assert any(reason.startswith("No test subject") for reason in result.reasons)


def test_no_rival_is_no_verdict(make_subject):
    result = verdict(cohort(make_subject(), [50], {}))
    assert result.standing == "caution"
    assert result.sentence == "u-net has no method to compare with on 1 test subject."


def test_test_subjects_speak_alone(subjects):
    chosen, role = judged(subjects)
    assert ([s.name for s in chosen], role) == (["sub-01", "sub-02"], "test")
    assert judged([replace(s, role="train") for s in subjects])[1] == "train"
    with pytest.raises(ValueRangeError, match="at least one subject"):
        judged([])


def test_subjects_need_the_same_methods(subjects):
    odd = replace(subjects[1], evaluations={"u-net": subjects[1].evaluations["u-net"]})
    with pytest.raises(
        ValueRangeError, match="subject sub-02 has evaluations of u-net, but sub-01"
    ):
        methods_of([subjects[0], odd])


def test_numbers_are_typeset():
    assert number(-12345.678, 1) == "−12\u2009345.7"
    assert number(-0.04, 1) == "0.0"
    assert number(float("nan"), 2) == "–"
    assert number(None, 2) == "–"
    assert [signed(v, 1) for v in (2.0, -2.0, 0.0)] == ["+2.0", "−2.0", "0.0"]
