"""The names that `import mrtoct` offers explain themselves, and their examples run."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from contextlib import chdir
from typing import Any

import pytest

import mrtoct
from doc_sandbox import Reader

WITHOUT_EXAMPLE = {"__version__"}
SLOW = ("prepare_cohort", "train")
OFFERED: dict[str, Any] = {
    name: getattr(mrtoct, name) for name in mrtoct.__all__ if name not in WITHOUT_EXAMPLE
}
"""As they are before the sandbox puts faster ones in their place."""


def sections(name: str) -> dict[str, str]:
    """The parts of a docstring in numpydoc form, by their headings."""
    text = inspect.cleandoc(OFFERED[name].__doc__ or "")
    parts = re.split(r"^(\w+)\n-+\n", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def examples(name: str) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(OFFERED[name].__doc__ or "")


@pytest.mark.parametrize("name", OFFERED)
def test_each_part_is_there(name: str) -> None:
    wanted = {"", "Parameters", "Raises", "Examples"}
    value = OFFERED[name]
    if not isinstance(value, type) and value.__annotations__.get("return") != "None":
        wanted.add("Returns")
    assert set(sections(name)) == wanted
    if not isinstance(value, type):
        named = re.findall(r"^(\w+) :", sections(name)["Parameters"], re.MULTILINE)
        assert named == [n for n in value.__annotations__ if n != "return"]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in OFFERED]
)
def test_the_example_runs_and_gives_what_it_says(
    name: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "load_recipe":  # elsewhere a recipe is made small
        monkeypatch.setattr(mrtoct, name, OFFERED[name])
    for example in examples(name):
        for node in ast.walk(ast.parse(example.source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                made = {"prepare_cohort": "STORE", "train": "RUN"}.get(name)
                if node.value != made:
                    reader.kit.lay(node.value, reader.place)
    found = doctest.DocTest(examples(name), {}, name, None, 0, None)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with chdir(reader.place):
        failed, tried = runner.run(found, out=said.append)
    assert tried >= 3
    assert not failed, "".join(said)
