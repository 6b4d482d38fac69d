"""What is said of a new head, of the same head spoilt, and of what is no head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mrtoct.translation.guard.doubts import doubts
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.volume import Grid, Volume
from spoilt import cut, drifting, turned, with_noise


def z_scores(scan: Volume) -> Volume:
    return scan.with_voxels((scan.voxels - scan.voxels.mean()) / scan.voxels.std())


def kinds(mr: dict[str, Volume], seen: SeenMr | None) -> set[str]:
    return {doubt.kind for doubt in doubts(mr, seen)}


def test_a_new_head_is_like_the_others(new: dict[str, Volume], seen: SeenMr) -> None:
    assert doubts(new, seen) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda scan: turned(scan, (0, 0, 8)),
        lambda scan: scan.with_voxels(scan.voxels * np.float32(31.7)),
        lambda scan: cut(scan, 2, below=1),
        lambda scan: with_noise(scan, 0.01),
        lambda scan: Volume(
            scan.voxels[::-1].swapaxes(0, 2),
            Grid(
                (scan.grid.shape[2], scan.grid.shape[1], scan.grid.shape[0]),
                scan.affine
                @ np.array(
                    [[0, 0, -1, scan.grid.shape[0] - 1], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
                ),
            ),
            scan.unit,
        ),
    ],
    ids=["turned a little", "gain", "a slice less", "mild noise", "stored otherwise"],
)
def test_what_does_no_harm_is_passed(
    change: Callable[[Volume], Volume], new: dict[str, Volume], seen_t1: SeenMr
) -> None:
    assert doubts({"T1": change(new["T1"])}, seen_t1) == []


@pytest.mark.parametrize("known", [True, False])
def test_a_shading_of_five_to_one_is_found_in_any_head(
    known: bool, new: dict[str, Volume], seen_t1: SeenMr
) -> None:
    seen = seen_t1 if known else None
    assert "uneven" not in kinds({"T1": new["T1"]}, seen)
    (found,) = [f for f in doubts({"T1": drifting(new["T1"], 5)}, seen) if f.kind == "uneven"]
    assert found.weight == "doubtful"
    assert str(found).endswith("; pass bias_correct=True to correct the bias field first")
    spelt = found.spelt(lambda switch: "--" + switch.replace("_", "-"))
    assert spelt.sentence.endswith("; pass --bias-correct to correct the bias field first")
    assert spelt.way_out is None


def test_z_scores_look_like_the_scan_they_were_made_from(
    new: dict[str, Volume], seen_t1: SeenMr
) -> None:
    assert doubts({"T1": z_scores(new["T1"])}, seen_t1) == []


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (lambda s: turned(s, (0, 180, 0)), "turned", "180 degrees about the back-front axis"),
        (lambda s: turned(s, (0, 0, 180)), "turned", "180 degrees about the foot-head axis"),
        (lambda s: turned(s, (90, 0, 0)), "turned", "after a quarter turn"),
        (lambda s: s.with_voxels(s.voxels[:, ::-1]), "turned", "correct the orientation"),
        (lambda s: cut(s, 2, above=7), "top-missing", "the top of the head"),
        (lambda s: cut(s, 1, above=20), "cut", "cuts the head at the front"),
        (lambda s: cut(s, 0, below=22), "cut", "cuts the head at the left"),
        (lambda s: cut(s, 2, below=12), "reach", "in view down to"),
        (lambda s: with_noise(s, 0.1), "background", "noise"),
        (
            lambda s: Volume(
                s.voxels, Grid(s.grid.shape, s.affine @ np.diag([1.3, 1.3, 1, 1])), s.unit
            ),
            "head-size",
            "wrong voxel spacing",
        ),
        (
            lambda s: Volume(
                s.voxels[:, :, ::2], Grid((64, 64, 16), s.affine @ np.diag([1, 1, 2, 1])), s.unit
            ),
            "coarse",
            "3.75 x 3.75 x 12 mm, in the training MR 6 mm",
        ),
        (
            lambda s: s.with_voxels(np.minimum(s.voxels, np.percentile(s.voxels, 80))),
            "saturated",
            "bright tissue was clipped",
        ),
    ],
)  # fmt: skip
def test_what_is_spoilt_is_found(
    spoil: Callable[[Volume], Volume],
    kind: str,
    words: str,
    new: dict[str, Volume],
    seen_t1: SeenMr,
) -> None:
    found = [d for d in doubts({"T1": spoil(new["T1"])}, seen_t1) if d.kind == kind]
    assert words in " ".join(d.sentence for d in found)


def test_another_contrast_is_found(new: dict[str, Volume], seen_t1: SeenMr) -> None:
    (doubt,) = [d for d in doubts({"T1": new["T2"]}, seen_t1) if d.kind == "contrast"]
    assert "below the skin its median signal is" in doubt.sentence


def test_exchanged_channels_are_named(new: dict[str, Volume], seen: SeenMr) -> None:
    swapped = {"T1": new["T2"], "T2": new["T1"]}
    found = [d for d in doubts(swapped, seen) if d.kind == "exchanged"]
    assert [d.scan for d in found] == ["MR T1", "MR T2"]
    assert "looks like the training's T2, not like its T1" in found[0].sentence


def test_a_ct_is_named(seen_t1: SeenMr) -> None:
    from mrtoct.phantom import TINY, make_subject

    assert kinds({"T1": make_subject([5, 4], TINY).ct}, seen_t1) == {"looks-like-ct"}


def test_a_ball_of_water_is_no_head(new: dict[str, Volume], seen_t1: SeenMr) -> None:
    grid = new["T1"].grid
    points = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1))
    inside = np.linalg.norm(points - grid.center, axis=-1) < 70
    scan = with_noise(Volume(inside * 800, grid, "a.u."), 0.01)
    assert {"strange", "head-size"} <= kinds({"T1": scan}, seen_t1)


def test_a_thin_thing_is_no_head(new: dict[str, Volume], seen_t1: SeenMr) -> None:
    stick = np.zeros(new["T1"].grid.shape, dtype=np.int16)
    stick[30:34, 30:34] = 500
    (doubt,) = doubts({"T1": new["T1"].with_voxels(stick)}, seen_t1)
    assert (doubt.kind, doubt.weight) == ("no-head", "unusable")


def test_where_nothing_is_known_only_what_is_odd_anywhere_is_found(
    new: dict[str, Volume],
) -> None:
    assert doubts({"mr": new["T2"]}, None) == []
    assert "not-upright" in kinds({"mr": turned(new["T1"], (0, 180, 0))}, None)
