"""Effects by name."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.simulation.anatomy import AnatomySettings
from mrtoct.simulation.effects import EFFECTS, SELDOM, chosen_effects
from mrtoct.simulation.scan import ScanSettings
from mrtoct.simulation.warp import WarpSettings


def shares(wanted: str) -> dict[str, float]:
    """Every share by its key."""
    anatomy, scan = chosen_effects(wanted)
    sections = {**asdict(anatomy), "scan": asdict(scan)}
    keys = {key for keys in EFFECTS.values() for key in keys}
    return {key: sections[key.split(".")[0]][key.split(".")[1]] for key in keys}


def test_named_effects_always_happen_and_others_never() -> None:
    got = shares("bias, fillings")
    assert {key for key, share in got.items() if share} == {
        "scan.bias",
        "bone.teeth",
        "bone.metal",
    }
    assert set(got.values()) == {0.0, 1.0}


def test_plain_is_nothing_at_all() -> None:
    assert set(shares("plain").values()) == {0.0}
    anatomy, scan = chosen_effects("plain")
    assert anatomy.warp == WarpSettings(rotation=0, scale=0, bends=(), mirror=0)
    assert scan.noise == 0
    assert scan.bias_ratio == ScanSettings().bias_ratio


def test_all_is_what_a_training_has_and_a_little_of_the_rest() -> None:
    anatomy, scan = chosen_effects("all")
    assert anatomy.warp == WarpSettings() and scan.noise == ScanSettings().noise
    assert anatomy.bone == AnatomySettings().bone and anatomy.brain == AnatomySettings().brain
    assert scan.wrap == ScanSettings().wrap
    assert anatomy.cavities.ear_canals == scan.hair == scan.flow == scan.frame == SELDOM


def test_shape_and_noise_are_effects_too() -> None:
    assert chosen_effects("shape")[0].warp == WarpSettings()
    assert chosen_effects("noise")[1].noise == ScanSettings().noise
    assert chosen_effects("shape")[1].noise == 0


def test_a_wrong_name_names_the_nearest() -> None:
    with pytest.raises(ValueRangeError, match="'gost' is not an effect; did you mean ghost\\?"):
        chosen_effects("bias,gost")
    with pytest.raises(ValueRangeError, match="no effect is given"):
        chosen_effects(" ,")
