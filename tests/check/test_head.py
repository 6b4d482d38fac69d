"""Heads that are cut, turned or of the wrong size."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.check.head import check_facing, check_head, measure_head
from mrtoct.prepare.mask import head_mask_ct
from mrtoct.volume import Grid, Volume


@pytest.fixture(scope="module")
def ct(phantom):
    return phantom.ct.with_voxels(np.maximum(phantom.ct.voxels, -1024))


@pytest.fixture(scope="module")
def head(ct):
    return head_mask_ct(ct)


def kinds(findings):
    return [f.kind for f in findings]


def stated(volume: Volume, turn) -> Volume:
    """The same voxels in a file that states another orientation: world axes turned."""
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    return Volume(volume.voxels, Grid(volume.grid.shape, matrix @ volume.affine), volume.unit)


def cropped(volume, axis, start, stop):
    box = [slice(0, n) for n in volume.grid.shape]
    box[axis] = slice(start, stop)
    return volume.cropped(tuple(box))


def test_a_known_body_is_measured():
    # An ellipsoid of 150 x 190 mm on a neck that leaves the field of view at the bottom.
    grid = Grid.from_box((-100, -120, -120), (100, 120, 120), (2, 2, 3))
    x, y, z = np.moveaxis(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)), -1, 0)
    body = (x / 75) ** 2 + (y / 95) ** 2 + (z / 100) ** 2 < 1
    neck = (np.hypot(x, y) < 50) & (z < 0)
    facts = measure_head(Volume(body | neck, grid, "label"))
    assert facts.width_mm == pytest.approx(150, abs=6)
    assert facts.length_mm == pytest.approx(190, abs=7)
    assert facts.cut_cm2["bottom"] == pytest.approx(np.pi * 5**2, rel=0.02)
    assert facts.cut["bottom"] == pytest.approx(50**2 / (75 * 95), rel=0.02)
    assert {facts.cut_cm2[s] for s in ("right", "left", "front", "back", "top")} == {0}
    assert check_head(facts, "CT") == []


def test_the_sides_are_the_worlds_however_the_voxels_are_stored(head):
    grid = head.grid
    back = np.eye(4)
    back[:3] = [[-1, 0, 0, grid.shape[0] - 1], [0, 0, 1, 0], [0, 1, 0, 0]]
    stored = head.voxels[::-1].transpose(0, 2, 1)
    other = Volume(stored, Grid(stored.shape, grid.affine @ back), "label")
    # Which 50 000 voxels are sampled differs.
    assert measure_head(other).cut == measure_head(head).cut
    assert measure_head(other).length_mm == pytest.approx(measure_head(head).length_mm, abs=1)


def test_a_whole_head_is_fine(ct, head):
    assert check_head(measure_head(head), "CT") == []
    assert check_facing(ct, head.voxels) == []


@pytest.mark.parametrize(
    ("axis", "start", "stop", "kind", "words"),
    [
        (2, 0, 25, "top-missing", "the top of the head"),
        (1, 0, 50, "cut", "cuts the head at the front, through the face"),
        (1, 16, 64, "cut", "cuts the head at the back"),
        (0, 0, 44, "cut", "cuts the head at the right"),
        (0, 20, 64, "cut", "cuts the head at the left"),
    ],
)
def test_what_is_out_of_view_is_named(head, axis, start, stop, kind, words):
    findings = check_head(measure_head(cropped(head, axis, start, stop)), "MR")
    assert kinds(findings) == [kind]
    assert words in findings[0].sentence


UPSIDE_DOWN = np.diag([1, -1, -1])
ON_ITS_SIDE = np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])
ON_ITS_FACE = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (UPSIDE_DOWN, "continues at the top"),
        (ON_ITS_SIDE, "continues at the left"),
        (ON_ITS_FACE, "continues at the front"),
    ],
)
def test_a_head_that_is_not_upright_is_named(head, turn, words):
    (finding,) = check_head(measure_head(stated(head, turn)), "MR")
    assert (finding.weight, finding.kind) == ("doubtful", "not-upright")
    assert words in finding.sentence


def test_a_head_that_looks_backwards_is_named(ct, head):
    turned = stated(ct, np.diag([-1, -1, 1]))
    (finding,) = check_facing(turned, head.voxels)
    assert finding.kind == "not-facing"
    assert "mm behind its middle" in finding.sentence
    sideways = stated(ct, [[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    (finding,) = check_facing(sideways, head.voxels)
    assert "to one side of its middle" in finding.sentence


def test_a_body_without_a_neck_is_no_head(head):
    inner = np.zeros_like(head.voxels)
    inner[:, :, 5:] = head.voxels[:, :, 5:]
    (finding,) = check_head(measure_head(head.with_voxels(inner)), "CT")
    assert finding.kind == "no-neck"


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1.5, "another part of the body"), (0.62, "an infant"), (0.1, "or is there no head")],
)
def test_a_wrong_spacing_is_a_wrong_size(head, factor, words):
    scaled = Grid(head.grid.shape, head.affine @ np.diag([factor, factor, factor, 1]))
    facts = measure_head(Volume(head.voxels, scaled, "label"))
    (finding,) = check_head(facts, "MR")
    assert finding.kind == "head-size"
    assert words in finding.sentence
    assert f"{facts.width_mm:.0f} mm wide" in finding.sentence
