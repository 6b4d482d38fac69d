"""Fixtures that several test folders share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import SimpleITK as sitk

sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Sums in another order differ in the last bit; one thread gives the same numbers anywhere."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real volumes; tests that need it skip where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MRTOCT_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real volumes are absent; name their folder in MRTOCT_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two coarse phantoms at 4 mm, prepared with the true transform."""
    from mrtoct.phantom import TINY, make_subject
    from mrtoct.prepare.store import Manifest, write_manifest, write_subject
    from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject

    store = tmp_path_factory.mktemp("tiny") / "store"
    settings = PrepareSettings(spacing=(4.0, 4.0, 4.0), judge_given=False)
    names = []
    for seed in (1, 2):
        head = make_subject(seed, TINY)
        raw = RawSubject(f"head{seed}", {"mr": head.mr["T1"]}, head.ct, head.ct_to_mr)
        subject = prepare_subject(raw, settings)
        write_subject(store, subject)
        names.append(subject.name)
    write_manifest(store, Manifest({}, ("mr",), names, {}))
    return store


@pytest.fixture(scope="session")
def tiny_run(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tiny recipe on the tiny store; copy it before you change it."""
    from mrtoct.training.train import train
    from recipes import tiny_recipe

    run = tmp_path_factory.mktemp("tiny") / "run"
    train(tiny_store, run, tiny_recipe())
    return run


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """The address of a Dask scheduler with two workers: processes, begun anew when killed."""
    if sys.platform == "win32":
        pytest.skip("needs signals of unix")
    distributed = pytest.importorskip("distributed", reason="mrtoct[cluster] is not installed")
    tests = Path(__file__).resolve().parent
    with pytest.MonkeyPatch.context() as patch:  # what the workers import
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tests.parent / "src", tests))))
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs="CRITICAL"
        ) as cluster:
            yield cluster.scheduler_address
