"""mrtoct fetch rire against a loopback server, and mrtoct phantom --format rire."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loopback import Loopback, serving
from mrtoct.io.files import read_volume
from mrtoct.phantom import TINY, make_subject
from rire_archives import as_served

PATIENTS = ("patient_001", "patient_002")


@pytest.fixture(scope="session")
def cohort(mrtoct: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom") / "rire"
    said = mrtoct(
        "phantom", folder, "--format", "rire", "--preset", "tiny", "--subjects", 2, "--workers", 1
    )
    assert said.status == 0, said.err
    return folder


@pytest.fixture
def server(cohort: Path) -> Iterator[Loopback]:
    with serving() as place:
        for name in PATIENTS:
            for modality in ("ct", "mr_T1"):
                content = as_served(cohort / name, modality, name=name, kind="packed")
                place.files[f"{name}/{modality}.tar.gz"] = content
        yield place


def test_phantoms_in_rires_layout(cohort: Path) -> None:
    assert sorted(p.name for p in cohort.iterdir()) == list(PATIENTS)
    made = make_subject([1, 1], TINY)  # the second of seed 1
    read = read_volume(cohort / "patient_002" / "ct", "HU")
    assert (read.voxels[::-1, ::-1] == made.ct.voxels).all()


def test_phantoms_never_replace_real_scans(mrtoct: Callable, tmp_path: Path) -> None:
    real = tmp_path / "patient_007" / "ct" / "image.bin"
    real.parent.mkdir(parents=True)
    real.write_bytes(b"precious")
    said = mrtoct(
        "phantom", tmp_path, "--format", "rire", "--preset", "tiny", "--subjects", 1, "--overwrite"
    )
    assert "is not a phantom" in said.sentence
    assert real.read_bytes() == b"precious"
    assert [p.name for p in tmp_path.iterdir()] == ["patient_007"]


def fetch(mrtoct: Callable, server: Loopback, folder: Path, *more: object):
    return mrtoct(
        "fetch",
        "rire",
        folder,
        "--base",
        server.base,
        "--subject",
        "patient_001,patient_002",
        *more,
    )


def test_fetch_and_again(mrtoct: Callable, server: Loopback, tmp_path: Path) -> None:
    said = fetch(mrtoct, server, tmp_path / "rire", "--accept-license")
    assert said.status == 0, said.err
    assert "4 of 4 scans fetched, 0 existed already" in said.err
    assert "8R01EB002124-03" in said.err
    assert said.out == ""
    asked = len(server.requests)
    said = fetch(mrtoct, server, tmp_path / "rire")  # the licence was accepted
    assert said.status == 0
    assert "0 of 4 scans fetched, 4 existed already" in said.err
    assert len(server.requests) == asked


def test_the_licence_must_be_accepted(mrtoct: Callable, server: Loopback, tmp_path: Path) -> None:
    said = fetch(mrtoct, server, tmp_path / "rire")
    assert "--accept-license" in said.sentence
    assert "Attribution 3.0" in said.sentence
    assert not server.requests
    assert not (tmp_path / "rire").exists()


@pytest.mark.parametrize(("answer", "fetched"), [("y", 4), ("n", 0), ("", 0)])
def test_at_a_terminal_the_licence_is_asked_for(
    answer: str,
    fetched: int,
    mrtoct: Callable,
    server: Loopback,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", terminal)
    said = fetch(mrtoct, server, tmp_path / "rire")
    assert "https://creativecommons.org/licenses/by/3.0/us/" in said.err
    assert len(server.requests) == fetched
    assert said.status == (0 if fetched else 1)


def test_failures_are_listed_and_the_status_says_so(
    mrtoct: Callable, server: Loopback, tmp_path: Path
) -> None:
    del server.files["patient_001/mr_T1.tar.gz"]
    said = fetch(mrtoct, server, tmp_path / "rire", "--accept-license")
    assert said.status == 1
    assert "patient_001/mr_T1: " in said.err
    assert "the server answers 404" in said.err
    assert said.err.rstrip().endswith("1 of 4 scans failed; run the command again to continue")
    assert (tmp_path / "rire" / "patient_001" / "ct" / "header.ascii").exists()


def test_what_rire_does_not_have(mrtoct: Callable, tmp_path: Path) -> None:
    said = mrtoct("fetch", "rire", tmp_path, "--accept-license", "--modality", "mr_t1")
    assert "no modality mr_t1; did you mean mr_T1?" in said.sentence
    assert list(tmp_path.iterdir()) == []
