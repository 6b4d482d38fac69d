"""Processes that stop when they are told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mrtoct.errors import MrtoctError
from mrtoct.hardware.processes import in_processes

SCRIPT = """
import sys, time
from pathlib import Path
from mrtoct.hardware.processes import in_processes
{job}
if __name__ == "__main__":
    for _ in in_processes(job, [(sys.argv[1], n) for n in range(20)], 2):
        pass
"""


def start(folder: Path, job: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT.format(job=job))
    return subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, as a terminal gives it
    )


def test_every_job_is_done_once():
    assert sorted(in_processes(pow, [(2, n) for n in range(7)], 2)) == [2**n for n in range(7)]


def test_what_a_job_raises_arrives():
    with pytest.raises(ZeroDivisionError):
        list(in_processes(divmod, [(1, 1), (1, 0), (1, 1)], 2))


def test_a_process_that_dies_is_one_sentence():
    with pytest.raises(MrtoctError, match=r"was killed.*fewer workers"):
        list(in_processes(os._exit, [(9,)], 2))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGINT to a group")
def test_ctrl_c_lets_jobs_tidy_up_and_prints_no_traceback_of_theirs(tmp_path):
    job = """
def job(folder, n):
    part = Path(folder) / f"part-{n}"
    part.touch()
    try:
        time.sleep(60)
    finally:
        part.unlink()
"""
    process = start(tmp_path, job)
    until = time.monotonic() + 20
    while len(list(tmp_path.glob("part-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert len(list(tmp_path.glob("part-*"))) == 2
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert not list(tmp_path.glob("part-*"))
    assert "Process Spawn" not in errors
    # The script itself ends in the traceback that the command line turns into a sentence.
    assert errors.rstrip().endswith("KeyboardInterrupt")
