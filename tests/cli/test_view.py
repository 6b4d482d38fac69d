import re
import signal
import subprocess
import sys
import urllib.request
import webbrowser

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from mrtoct.cli.app import app


@pytest.fixture
def head(tmp_path):
    generator = np.random.default_rng(2)
    voxels = generator.integers(-1024, 2000, (9, 8, 7)).astype(np.int16)
    path = tmp_path / "ct.nii.gz"
    nib.save(nib.Nifti1Image(voxels, np.diag([2.0, 2, 3, 1])), path)
    return path


def run(*arguments):
    return CliRunner().invoke(app, ["view", *map(str, arguments)], standalone_mode=False)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to one process")
def test_it_serves_until_it_is_interrupted(head):
    command = [sys.executable, "-c", "from mrtoct.cli.app import main; main()"]
    process = subprocess.Popen(
        [*command, "view", str(head), "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", address)
        with urllib.request.urlopen(address, timeout=60) as answer:
            assert b"ct.nii.gz" in answer.read()
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out == ""
    assert error.splitlines() == ["Ctrl-C ends it."]


def test_the_browser_is_given_the_address(head, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: bool(opened.append(address)))
    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", _interrupted)
    result = run(head)
    assert result.exception is None
    assert opened == [result.stdout.strip()]
    assert "paste the address" in result.stderr


def _interrupted(server, poll_interval):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.nii.gz"], "absent.nii.gz does not exist"),
        (["{head}", "--mask", "{head}"], "a mask holds whole numbers from 0 to 65000, got"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_sentence(head, arguments, message, tmp_path):
    result = run(*(a.format(head=head) for a in arguments), "--no-browser")
    assert isinstance(result.exception, SystemExit)
    assert str(result.exception).startswith("mrtoct: ")
    assert message in str(result.exception)
