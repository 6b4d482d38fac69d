"""A loopback server, and a phantom in RIRE's layout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from loopback import Loopback, serving
from mrtoct.io.rire.patient import write_rire
from mrtoct.phantom import TINY, PhantomSubject, make_subject
from rire_archives import as_served


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as place:
        yield place


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


@pytest.fixture(scope="session")
def archives(written: Path) -> dict[str, bytes]:
    """What a server offers: each kind of archive once, by path."""
    kinds = {"patient_001": "packed", "patient_002": "plain", "patient_003": "metaimage"}
    return {
        f"{name}/{modality}.tar.gz": as_served(written, modality, name=name, kind=kind)
        for name, kind in kinds.items()
        for modality in ("ct", "mr_T1")
    }
