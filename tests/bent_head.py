"""Phantom pairs whose MR was scanned in another posture, small enough for tests."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from mrtoct.phantom import DEMO, PhantomSubject, make_subject
from mrtoct.phantom.posture import Posture
from mrtoct.registration.regions import Regions, find_regions

SETTINGS = replace(
    DEMO,
    anatomy_spacing=2.0,
    ct_shape=(76, 80, 72),
    ct_spacing=(3.0, 3.0, 3.0),
    mr_shape=(76, 80, 56),
    mr_spacing=(3.0, 3.0, 4.0),
    metal_probability=0.0,
    lesion_probability=0.0,
)
"""To the chin and the third vertebra."""


@cache
def bent_head(jaw: float = 0.0, neck: float = 0.0, seed: int = 3) -> PhantomSubject:
    return make_subject(seed, replace(SETTINGS, posture=Posture(jaw, neck)))


@cache
def regions_of(seed: int = 3) -> Regions:
    regions = find_regions(bent_head(seed=seed).ct)
    assert regions is not None
    return regions


def region_points(number: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Indices and world points of the head in one region, where the MR was measured, too."""
    head = bent_head(seed=seed)
    index = np.argwhere(head.labels.voxels > 0)
    points = head.ct.grid.to_world(index)
    to_mr = head.ct_to_mr
    mr = head.mr["T1"].grid
    place = mr.to_index(points @ to_mr[:3, :3].T + to_mr[:3, 3])
    seen = ((place > 1) & (place < np.array(mr.shape) - 2)).all(axis=1)
    wanted = seen & (regions_of(seed).number(points) == number)
    return index[wanted], points[wanted]


def true_displacement(head: PhantomSubject, index: np.ndarray) -> np.ndarray:
    if head.displacement is None:
        return np.zeros(index.shape)
    return np.asarray(head.displacement[tuple(index.T)])
