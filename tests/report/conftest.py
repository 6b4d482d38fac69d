"""Small made-up subjects, asymmetric along every axis so that a flipped picture is noticed."""

from contextlib import ExitStack

import numpy as np
import pytest

from browser import NoBrowserError, chromium
from mrtoct.judging.baselines import water
from mrtoct.judging.metrics.evaluation import evaluation_of
from mrtoct.report.contents import SubjectResult
from mrtoct.volume import Grid, Volume

RAS = np.array([[3.0, 0, 0, -30], [0, 2.5, 0, -40], [0, 0, 4, -10], [0, 0, 0, 1]])


def make_subject(name="sub-01", role="test", seed=0, affine=RAS, noise=20.0):
    """A box-shaped head in air; bone fills its right, anterior, superior octant."""
    generator = np.random.default_rng(seed)
    grid = Grid((23, 29, 17), affine)
    mask = np.zeros(grid.shape, dtype=bool)
    mask[3:20, 4:26, 2:15] = True
    ct = np.where(mask, 40.0, -1000.0)
    ct[12:18, 16:24, 9:14] = 1000
    ct[5:8, 6:9, 4:7] = -900
    ct += generator.normal(0, 5, grid.shape)
    sct = np.where(mask, ct + generator.normal(0, noise, grid.shape) - 10, -1024)
    mr = np.where(mask, 500 + 0.2 * np.abs(ct), 0) + generator.normal(0, 5, grid.shape)
    volumes = {
        "mr": Volume(mr.astype(np.float32), grid, "a.u."),
        "ct": Volume(ct.astype(np.float32), grid, "HU"),
        "sct": Volume(sct.astype(np.float32), grid, "HU"),
        "mask": Volume(mask, grid, "label"),
    }
    evaluations = {
        "u-net": evaluation_of(volumes["sct"], volumes["ct"], volumes["mask"], "made-up box"),
        "water": evaluation_of(
            volumes["ct"].with_voxels(water(mask)), volumes["ct"], volumes["mask"], "made-up box"
        ),
    }
    return SubjectResult(name, role, **volumes, evaluations=evaluations)


@pytest.fixture(name="make_subject", scope="session")
def make_subject_fixture():
    return make_subject


@pytest.fixture(scope="session")
def subjects():
    return [
        make_subject("sub-01", "test", 1),
        make_subject("sub-02", "test", 2, noise=60),
        make_subject("sub-10", "validation", 3, noise=40),
    ]


@pytest.fixture(scope="module")
def tab():
    """A tab of a browser; tests that need one skip where there is none."""
    with ExitStack() as stack:
        try:
            page = stack.enter_context(chromium())
        except NoBrowserError as error:
            pytest.skip(str(error))
        yield page
