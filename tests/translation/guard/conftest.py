"""Coarse phantoms in two contrasts: four that a translator was trained on, one that is new."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mrtoct.phantom import TINY, make_subject
from mrtoct.translation.guard.collect import seen_of
from mrtoct.translation.guard.look import measure
from mrtoct.translation.guard.seen import SeenMr, summarise
from mrtoct.volume import Volume

SPACING = (4.0, 4.0, 4.0)
Scans = dict[str, Volume]


@pytest.fixture(scope="session")
def heads() -> list[Scans]:
    settings = replace(TINY, contrasts=("T1", "T2"))
    return [make_subject([5, n], settings).mr for n in range(5)]


@pytest.fixture(scope="session")
def new(heads: list[Scans]) -> Scans:
    return heads[4]


@pytest.fixture(scope="session")
def seen(heads: list[Scans]) -> SeenMr:
    channels = {
        name: summarise(
            [measure(scans[name], SPACING) for scans in heads[:4]],
            [scans[name].spacing for scans in heads[:4]],
        )
        for name in ("T1", "T2")
    }
    return SeenMr(4, SPACING, channels)


@pytest.fixture(scope="session")
def seen_t1(seen: SeenMr) -> SeenMr:
    return SeenMr(4, SPACING, {"T1": seen.channels["T1"]})


FINE = replace(
    TINY,
    anatomy_spacing=2.0,
    mr_shape=(104, 104, 56),
    mr_spacing=(2.2, 2.2, 3.5),
    contrasts=("T1", "T2"),
)
"""As coarse in plane as a model for any contrast takes them."""


@pytest.fixture(scope="session")
def fine_heads() -> list[Scans]:
    return [make_subject([6, n], FINE).mr for n in range(3)]


@pytest.fixture(scope="session")
def fine(fine_heads: list[Scans]) -> Scans:
    """A head that no training has seen."""
    return fine_heads[2]


@pytest.fixture(scope="session")
def seen_any(fine_heads: list[Scans]) -> SeenMr:
    """What a training on two heads, one a contrast, remembers where any contrast is welcome."""
    return seen_of([fine_heads[0]["T1"], fine_heads[1]["T2"]], spacing=(2.0, 2.0, 2.0))
