"""Heads for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from layered_head import BIG, Tried, ct_of, layered_head
from mrtoct.io.files import write_volume
from mrtoct.simulation.landmarks import Landmarks, find_landmarks
from mrtoct.volume import Array, Grid, Volume


@pytest.fixture(scope="session")
def small() -> Array:
    """A head of layers, not to be changed."""
    head = layered_head()
    head.flags.writeable = False
    return head


@pytest.fixture
def head(small: Array) -> Array:
    """A head of layers to change."""
    return small.copy()


@pytest.fixture(scope="session")
def marks(small: Array) -> Landmarks:
    return find_landmarks(small)


@pytest.fixture(scope="session")
def big() -> Volume:
    """A head of layers of more than half a litre at 1 mm, with the numbers of Tissue."""
    voxels = layered_head(BIG, margin=11)
    i, j, k = voxels.shape
    return Volume(voxels, Grid((i, j, k), np.eye(4)), "label")


@pytest.fixture(scope="session")
def sources(big: Volume, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two label maps and one CT."""
    folder = tmp_path_factory.mktemp("sources")
    write_volume(folder / "labels" / "one.nii.gz", big)
    write_volume(folder / "labels" / "two.nii.gz", big)
    write_volume(folder / "ct" / "three.nii.gz", ct_of(big))
    return folder


@pytest.fixture(scope="session")
def big_ct(big: Volume) -> Volume:
    return ct_of(big)


@pytest.fixture(scope="session")
def tried(small: Array) -> Tried:
    """What a change makes of the small head with ten seeds."""

    def try_out(change: Callable[[Array, np.random.Generator], None]) -> list[Array]:
        heads = []
        for seed in range(10):
            changed = small.copy()
            change(changed, np.random.default_rng(seed))
            heads.append(changed)
        return heads

    return try_out
