"""Signals of tissues: who is brighter than whom in which sequence."""

from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.contrast import ANY, NULLING, SEQUENCES, draw_signals
from mrtoct.volume import Array

CSF, GREY, WHITE, FAT = Tissue.CSF, Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.FAT


def mean_signals(sequence: str) -> Array:
    drawn = [
        draw_signals(np.random.default_rng(seed), sequence, fat_saturation=0) for seed in range(60)
    ]
    return np.asarray(np.mean(drawn, axis=0))


@pytest.mark.parametrize(
    ("sequence", "falling"),
    [
        ("t1", (FAT, WHITE, GREY, CSF)),
        ("mprage", (FAT, WHITE, GREY, CSF)),
        ("t2", (CSF, GREY, WHITE)),
        ("pd", (GREY, WHITE)),
        ("flair", (GREY, WHITE, CSF)),
        ("t1-contrast", (Tissue.BLOOD, WHITE, CSF)),
    ],
)
def test_tissues_are_as_bright_as_in_books(sequence: str, falling: tuple[Tissue, ...]) -> None:
    signals = mean_signals(sequence)[[*falling]]
    assert (np.diff(signals) < 0).all(), dict(zip(falling, signals, strict=True))


@pytest.mark.parametrize("sequence", [*SEQUENCES, ANY, None])
def test_air_is_silent_bone_nearly_and_nothing_above_one(sequence: str | None) -> None:
    for seed in range(20):
        signals = draw_signals(np.random.default_rng(seed), sequence)
        assert not signals[[Tissue.AIR, Tissue.INNER_AIR, Tissue.METAL]].any()
        assert (signals[[Tissue.CORTICAL_BONE, Tissue.ENAMEL]] <= 0.12).all()
        assert signals.min() >= 0
        # Marrow may have been the brightest before it was made darker.
        assert 0.3 < np.delete(signals, Tissue.DIPLOE).max() <= 1 + 1e-6


@pytest.mark.parametrize("sequence", NULLING)
def test_fluid_is_often_as_dark_as_bone_where_it_is_nulled(sequence: str) -> None:
    drawn = [draw_signals(np.random.default_rng(seed), sequence) for seed in range(100)]
    dark = np.mean([signals[CSF] < 0.1 * signals[WHITE] for signals in drawn])
    assert 0.25 < dark < 0.9
    assert all(signals[Tissue.VITREOUS] <= 1 for signals in drawn)


def test_saturated_fat_is_dark() -> None:
    for seed in range(10):
        open_, closed = (
            draw_signals(np.random.default_rng(seed), "pd", fat_saturation=share)
            for share in (0.0, 1.0)
        )
        ratio = (closed[FAT] / closed[GREY]) / (open_[FAT] / open_[GREY])
        assert 0.05 <= ratio <= 0.4 + 1e-6


def test_seeds_decide() -> None:
    one, same, other = (draw_signals(np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.05


def test_an_unknown_sequence_is_refused() -> None:
    with pytest.raises(ValueRangeError, match=r"contrasts are t1, mprage, .* got 'ct'"):
        draw_signals(np.random.default_rng(1), "ct")
