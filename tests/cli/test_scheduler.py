"""translate and evaluate over a cluster: the files and figures of one machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mrtoct.io.files import write_volume
from mrtoct.phantom import TINY, make_subject
from shipped_model import write_shipped


@pytest.fixture
def heads(tmp_path: Path) -> Path:
    """Two heads and a file that is none, in a folder that is the current one."""
    for seed in (1, 2):
        head = make_subject(seed, TINY)
        write_volume(tmp_path / "heads" / f"h{seed}.nii.gz", head.mr["T1"])
        write_volume(tmp_path / "cts" / f"h{seed}_ct.nii.gz", head.ct)
    (tmp_path / "heads" / "damaged.nii").write_bytes(b"nothing")
    write_shipped(tmp_path / "package", spacing=6.0)
    return tmp_path


def test_heads_are_translated_and_judged_alike(
    mrtoct: Any, scheduler: str, heads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are named relative to a folder in which no worker works."""
    monkeypatch.chdir(heads)
    command = ["--model", "package/head", "--device", "cpu"]
    here = mrtoct("translate", "heads", "here", *command)
    there = mrtoct("translate", "heads", "there", *command, "--scheduler", scheduler)
    assert (here.status, there.status) == (1, 1)
    assert there.out.rstrip().endswith("1 failed, 2 translated")
    assert "damaged: failed: " in there.err and "warning: " in there.err
    made = sorted(p.name for p in (heads / "there").iterdir())
    assert made == sorted(p.name for p in (heads / "here").iterdir())
    assert {"h1_sct.nii.gz", "h2_sct.nii.gz"} <= set(made)
    for name in made:
        assert (heads / "there" / name).read_bytes() == (heads / "here" / name).read_bytes(), name
    again = mrtoct("translate", "heads", "there", *command, "--scheduler", scheduler)
    assert again.out.rstrip().endswith("1 failed, 2 existing")

    judged = ("evaluate", "there", "cts", "--json")
    assert mrtoct(*judged, "--scheduler", scheduler).out == mrtoct(*judged, "--workers", 1).out


def test_what_a_scheduler_is_not_for(mrtoct: Any, heads: Path) -> None:
    one = heads / "heads" / "h1.nii.gz"
    result = mrtoct("translate", one, heads / "sct.nii.gz", "--scheduler", "tcp://127.0.0.1:9")
    assert result.sentence == "--scheduler is for a folder of heads; one head is translated locally"
    ct = heads / "cts" / "h1_ct.nii.gz"
    assert "are one pair" in mrtoct("evaluate", ct, ct, "--scheduler", "tcp://h:9").sentence
