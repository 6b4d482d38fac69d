"""Coarse phantoms, made once."""

from __future__ import annotations

import pytest

from mrtoct.phantom import TINY, PhantomSubject, make_subject


@pytest.fixture(scope="session")
def heads() -> list[PhantomSubject]:
    return [make_subject(seed, TINY) for seed in (1, 2)]


@pytest.fixture(scope="session")
def head(heads) -> PhantomSubject:
    return heads[0]
