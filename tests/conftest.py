"""Fixtures that several test folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real volumes; tests that need it skip where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MRTOCT_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real volumes are absent; name their folder in MRTOCT_TEST_DATA")
    return folder
