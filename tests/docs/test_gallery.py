"""The gallery's notebooks: read here, executed when the site is built (`sphinx-build -W`)."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from doc_examples import ROOT

FOLDER = ROOT / "docs" / "gallery"
NOTEBOOKS = sorted(p for p in FOLDER.glob("*.md") if p.name != "index.md")
HEAD = re.compile(r"^---\nfile_format: mystnb\nkernelspec:\n  name: python3\n")
CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def cells(page: Path) -> list[str]:
    return CELL.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_one_and_all_of_its_cells_are_python(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert HEAD.match(text), "the site would not execute it"
    found = cells(page)
    assert len(found) >= 3
    assert len(found) == text.count("```{code-cell}")
    for cell in found:
        ast.parse(cell)
        assert max(map(len, cell.splitlines())) <= 100


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda p: p.stem)
def test_what_a_notebook_imports_is_there(page: Path) -> None:
    for cell in cells(page):
        for statement in ast.parse(cell).body:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                exec(compile(ast.Module([statement], []), str(page), "exec"), {})


def test_every_notebook_is_shown() -> None:
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    listed = index.partition(":hidden:")[2].split(":::")[0].split()
    assert sorted(listed) == [page.stem for page in NOTEBOOKS]
    for page in NOTEBOOKS:
        assert f"]({page.name})" in index
        assert (ROOT / "docs" / "images" / "gallery" / f"{page.stem}.png").is_file()


def test_the_site_executes_them_and_fails_with_them() -> None:
    conf = (ROOT / "docs" / "conf.py").read_text(encoding="utf-8")
    settings = dict(re.findall(r"^(nb_execution_\w+) = (.+)$", conf, re.MULTILINE))
    assert settings["nb_execution_mode"] == '"force"'
    assert settings["nb_execution_raise_on_error"] == "True"
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert "python -m sphinx -q -W --keep-going -n docs build/site" in workflow
