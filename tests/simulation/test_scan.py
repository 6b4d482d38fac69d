"""Scans of a head: seeded, of the size asked for, honest about what they do not show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.anatomy import Anatomy
from mrtoct.simulation.effects import chosen_effects
from mrtoct.simulation.scan import SURROUNDINGS, ScanSettings, draw_raw, draw_scan
from mrtoct.volume import Array

PLAIN = chosen_effects("plain")[1]
ARRAYS = ("mr", "hu", "head", "trusted")


@pytest.fixture(scope="module")
def anatomy(small: Array) -> Anatomy:
    hu = np.where(small == Tissue.AIR, -1000, 30 * small.astype(np.int16)).astype(np.int16)
    return Anatomy(small, hu, np.ones(small.shape, dtype=bool))


def test_a_seed_is_a_scan(anatomy: Anatomy) -> None:
    one, same, other = (
        draw_scan(anatomy, seed, ScanSettings(), size=(48, 32, 64)) for seed in ([1], [1], [2])
    )
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert getattr(one, name).shape == (48, 32, 64)
    assert np.abs(one.mr - other.mr).max() > 0.05


def test_a_whole_head_keeps_its_ct_and_mask(anatomy: Anatomy) -> None:
    scan = draw_scan(anatomy, [1], replace(PLAIN, masked=1.0))
    np.testing.assert_array_equal(scan.hu, anatomy.hu)
    np.testing.assert_array_equal(scan.head, anatomy.tissue != Tissue.AIR)
    assert scan.trusted.all()
    assert scan.mr.dtype == np.float32 and scan.mr.min() == 0 and scan.mr.max() <= 1.5


def test_a_part_lies_somewhere_in_the_head_and_beyond_it_is_air(anatomy: Anatomy) -> None:
    n = anatomy.hu.shape
    scan = draw_scan(anatomy, [3], PLAIN, size=(32, n[1], n[2] + 10))
    whole = np.pad(anatomy.hu, ((0, 0), (0, 0), (10, 10)), constant_values=-1024)
    found = [
        (i, k)
        for i in range(n[0] - 31)
        for k in range(11)
        if np.array_equal(whole[i : i + 32, :, k : k + n[2] + 10], scan.hu)
    ]
    assert len(found) == 1


def test_mr_is_scaled_by_the_percentiles_of_the_head(anatomy: Anatomy) -> None:
    means = []
    for seed in range(6):
        scan = draw_scan(anatomy, [seed], PLAIN, sequence="t1")
        low, high = np.percentile(scan.mr[scan.head], (1, 99))
        assert 0 <= low < 0.15
        means.append(high)
    assert min(means) > 0.7 and max(means) < 1.5


def test_what_is_removed_is_dark_and_not_trusted(anatomy: Anatomy) -> None:
    cut = draw_raw(anatomy, [1], replace(PLAIN, cut=1.0))
    face = draw_raw(anatomy, [1], replace(PLAIN, faceless=1.0))
    for mr, scanned in (cut, face):
        gone = ~scanned.trusted
        assert 0.005 < gone.mean() < 0.6
        assert not mr[gone].any()
    _, j, k = np.argwhere(~face[1].trusted).mean(axis=0) / face[1].trusted.shape
    assert j > 0.55 and k < 0.6
    assert (face[1].tissue[~face[1].trusted] != Tissue.AIR).all()


def test_a_cut_is_never_the_whole_even_of_the_smallest_part(anatomy: Anatomy) -> None:
    """Of 32 voxels three hundredths are less than one: no voxels, counted from the other end."""
    settings = replace(PLAIN, cut=1.0)
    for seed in range(60):
        scan = draw_scan(anatomy, [seed], settings, size=(32, 32, 32))
        assert scan.trusted.mean() > 0.65**2


def test_a_raw_scan_is_what_a_scanner_writes(anatomy: Anatomy) -> None:
    mr, scanned = draw_raw(anatomy, [5], PLAIN, sequence="t1")
    pads = ((SURROUNDINGS, SURROUNDINGS), (SURROUNDINGS, SURROUNDINGS), (0, 0))
    np.testing.assert_array_equal(scanned.tissue, np.pad(anatomy.tissue, pads))
    np.testing.assert_array_equal(scanned.hu, np.pad(anatomy.hu, pads, constant_values=-1000))
    assert mr.dtype == np.int16 and mr.max() > 150
    white, csf, air = (
        mr[scanned.tissue == tissue].mean()
        for tissue in (Tissue.WHITE_MATTER, Tissue.CSF, Tissue.AIR)
    )
    assert white > csf > 3 * air
    gains = {int(draw_raw(anatomy, [s], PLAIN, sequence="t1")[0].max()) for s in range(4)}
    assert len(gains) == 4


def test_an_export_has_eight_bits(anatomy: Anatomy) -> None:
    mr, _ = draw_raw(anatomy, [5], replace(PLAIN, export=1.0), sequence="t1")
    assert 60 < mr.max() <= 255 and len(np.unique(mr)) > 50
    assert draw_raw(anatomy, [5], PLAIN, sequence="t1")[0].max() > 255


@pytest.mark.parametrize("name", ["hair", "headphones", "frame"])
def test_objects_show_in_air_and_their_ct_is_air(name: str, anatomy: Anatomy) -> None:
    bare, _ = draw_raw(anatomy, [5], PLAIN, sequence="t1")
    mr, scanned = draw_raw(anatomy, [5], chosen_effects(name)[1], sequence="t1")
    outside = scanned.tissue == Tissue.AIR
    share = (mr[outside] > 0.02 * mr.max()).mean() - (bare[outside] > 0.02 * bare.max()).mean()
    assert share > 0.003
    assert (scanned.hu[outside] == -1000).all()


def test_a_whole_head_wraps_around_with_its_flesh_not_with_air(anatomy: Anatomy) -> None:
    """A field of view narrower than the head has lost at least 4 mm of it on both sides."""
    beyond = SURROUNDINGS + 8 + 4
    for seed in range(3):
        bare, mr = (
            draw_raw(anatomy, [seed], chosen_effects(effects)[1], sequence="pd")[0]
            for effects in ("plain", "wrap")
        )
        assert bare[:beyond].any() and bare[:, :beyond].any()
        lost = [not mr[:beyond].any(), not mr[:, :beyond].any()]
        assert lost.count(True) == 1


def test_what_a_share_of_zero_leaves_out_draws_nothing(anatomy: Anatomy) -> None:
    """Trainings from before an effect was there see the same scans after it."""
    almost = replace(ScanSettings(), hair=1e-300, flow=1e-300)
    same, drawn = (
        draw_scan(anatomy, [2], settings, sequence="t2") for settings in (ScanSettings(), almost)
    )
    assert not np.array_equal(same.mr, drawn.mr)
    never = replace(ScanSettings(), hair=0.0, headphones=0.0, frame=0.0, flow=0.0)
    np.testing.assert_array_equal(same.mr, draw_scan(anatomy, [2], never, sequence="t2").mr)
