"""A reader of README and docs, with everything that their examples suppose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from doc_kit import Kit, serve_rire
from doc_sandbox import Reader, mrtoct, substituted
from loopback import serving
from shipped_model import write_shipped


@pytest.fixture(scope="session")
def rire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that offers three subjects as RIRE does."""
    with serving() as server:
        serve_rire(server, tmp_path_factory.mktemp("rire"))
        yield server.base


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    def call(*arguments: object) -> None:
        status, said = mrtoct([str(argument) for argument in arguments])
        assert status == 0, said

    return Kit(tmp_path_factory.mktemp("kit"), call)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shipped(tmp_path_factory.mktemp("package"))


@pytest.fixture
def reader(kit: Kit, rire: str, package: Path, tmp_path: Path) -> Iterator[Reader]:
    with substituted(rire, package):
        yield Reader(kit, tmp_path)
