"""Counts in sentences."""

from __future__ import annotations

import pytest

from mrtoct.wording import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 slices"), (1, "1 slice"), (2, "2 slices"), (21, "21 slices")]
)
def test_only_one_is_singular(count: int, said: str) -> None:
    assert counted(count, "slice") == said


def test_a_plural_of_its_own() -> None:
    assert counted(2, "study", "studies") == "2 studies"
    assert counted(1, "study", "studies") == "1 study"
