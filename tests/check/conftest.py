"""One clean phantom pair, and a way to look at it after it was altered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mrtoct.check.subject import SubjectCheck, check_subject
from mrtoct.datasets.subject_files import SubjectFiles
from mrtoct.io.files import write_volume
from mrtoct.io.scan import Scan
from mrtoct.phantom import TINY, PhantomSubject, make_subject
from mrtoct.volume import Volume

Alter = Callable[[Volume], Volume]


@dataclass(frozen=True)
class Bench:
    """Writes an altered copy of the phantom and checks it."""

    phantom: PhantomSubject
    folder: Path

    @property
    def ct(self) -> Volume:
        return self.phantom.ct

    @property
    def mr(self) -> Volume:
        return self.phantom.mr["T1"]

    def check(self, *, ct: Volume | None = None, mr: Volume | None = None, **more) -> SubjectCheck:
        for name, volume in (("ct", ct or self.ct), ("mr", mr or self.mr)):
            write_volume(self.folder / f"{name}.nii.gz", volume, overwrite=True)
        files = SubjectFiles(
            "head",
            mr={"mr": Scan(self.folder / "mr.nii.gz")},
            ct=Scan(self.folder / "ct.nii.gz"),
            **more,
        )
        return check_subject(files)


@pytest.fixture(scope="session")
def phantom() -> PhantomSubject:
    return make_subject([1, 0], replace(TINY, contrasts=("T1", "T2", "PD")))


@pytest.fixture
def bench(phantom, tmp_path) -> Bench:
    return Bench(phantom, tmp_path)


def kinds(check: SubjectCheck, scan: str | None = None) -> set[str]:
    return {f.kind for f in check.findings if scan in (None, f.scan)}


@pytest.fixture(scope="session", name="kinds")
def _kinds():
    return kinds
