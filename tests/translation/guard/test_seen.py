"""What is kept of the training subjects: ranges, averages, and that a file gives them back."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from mrtoct.check.pair import STATED, position_fits
from mrtoct.errors import BundleError
from mrtoct.io.records import read_record, write_record
from mrtoct.translation.guard.average import average_head, packed, unpacked
from mrtoct.translation.guard.collect import seen_in
from mrtoct.translation.guard.doubts import doubts
from mrtoct.translation.guard.limits import Limit, beyond
from mrtoct.translation.guard.look import measure
from mrtoct.translation.guard.seen import SeenMr, profile_distance, summarise
from mrtoct.volume import Volume


def test_a_record_says_all_of_it(seen: SeenMr, new: dict[str, Volume], tmp_path: Path) -> None:
    write_record(tmp_path, seen)
    again = read_record(tmp_path, SeenMr)
    assert (again.subjects, again.spacing) == (4, (4.0, 4.0, 4.0))
    swapped = {"T1": new["T2"], "T2": new["T1"]}
    assert [str(d) for d in doubts(swapped, again)] == [str(d) for d in doubts(swapped, seen)]
    for name, channel in seen.channels.items():
        copy = again.channels[name]
        assert (copy.numbers, copy.scanned, copy.apart) == (
            channel.numbers, (3.75, 6.0), channel.apart,
        )  # fmt: skip
        np.testing.assert_array_equal(copy.profile, channel.profile)
        np.testing.assert_allclose(copy.average.head, channel.average.head, atol=0.5 / 255 + 1e-6)


def test_a_layer_that_nobody_has_survives(heads: list[dict[str, Volume]], tmp_path: Path) -> None:
    """Voxels of 6 mm have none within 4 mm of the skin."""
    look = measure(heads[0]["T1"], (6.0, 6.0, 6.0))
    assert np.isnan(look.profile[0]).all()
    channel = summarise([look, look])
    write_record(tmp_path, SeenMr(2, (6.0, 6.0, 6.0), {"T1": channel}))
    again = read_record(tmp_path, SeenMr)
    np.testing.assert_array_equal(again.channels["T1"].profile, channel.profile)
    assert profile_distance(again.channels["T1"].profile, look.profile) < 1e-4


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("numbers", {"width": [1]}, "numbers.width.1' is missing"),
        ("profile", [[1.0]], "profile': a profile has"),
        ("average", 3, "average' must be"),
        ("average", {"shape": [3, 3, 3], "head": "eA==", "dark": "eA=="}, "27 voxels holds 0"),
        ("average", {"shape": [3, 3, 3], "head": "AAAA", "dark": "eA=="}, "cannot be unpacked"),
        ("average", {"shape": [3, 10**9, 3], "head": "", "dark": ""}, "sides of an average head"),
        ("fit", "good", "fit' must be a valid number, got 'good'"),
        ("shape", 1, "unknown key 'channels.T1.shape'"),
    ],
)
def test_a_damaged_record_is_named(
    seen: SeenMr, tmp_path: Path, key: str, value: object, message: str
) -> None:
    write_record(tmp_path, seen)
    file = tmp_path / "seen.json"
    record = json.loads(file.read_text())
    record["channels"]["T1"][key] = value
    file.write_text(json.dumps(record))
    with pytest.raises(BundleError) as caught:
        read_record(tmp_path, SeenMr)
    assert str(caught.value).startswith(f"{file} is damaged: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith(
        "; copy it again, or remove it: the guard then makes fewer checks"
    )


def test_the_distance_of_two_profiles_is_wassersteins() -> None:
    """Of two normal distributions of one width it is the difference of their means."""
    rng = np.random.default_rng(0)
    from mrtoct.translation.guard.look import QUANTILES

    a, b = (np.quantile(rng.normal(m, 0.2, 100_000), QUANTILES)[None] for m in (1.0, 1.3))
    assert profile_distance(a, b) == pytest.approx(0.3, abs=0.01)
    missing = np.concatenate([a, np.full_like(a, np.nan)])
    assert profile_distance(missing, np.concatenate([b, b])) == pytest.approx(0.3, abs=0.01)


def test_ranges_span_the_subjects(heads: list[dict[str, Volume]]) -> None:
    looks = [measure(scans["T1"], (4.0, 4.0, 4.0)) for scans in heads[:3]]
    channel = summarise(looks)
    for name, (low, high) in channel.numbers.items():
        values = [look.numbers[name] for look in looks]
        assert min(values) - 1e-4 <= low <= high <= max(values) + 1e-4
    apart = [
        profile_distance(
            looks[n].profile, np.mean([looks[m].profile for m in range(3) if m != n], axis=0)
        )
        for n in range(3)
    ]
    assert channel.apart == pytest.approx(max(apart), rel=0.05)


def test_the_average_of_one_head_is_that_head(heads: list[dict[str, Volume]]) -> None:
    head = measure(heads[0]["T1"], (4.0, 4.0, 4.0)).head
    average = average_head([head])
    fit = position_fits(average, head, [STATED])[STATED]
    itself = position_fits(head, head, [STATED])[STATED]  # soft masks: below Dice 1, correlation 1
    assert itself > 1.4
    assert fit == pytest.approx(itself, abs=0.1)
    again = unpacked(asdict(packed(average)))
    assert position_fits(again, head, [STATED])[STATED] == pytest.approx(fit, abs=0.02)


@pytest.mark.parametrize(
    ("value", "found"), [(119.9, False), (120.1, True), (80.1, False), (79.9, False)]
)
def test_a_limit_is_its_end_and_the_largest_margin(
    value: float, found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = Limit("width", True, "size", "it is {} wide", "mm", 5.0, 0.1, "measure it")
    assert limit.end((90.0, 100.0)) == 110  # a tenth of 100
    assert limit.end((60.0, 100.0)) == 120  # half the length
    assert replace(limit, part=0).end((100.0, 100.0)) == 105  # the absolute one
    assert replace(limit, above=False).end((60.0, 100.0)) == 40
    monkeypatch.setattr("mrtoct.translation.guard.limits.LIMITS", (limit,))
    sentences = [str(f) for f in beyond({"width": value}, {"width": (60.0, 100.0)}, "MR")]
    assert sentences == (
        [f"MR: it is {value:.3g} mm wide, in the training MR 60 to 100: measure it"]
        if found
        else []
    )


def test_a_store_is_looked_at(tiny_store: Path) -> None:
    seen = seen_in(tiny_store, ["head1", "head2"], ("mr",), (4.0, 4.0, 4.0))
    assert seen is not None
    assert seen.subjects == 2
    low, high = seen.channels["mr"].numbers["width"]
    assert 130 < low <= high < 185
    assert seen.channels["mr"].scanned == (3.75, 6.0)
