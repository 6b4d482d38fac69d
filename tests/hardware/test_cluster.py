"""A real cluster on this machine whose workers are killed: one job again, the same results."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from mrtoct.check.cohort import check_cohort
from mrtoct.datasets.listing import list_subjects
from mrtoct.errors import FileError, MrtoctError, ValueRangeError
from mrtoct.hardware import cluster
from mrtoct.hardware.cluster import spread
from mrtoct.hardware.progress import Update
from mrtoct.phantom import TINY
from mrtoct.phantom.cohort import write_cohort
from mrtoct.prepare.cohort import prepare_cohort
from mrtoct.prepare.subject import PrepareSettings


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "source"
    for name in write_cohort(folder, 3, settings=TINY):  # registered already, to be quick
        shutil.copy(folder / name / "truth" / "ct_to_mr.tfm", folder / name)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_what_a_killed_worker_was_at_is_done_again_and_nothing_else(
    scheduler: str, tmp_path: Path
) -> None:
    jobs = pytest.importorskip("cluster_jobs")
    results = []
    for result in spread(jobs.squared, [(tmp_path, n) for n in range(8)], 1, scheduler):
        results.append(result)
        (tmp_path / f"fetched-{math.isqrt(result)}").touch()
    assert sorted(results) == [n * n for n in range(8)]
    begun = Counter(map(int, (tmp_path / "begun").read_text().split()))
    assert begun == {n: 1 + (n == 2) for n in range(8)}


def test_a_store_is_the_same_to_the_bit_though_a_worker_was_killed(
    scheduler: str, source: Path, tmp_path: Path
) -> None:
    from distributed import Client

    settings = PrepareSettings(spacing=(6.0, 6.0, 6.0), judge_given=False)
    prepare_cohort(source, tmp_path / "here", settings)
    written: dict[str, int] = {}

    def watcher(update: Update) -> None:
        if update.done > 1:
            return
        written[update.note.split()[0]] = 0
        for name in written:
            written[name] = (tmp_path / "there" / name / "ct.npy").stat().st_mtime_ns
        with Client(scheduler, set_as_default=False) as client:
            busy = [worker for worker, keys in client.processing().items() if keys]
            pids = client.run(os.getpid)
            os.kill(pids[busy[0]], signal.SIGKILL)

    prepare_cohort(source, tmp_path / "there", settings, scheduler=scheduler, watcher=watcher)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert len(written) == 1
    for name, when in written.items():  # what was done was not done again
        assert (tmp_path / "there" / name / "ct.npy").stat().st_mtime_ns == when


def test_a_check_finds_the_same(scheduler: str, source: Path) -> None:
    listing = list_subjects(source)
    here, there = (check_cohort(listing, scheduler=where).to_json() for where in (None, scheduler))
    for subject in (*here["subjects"], *there["subjects"]):
        assert subject.pop("seconds") > 0  # what it took is all that may differ
    assert json.dumps(there) == json.dumps(here)


def test_a_worker_with_other_versions_is_named(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = cluster.versions() | {"numpy": "1.0", "mrtoct": "9.9"}
    monkeypatch.setattr(cluster, "versions", lambda: others)
    with pytest.raises(
        MrtoctError, match=r"worker tcp://\S+ has mrtoct \S+, numpy \S+, but mrtoct 9.9, numpy 1.0"
    ):
        list(spread(pow, [(2, 3)], 1, scheduler))


def test_a_job_that_ends_every_worker_is_given_up(scheduler: str) -> None:
    jobs = pytest.importorskip("cluster_jobs")
    with pytest.raises(MrtoctError, match=r"a job ended 4 workers .* in turn"):
        list(spread(jobs.killed, [(1,)], 1, scheduler))


def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed", reason="mrtoct[cluster] is not installed")
    monkeypatch.setattr(cluster, "REACHED", 1.0)
    with pytest.raises(MrtoctError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9"):
        list(spread(pow, [(2, 3)], 1, "tcp://127.0.0.1:9"))
    with pytest.raises(ValueRangeError, match=r"'smoke://x' is not the address of a Dask"):
        list(spread(pow, [(2, 3)], 1, "smoke://x"))


def test_without_dask_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(FileError, match=r"not installed.*pip install 'mrtoct\[cluster\]'"):
        list(spread(pow, [(2, 3)], 1, "tcp://127.0.0.1:9"))
