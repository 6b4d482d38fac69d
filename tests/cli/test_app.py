"""Help that answers at once, the version, interruptions."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mrtoct as package
from mrtoct.cli.app import app

COMMANDS = (
    "translate",
    "demo",
    "inspect",
    "convert",
    "curves",
    "ultrasound",
    "mumap",
    "structures",
    "compare-dose",
    "tour",
    "phantom",
    "simulate",
    "series",
    "check",
    "register",
    "score",
    "prepare",
    "train",
    "evaluate",
    "report",
    "reproduce",
)
HEAVY = {
    "torch", "numpy", "SimpleITK", "nibabel", "scipy", "skimage", "matplotlib", "pydantic",
    "lightning_fabric", "safetensors",
}  # fmt: skip


def test_help_does_not_wait_for_libraries():
    script = "import sys, mrtoct.cli.app; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "typer" in modules
    assert not HEAVY & {name.partition(".")[0] for name in modules}
    assert "importlib.metadata" not in modules  # 50 ms for a version that nobody asked for


def test_the_version_is_the_packages(mrtoct):
    assert mrtoct("--version").out == f"mrtoct {package.__version__}\n"


def test_the_overview_names_all_commands(mrtoct):
    text = mrtoct("--help").out
    lines = [line.split() for line in text.splitlines()]
    assert [c for c in (line[1] for line in lines if len(line) > 2) if c in COMMANDS] == [*COMMANDS]
    assert any(line[1:2] == ["fetch"] for line in lines)
    assert "not a medical device" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal_and_loses_no_words(mrtoct, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    result = mrtoct(command, "--help")
    assert (result.status, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    shown = " ".join(result.out.replace("│", " ").split())
    registered = next(
        c for c in app.registered_commands if c.callback.__name__.replace("_", "-") == command
    )
    # Markdown swallows what looks like a tag.
    assert " ".join(registered.callback.__doc__.split()) in shown


def test_ctrl_c_is_one_line_and_status_130(mrtoct, monkeypatch, tmp_path):
    import mrtoct.phantom.cohort as cohort

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cohort, "write_cohort", interrupted)
    result = mrtoct("phantom", tmp_path / "new")
    assert result.status == 130
    assert result.err.strip().endswith("mrtoct: interrupted; what was finished is kept")
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(28, "No space left on device"), "mrtoct: No space left on device"),
        (PermissionError(13, "Permission denied", "x/y"), "mrtoct: Permission denied (x/y)"),
        (MemoryError(), "mrtoct: not enough memory"),
    ],
)
def test_errors_of_the_machine_are_one_sentence(mrtoct, monkeypatch, tmp_path, error, sentence):
    import mrtoct.phantom.cohort as cohort

    def failing(*arguments, **options):
        raise error

    monkeypatch.setattr(cohort, "write_cohort", failing)
    result = mrtoct("phantom", tmp_path / "new")
    assert result.status == 1
    assert result.err.strip().splitlines()[-1] == sentence


def test_wrong_usage_is_told_with_status_2(mrtoct):
    result = mrtoct("translate", "only-one")
    assert result.status == 2
    assert "SCT" in result.err
    assert mrtoct("phantom", "x", "--subjects", 0).status == 2
    assert mrtoct("phantom", "x", "--preset", "huge").status == 2
