"""import mrtoct: what it offers, and that it waits for nothing."""

from __future__ import annotations

import subprocess
import sys

import mrtoct

OFFERED = {
    "Grid", "Translator", "Volume", "evaluate", "load_recipe", "prepare_cohort", "read_volume",
    "register", "train", "write_volume",
}  # fmt: skip


def test_the_names_are_listed_and_there() -> None:
    assert OFFERED | {"__version__"} <= set(dir(mrtoct))
    assert set(dir(mrtoct)) == set(mrtoct.__all__)
    for name in OFFERED:
        assert getattr(mrtoct, name).__name__ == name


def test_names_are_looked_up_when_they_are_used() -> None:
    script = (
        "import sys, mrtoct\n"
        "dir(mrtoct)\n"
        "assert not {'numpy', 'torch'} & set(sys.modules)\n"
        "mrtoct.read_volume, mrtoct.Volume, mrtoct.prepare_cohort\n"
        "assert 'numpy' in sys.modules\n"
        "mrtoct.Translator\n"
        "assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
