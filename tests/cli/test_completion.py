"""What the shell completes: the real script, in a real bash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shipped_model import write_shipped

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")

PROGRAM = """#!{python}
import sys
from mrtoct.cli.app import main
sys.argv[0] = "mrtoct"
main()
"""
ASK = """
source <(_MRTOCT_COMPLETE=source_bash mrtoct)
for line in "$@"; do
  read -r -a COMP_WORDS <<< "$line"
  [ "${line: -1}" = " " ] && COMP_WORDS+=("")
  COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
  COMPREPLY=()
  _mrtoct_completion mrtoct
  echo "${COMPREPLY[*]}"
done
"""


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ask bash what may follow each of some lines."""
    program = tmp_path / "bin" / "mrtoct"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    write_shipped(tmp_path / "models").joinpath("head").rename(tmp_path / "models" / "hemisphere")
    monkeypatch.setenv("MRTOCT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONPATH", ":".join(p for p in sys.path if p))

    def ask(*lines: str) -> list[list[str]]:
        said = subprocess.run(
            ["bash", "-c", ASK, "bash", *lines], capture_output=True, text=True, check=True
        )
        return [line.split() for line in said.stdout.splitlines()]

    return ask


def test_commands_options_recipes_and_models(answers) -> None:
    from mrtoct.training.recipe_file import recipe_names

    commands, options, recipes, models, nothing = answers(
        "mrtoct tr",
        "mrtoct models --",
        "mrtoct train STORE RUN --recipe paper-",
        "mrtoct info he",
        "mrtoct info zz",
    )
    assert sorted(commands) == ["train", "translate"]
    assert {"--from", "--json", "--help", "--quiet"} <= set(options)
    assert sorted(recipes) == [name for name in recipe_names() if name.startswith("paper-")]
    assert sorted(models) == ["head", "hemisphere"]
    assert nothing == []  # bash then offers files
