"""When a bias field is taken off before a translation: as told, else as the model needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import mrtoct.translation.shading as module
from mrtoct.errors import ValueRangeError
from mrtoct.networks.unet import UNetConfig
from mrtoct.prepare.bias import Corrected
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.geometry import Slices
from mrtoct.translation.guard.seen import SeenChannel, SeenMr
from mrtoct.translation.shading import corrected
from mrtoct.volume import Grid, Volume
from shaded_head import head_on, ramp

GRID = Grid.from_box((-63, -72, -66), (63, 72, 66), (3, 3, 4))
SPACING = (3.0, 3.0, 3.0)
BUNDLE = Bundle(UNetConfig(width=3, depth=3), ("mr",), SPACING, Slices((48, 40)))


def seen(profile: Any) -> SeenMr:
    """What a training remembers; without a profile it showed every contrast."""
    average: Any = None
    return SeenMr(3, SPACING, {"mr": SeenChannel({}, None, profile, 0.0, average, 0.9)})


ANY, ONE = replace(BUNDLE, seen=seen(None)), replace(BUNDLE, seen=seen([[1.0]]))


@pytest.fixture(autouse=True)
def halving(monkeypatch: pytest.MonkeyPatch) -> None:
    def halve(mr: Volume) -> Corrected:
        return Corrected(mr.with_voxels(mr.voxels / 2), 2.5)

    monkeypatch.setattr(module, "correct_bias", halve)


@pytest.fixture(scope="module")
def even() -> Volume:
    return head_on(GRID)


@pytest.fixture(scope="module")
def shaded(even: Volume) -> Volume:
    return even.with_voxels(even.voxels * ramp(GRID, 6.0))


@pytest.mark.parametrize(
    ("bundle", "wanted", "strongly", "why"),
    [
        (BUNDLE, None, True, ""),
        (BUNDLE, True, False, "as asked for"),
        (replace(BUNDLE, bias_corrected=True), None, False, "as in the training"),
        (replace(BUNDLE, bias_corrected=True), False, True, ""),
        (ANY, None, True, "because its brightness drifts by a factor of"),
        (ANY, None, False, ""),
        (ANY, False, True, ""),
        (ONE, None, True, ""),
    ],
)
def test_what_is_corrected(
    bundle: Bundle, wanted: bool | None, strongly: bool, why: str, even: Volume, shaded: Volume
) -> None:
    mr = shaded if strongly else even
    channels, notes = corrected({"mr": mr}, bundle, wanted)
    if not why:
        assert (channels["mr"], notes) == (mr, [])
        return
    assert (channels["mr"].voxels == mr.voxels / 2).all()
    (note,) = notes
    assert (note.weight, note.kind, note.scan) == ("note", "bias-corrected", "MR")
    assert why in note.sentence
    assert note.sentence.endswith("a shading of 2.5:1")


def test_each_channel_has_its_own_shading(even: Volume, shaded: Volume) -> None:
    two = UNetConfig(in_channels=2, width=3, depth=3)
    bundle = replace(ANY, model=two, channels=("mr", "T2"))
    assert bundle.seen is not None
    both = {"mr": bundle.seen.channels["mr"], "T2": bundle.seen.channels["mr"]}
    bundle = replace(bundle, seen=replace(bundle.seen, channels=both))
    channels, notes = corrected({"mr": even, "T2": shaded}, bundle, None)
    assert channels["mr"] is even
    assert channels["T2"] is not shaded
    assert [note.scan for note in notes] == ["MR T2"]


def test_what_shows_no_head_is_left_for_the_guard(
    even: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(mr: Volume) -> Corrected:
        raise ValueRangeError("no head found")

    monkeypatch.setattr(module, "correct_bias", refuse)
    assert corrected({"mr": even}, BUNDLE, True) == ({"mr": even}, [])
