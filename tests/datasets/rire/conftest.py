"""A loopback server, and a phantom in RIRE's layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loopback import Loopback, serving
from rire_archives import as_served
from rire_phantom import phantom, written

__all__ = ["phantom", "written"]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with serving() as place:
        yield place


@pytest.fixture(scope="session")
def archives(written: Path) -> dict[str, bytes]:
    """What a server offers: each kind of archive once, by path."""
    kinds = {"patient_001": "packed", "patient_002": "plain", "patient_003": "metaimage"}
    return {
        f"{name}/{modality}.tar.gz": as_served(written, modality, name=name, kind=kind)
        for name, kind in kinds.items()
        for modality in ("ct", "mr_T1")
    }
