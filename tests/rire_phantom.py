"""A phantom, and the same in RIRE's layout: fixtures for reading it and for fetching it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mrtoct.io.rire.patient import write_rire
from mrtoct.phantom import TINY, PhantomSubject, make_subject


@pytest.fixture(scope="session")
def phantom() -> PhantomSubject:
    return make_subject(5, replace(TINY, contrasts=("T1", "PD")))


@pytest.fixture(scope="session")
def written(phantom: PhantomSubject, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rire") / "patient_001"
    write_rire(
        folder,
        phantom.ct,
        phantom.mr,
        labels=phantom.labels,
        ct_to_mr=phantom.ct_to_mr,
        patient="001",
    )
    return folder
