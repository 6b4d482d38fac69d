"""Scans by number: the same whoever makes them, in order, from any first one on."""

from __future__ import annotations

import multiprocessing
import os
import queue
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError, MrtoctError
from mrtoct.simulation.anatomy import Anatomy, write_anatomy
from mrtoct.simulation.effects import chosen_effects
from mrtoct.simulation.scan import Scan, ScanSettings
from mrtoct.simulation.sources import AnatomyShelf, Source
from mrtoct.simulation.stream import AHEAD, OF_ONE_HEAD, StreamSettings, _send, scan_of_step, scans
from mrtoct.volume import Array

SETTINGS = StreamSettings(size=(32, 32, 32), variants=2, ct_share=0.5, scan=ScanSettings(), seed=11)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    """Two label maps and a CT whose anatomies are on the shelf already."""
    return [
        Source(Path("one.nii"), has_ct=False),
        Source(Path("two.nii"), has_ct=False),
        Source(Path("ct.nii"), has_ct=True),
    ]


@pytest.fixture(scope="module")
def shelf(
    small: Array, sources: list[Source], tmp_path_factory: pytest.TempPathFactory
) -> AnatomyShelf:
    folder = tmp_path_factory.mktemp("shelf")
    for number, source in enumerate(sources):
        hu = np.full(small.shape, 100 * number, np.int16)
        anatomy = Anatomy(small, hu, np.ones(small.shape, dtype=bool))
        write_anatomy(folder / f"{source.name}.npz", anatomy)
        for variant in range(8):
            write_anatomy(folder / f"{source.name}-{variant:03d}.npz", anatomy)
    return AnatomyShelf(folder, chosen_effects("plain")[0], seed=1)


def equal(one: Scan, other: Scan) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("mr", "hu", "head", "trusted")
    )


def test_a_step_decides_its_scan(shelf: AnatomyShelf, sources: list[Source]) -> None:
    three = scan_of_step(3, shelf, sources, SETTINGS)
    assert equal(three, scan_of_step(3, shelf, sources, SETTINGS))
    assert not equal(three, scan_of_step(4, shelf, sources, SETTINGS))


def test_cts_have_their_share_and_label_maps_the_rest(
    shelf: AnatomyShelf, sources: list[Source]
) -> None:
    def head(step: int) -> int:
        return int(scan_of_step(step, shelf, sources, SETTINGS).hu[16, 16, 16])

    from_hu = [head(OF_ONE_HEAD * n) for n in range(40)]
    assert [head(n) for n in range(2 * OF_ONE_HEAD)] == [
        hu for hu in from_hu[:2] for _ in range(OF_ONE_HEAD)
    ]
    counts = {hu: from_hu.count(hu) for hu in (0, 100, 200)}
    assert sum(counts.values()) == 40
    assert 12 <= counts[200] <= 28 and min(counts[0], counts[100]) >= 4
    steps = range(0, 6 * OF_ONE_HEAD, OF_ONE_HEAD)
    only = [scan_of_step(n, shelf, sources[:2], SETTINGS).hu[16, 16, 16] for n in steps]
    assert 200 not in only


def test_workers_give_the_scans_in_order_and_from_any_on(
    shelf: AnatomyShelf, sources: list[Source]
) -> None:
    expected = [scan_of_step(n, shelf, sources, SETTINGS) for n in range(7)]
    with scans(0, shelf, sources, SETTINGS, workers=2) as stream:
        for n in range(7):
            assert equal(next(stream), expected[n]), n
    with scans(5, shelf, sources, SETTINGS, workers=1) as stream:
        assert equal(next(stream), expected[5])
        assert equal(next(stream), expected[6])


def test_what_a_worker_raises_is_raised(
    shelf: AnatomyShelf, sources: list[Source], tmp_path: Path
) -> None:
    absent = [Source(tmp_path / "absent.nii", has_ct=False)]
    with (
        pytest.raises(FileError, match=r"absent.nii does not exist"),
        scans(0, AnatomyShelf(tmp_path, shelf._settings, 1), absent, SETTINGS, workers=1) as stream,
    ):
        next(stream)


def test_a_worker_that_was_killed_is_told_even_in_the_middle_of_a_scan(
    shelf: AnatomyShelf, sources: list[Source]
) -> None:
    """What it had begun to send never ends: waiting for the rest would be for ever."""
    others = {*multiprocessing.active_children()}  # of tests before
    with scans(0, shelf, sources, SETTINGS, workers=1) as stream:
        next(stream)
        (worker,) = {*multiprocessing.active_children()} - others
        worker.kill()
        with pytest.raises(MrtoctError, match="was killed"):
            for _ in range(AHEAD + 2):
                next(stream)


def test_a_worker_ends_when_its_training_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = multiprocessing.Pipe(duplex=False)
    here.close()  # nobody reads any more
    made: queue.Queue[Scan | Exception] = queue.Queue()
    made.put(ValueError("unread"))

    def end(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit):
        _send(made, there)
