"""JSON without NaN."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mrtoct.io.json_text import json_text


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def test_what_is_not_finite_is_null_at_any_depth() -> None:
    value = {
        "a": [1.5, float("nan"), (2, float("-inf"))],
        "b": {"c": np.float64("inf")},
        "d": "NaN",
    }
    read = json.loads(json_text(value), parse_constant=refuse)
    assert read == {"a": [1.5, None, [2, None]], "b": {"c": None}, "d": "NaN"}


def test_what_json_does_not_know_is_an_error() -> None:
    with pytest.raises(TypeError):
        json_text({"a": object()})
