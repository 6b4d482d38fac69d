"""What a guard that welcomes every contrast says of a new head, of it spoilt, and of no head."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from mrtoct.check.finding import Finding
from mrtoct.errors import ValueRangeError
from mrtoct.io.records import read_record, write_record
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.resample import resample
from mrtoct.translation.guard.collect import seen_of
from mrtoct.translation.guard.doubts import doubts
from mrtoct.translation.guard.quality import _limit
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.volume import Array, Grid, Volume
from spoilt import cut, drifting, turned, with_noise

Change = Callable[[Volume], Volume]


def found(scan: Volume, seen: SeenMr) -> list[Finding]:
    return doubts({"mr": scan}, seen)


def serious(scan: Volume, seen: SeenMr) -> list[str]:
    return [str(f) for f in found(scan, seen) if f.weight != "note"]


def heights(scan: Volume) -> tuple[Array, Array, Array]:
    """The head mask, each slice's depth below the vertex and each row's behind the forehead, mm."""
    mask = head_mask_mr(scan).voxels
    top = np.flatnonzero(mask.any(axis=(0, 1)))[-1]
    below = (top - np.arange(mask.shape[2])) * scan.spacing[2]
    vault = np.flatnonzero(mask[:, :, (below > 30) & (below < 70)].any(axis=(0, 2)))
    behind = (vault[-1] - np.arange(mask.shape[1])) * scan.spacing[1]
    return mask, below[None, None], behind[None, :, None]


def stripped(scan: Volume) -> Volume:
    mask, below, behind = heights(scan)
    padded = np.pad(mask, 1, mode="edge")
    depth = ndimage.distance_transform_edt(padded, sampling=scan.spacing)[1:-1, 1:-1, 1:-1]
    brain = (depth > 16) & (below < 120) & ((below < 90) | (behind > 80))
    return scan.with_voxels(np.where(brain, scan.voxels, 0))


def faceless(scan: Volume) -> Volume:
    _, below, behind = heights(scan)
    return scan.with_voxels(np.where((below > 85) & (behind < 45), 0, scan.voxels))


def eight_bits(scan: Volume) -> Volume:
    bright = np.percentile(scan.voxels, 99.9)
    return scan.with_voxels(np.rint(np.clip(scan.voxels / bright, 0, 1) * 255).astype(np.uint8))


def on_voxels(scan: Volume, spacing: tuple[float, float, float]) -> Volume:
    return resample(scan, scan.grid.upright(spacing), fill=0.0)


def scaled(scan: Volume, factor: float) -> Volume:
    affine = scan.affine @ np.diag([factor, factor, factor, 1])
    return Volume(scan.voxels, Grid(scan.grid.shape, affine), scan.unit)


def thing(grid: Grid, radii: tuple[float, float, float]) -> Volume:
    """A bottle of water, with the noise of a scan."""
    indices = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1)
    inside = ((grid.to_world(indices) - grid.center) / radii) ** 2
    real, other = np.random.default_rng(0).normal(0, 10, (2, *grid.shape))
    water = np.hypot(np.where(inside.sum(axis=-1) < 1, 800, 0) + real, other)
    return Volume(water.astype(np.float32), grid, "a.u.")


@pytest.mark.parametrize("contrast", ["T1", "T2"])
def test_a_new_head_is_welcome_in_either_contrast(
    contrast: str, fine: dict[str, Volume], seen_any: SeenMr
) -> None:
    assert serious(fine[contrast], seen_any) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda s: turned(s, (8, -5, 10)),
        eight_bits,
        lambda s: with_noise(s, 0.02),
        lambda s: cut(s, 2, below=8),
        lambda s: on_voxels(s, (2.2, 2.2, 7)),
        lambda s: scaled(s, 0.88),
    ],
    ids=["oblique", "8 bits", "mild noise", "less neck", "thick slices", "child"],
)
def test_what_the_training_varied_is_passed(
    change: Change, fine: dict[str, Volume], seen_any: SeenMr
) -> None:
    assert serious(change(fine["T2"]), seen_any) == []


@pytest.mark.parametrize(
    ("spoil", "weight", "kind", "words"),
    [
        (stripped, "doubtful", "skull-stripped", "skull and scalp were removed"),
        (faceless, "doubtful", "no-face", "the face was removed: not measured there"),
        (lambda s: turned(s, (0, 180, 0)), "doubtful", "turned", "about the back-front axis"),
        (lambda s: turned(s, (0, 0, 180)), "doubtful", "turned", "about the foot-head axis"),
        (lambda s: turned(s, (90, 0, 0)), "doubtful", "turned", "after a quarter turn"),
        (lambda s: cut(s, 2, above=14), "doubtful", "top-missing", "do not trust the uppermost"),
        (lambda s: cut(s, 0, below=36), "doubtful", "cut", "cuts the head at the left"),
        (lambda s: cut(s, 2, below=36), "doubtful", "reach", "this is a slab"),
        (lambda s: with_noise(s, 0.2), "doubtful", "noise", "use a better scan"),
        (lambda s: drifting(s, 5), "note", "uneven", "the model was trained for up to 5, so"),
        (lambda s: drifting(s, 30), "doubtful", "uneven", "trained for up to 5"),
        (lambda s: on_voxels(s, (2.2, 2.2, 10)), "doubtful", "coarse", "2.2 x 2.2 x 10 mm"),
        (lambda s: on_voxels(s, (3, 3, 3)), "doubtful", "coarse", "2.5 mm in plane"),
        (lambda s: scaled(s, 1.5), "doubtful", "head-size", "is the voxel spacing wrong"),
    ],
)  # fmt: skip
def test_what_is_spoilt_is_named(
    spoil: Change,
    weight: str,
    kind: str,
    words: str,
    fine: dict[str, Volume],
    seen_any: SeenMr,
) -> None:
    named = [f for f in found(spoil(fine["T1"]), seen_any) if f.kind == kind]
    assert [f.weight for f in named] == [weight]
    assert words in named[0].sentence


def test_a_skull_and_a_face_are_missed_in_the_other_contrast_too(
    fine: dict[str, Volume], seen_any: SeenMr
) -> None:
    assert "skull-stripped" in [f.kind for f in found(stripped(fine["T2"]), seen_any)]
    assert "no-face" in [f.kind for f in found(faceless(fine["T2"]), seen_any)]


def test_a_ct_in_any_scale_must_not_be_translated(seen_any: SeenMr) -> None:
    from mrtoct.phantom import TINY, make_subject

    ct = make_subject([6, 2], TINY).ct
    window = np.clip((ct.voxels.astype(np.float32) + 100) / 300, 0, 1) * 255
    for voxels in (ct.voxels, ct.voxels.clip(-1024) + 1024, window):
        (finding,) = found(Volume(voxels, ct.grid, "a.u."), seen_any)
        assert (finding.weight, finding.kind) == ("unusable", "looks-like-ct")


def test_what_is_no_head_must_not_be_translated(fine: dict[str, Volume], seen_any: SeenMr) -> None:
    grid = fine["T1"].grid
    noise = np.random.default_rng(1).rayleigh(50, grid.shape)
    for scan in (
        thing(grid, (70, 70, 70)),
        thing(grid, (75, 95, 90)),
        Volume(noise, grid, "a.u."),
        Volume(np.full(grid.shape, 7, dtype=np.int16), grid, "a.u."),
    ):
        assert [(f.weight, f.kind) for f in found(scan, seen_any)] == [("unusable", "no-head")]


def test_a_record_of_any_contrast_holds_no_contrast(
    seen_any: SeenMr, fine: dict[str, Volume], tmp_path: Path
) -> None:
    write_record(tmp_path, seen_any)
    record = json.loads((tmp_path / "seen.json").read_text())
    assert set(record) == {"subjects", "spacing", "channels"}
    entry = record["channels"]["mr"]
    assert (entry["profile"], entry["scanned"], entry["apart"]) == (None, None, 0.0)
    again = read_record(tmp_path, SeenMr)
    assert again.channels["mr"].profile is None
    spoilt = turned(fine["T1"], (0, 180, 0))
    assert [f.kind for f in found(spoilt, again)] == [f.kind for f in found(spoilt, seen_any)]


def test_nothing_can_be_remembered_of_what_holds_no_head(fine: dict[str, Volume]) -> None:
    empty = fine["T1"].with_voxels(np.zeros(fine["T1"].grid.shape, dtype=np.int16))
    with pytest.raises(ValueRangeError, match="none of the 1 MR shows a head"):
        seen_of([empty])


def test_a_limit_follows_the_training_within_its_bounds() -> None:
    assert _limit(None, (0.06, 0.1)) == 0.06
    assert _limit((0.0, 0.01), (0.06, 0.1)) == 0.06
    assert _limit((0.0, 0.064), (0.06, 0.1)) == pytest.approx(0.08)
    assert _limit((0.0, 0.5), (0.06, 0.1)) == 0.1
