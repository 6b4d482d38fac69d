"""Help that answers at once, the version, interruptions."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mrtoct as package
from mrtoct.cli import options
from mrtoct.cli.app import COMMANDS, GROUPS, functions
from mrtoct.io.files import VOLUME_ENDINGS

HEAVY = {
    "torch", "numpy", "SimpleITK", "nibabel", "scipy", "skimage", "matplotlib", "pydantic",
    "lightning_fabric", "safetensors",
}  # fmt: skip


def test_help_does_not_wait_for_libraries():
    script = (
        "import sys; sys.argv = ['mrtoct', '--help']\n"
        "from mrtoct.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: print('MODULES', *sys.modules)"
    )
    shown, _, loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.partition("MODULES")
    assert "Translate a head MR, or a folder of them, into synthetic CTs." in shown
    modules = loaded.split()
    assert "typer" in modules
    assert not HEAVY & {name.partition(".")[0] for name in modules}
    assert "importlib.metadata" not in modules  # 50 ms for a version that nobody asked for
    assert not any(name.startswith("mrtoct.cli.t") for name in modules)  # no command's own module


def test_the_version_is_the_packages(mrtoct):
    assert mrtoct("--version").out == f"mrtoct {package.__version__}\n"


def test_the_overview_names_all_commands(mrtoct):
    text = mrtoct("--help").out
    lines = [line.split() for line in text.splitlines()]
    assert [c for c in (line[1] for line in lines if len(line) > 2) if c in COMMANDS] == [*COMMANDS]
    shown = " ".join(text.replace("│", " ").split())
    assert all(line in shown for line in COMMANDS.values())
    assert "not a medical device" in text


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in GROUPS])
def test_a_commands_line_in_the_overview_is_its_first_sentence(command):
    first = (functions(command)[command].__doc__ or "").partition("\n\n")[0]
    assert COMMANDS[command] == " ".join(first.split())


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in GROUPS])
def test_help_fits_a_terminal_and_loses_no_words(mrtoct, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    result = mrtoct(command, "--help")
    assert (result.status, result.err) == (0, "")
    assert max(map(len, result.out.splitlines())) <= 80
    shown = " ".join(result.out.replace("│", " ").split())
    # Markdown swallows what looks like a tag.
    assert " ".join(functions(command)[command].__doc__.split()) in shown


def test_ctrl_c_is_one_line_and_status_130(mrtoct, monkeypatch, tmp_path):
    import mrtoct.cli.phantom as command

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "write_cohort", interrupted)
    result = mrtoct("phantom", tmp_path / "new")
    assert result.status == 130
    assert result.err.strip().endswith("mrtoct: interrupted; finished work is kept")
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
    import mrtoct.cli.phantom as command

    def failing(*arguments, **options):
        raise error

    monkeypatch.setattr(command, "write_cohort", failing)
    result = mrtoct("phantom", tmp_path / "new")
    assert result.status == 1
    assert result.err.strip().splitlines()[-1] == sentence


def test_wrong_usage_is_told_with_status_2(mrtoct):
    result = mrtoct("translate", "only-one")
    assert result.status == 2
    assert "SCT" in result.err
    assert mrtoct("phantom", "x", "--subjects", 0).status == 2
    assert mrtoct("phantom", "x", "--preset", "huge").status == 2


def test_a_group_has_its_own_commands(mrtoct):
    assert list(functions("fetch")) == ["fetch rire", "fetch model"]
    assert "rire" in mrtoct("fetch", "--help").out
    assert "--accept-license" in mrtoct("fetch", "rire", "--help").out


def test_a_misspelt_command_is_told_with_the_nearest(mrtoct):
    result = mrtoct("tranlsate", "a", "b")
    assert result.status == 2
    assert "Did you mean 'translate'" in result.err


@pytest.mark.parametrize("command", ["translate", "demo", "tour", "train", "reproduce", "register"])
def test_every_command_that_computes_on_a_device_takes_one(mrtoct, command):
    assert "--device" in mrtoct(command, "--help").out


def test_home_is_found_wherever_a_path_is_written(mrtoct, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "mine.toml").write_text("[training]\nstep = 3\n")
    said = mrtoct("prepare", tmp_path, "~/store", "--recipe=~/mine.toml").sentence
    assert said.startswith(f"{tmp_path / 'mine.toml'}: unknown key 'training.step'")
    said = mrtoct("view", tmp_path / "a.nii", "--mask", "b.nii,~/c.nii").sentence
    assert said == f"{tmp_path / 'a.nii'} does not exist"


def test_a_list_is_one_word_with_commas():
    from mrtoct.cli.options import listed

    assert listed(["T1, T2,PD"]) == ("T1", "T2", "PD")
    assert listed(["a", "b,a"]) == ("a", "b")  # a repeated option adds, the last does not win
    assert listed(["mask\\, left.nii,right.nii"]) == ("mask, left.nii", "right.nii")
    assert listed([]) == listed([""]) == listed([" , "]) == ()


def test_help_names_the_files_that_are_read() -> None:
    named = options.FILES.replace(" or ", ", ").split(", ")
    assert sorted(named) == sorted(VOLUME_ENDINGS)
