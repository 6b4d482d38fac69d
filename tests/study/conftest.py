"""Four heads, and a study of them that is over in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mrtoct.judging.metrics.synthrad import SynthRad2025
from mrtoct.phantom import TINY, make_subject
from mrtoct.prepare.store import Manifest, write_manifest, write_subject
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject
from mrtoct.study.reproduce import reproduce
from small_study import Heard, small_experiments


def without_ms_ssim(patch: pytest.MonkeyPatch) -> None:
    """It pads these heads of 24^3 voxels to 97^3, and nothing here depends on it."""
    patch.setattr(
        "mrtoct.judging.metrics.evaluation.synthrad_2025", lambda *_: SynthRad2025(1.0, 2.0, 0.5)
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    without_ms_ssim(monkeypatch)


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of four subjects at 8 mm, made of two heads."""
    store = tmp_path_factory.mktemp("four") / "heads"
    settings = PrepareSettings(spacing=(8.0, 8.0, 8.0), judge_given=False)
    names = []
    for seed in (1, 2):
        head = make_subject(seed, TINY)
        raw = RawSubject("head", {"mr": head.mr["T1"]}, head.ct, head.ct_to_mr)
        subject = prepare_subject(raw, settings)
        for name in (f"s{seed - 1}", f"s{seed + 1}"):
            write_subject(store, replace(subject, name=name))
            names.append(name)
    write_manifest(store, Manifest({}, ("mr",), sorted(names), {}))
    return store


@pytest.fixture(scope="session")
def study(four: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mrtoct.study.plan.paper_experiments", small_experiments)
        without_ms_ssim(patch)
        reproduce(four, folder, watcher=Heard(), cohort="Four *heads*")
    return folder


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mrtoct.study.plan.paper_experiments", small_experiments)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take most of the time, and few tests look at them."""
    monkeypatch.setattr("mrtoct.study.reproduce.write_figures", lambda results: [])
