from dataclasses import replace

import pytest

from mrtoct.registration.verdict import Evidence, judge

NONE = float("nan")
CLEAR = Evidence(contrast=0.35, agreeing=9, starts=14, rival=0.8, mirrored=0.92, searched="near")


@pytest.mark.parametrize(
    ("change", "verdict", "word"),
    [
        ({}, "good", "9 of 14"),
        ({"rival": NONE}, "good", "35%"),
        ({"rival": 0.99}, "doubtful", "99%"),
        ({"mirrored": 1.08}, "doubtful", "flipped"),
        ({"contrast": 0.12}, "doubtful", "12%"),
        ({"contrast": 0.22}, "doubtful", "not tried"),
        ({"contrast": 0.22, "searched": "wide"}, "good", "22%"),
        ({"contrast": 0.22, "searched": "wide", "rival": NONE}, "good", "22%"),
        ({"contrast": 0.22, "searched": "wide", "rival": 0.95}, "doubtful", "95%"),
    ],
)
def test_verdict(change: dict, verdict: str, word: str) -> None:
    given, reason = judge(replace(CLEAR, **change))
    assert given == verdict
    assert word in reason
