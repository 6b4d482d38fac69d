"""What the troubleshooting page quotes is what the program says."""

from __future__ import annotations

import ast
import re

import pytest

from doc_examples import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
FROM_ELSEWHERE = ("command not found: mrtoct",)
QUOTED = [
    quote
    for quote in re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE)
    if quote not in FROM_ELSEWHERE
]


@pytest.fixture(scope="module")
def said() -> list[str]:
    """Every text in the program; what is put into it is left out."""
    found = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (v.value if isinstance(v, ast.Constant) else "\0" for v in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


@pytest.mark.parametrize("quote", QUOTED)
def test_a_quoted_message_is_in_the_program(quote: str, said: list[str]) -> None:
    parts = [re.escape(part.strip()) for part in quote.split("...")]
    pattern = re.compile(r"[\s\S]*".join(part for part in parts if part))
    assert any(pattern.search(text) for text in said), quote


def test_there_are_quotes_to_compare() -> None:
    assert len(QUOTED) >= 25


def test_each_row_has_symptom_cause_and_remedy() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
    assert all(cell.strip() for row in rows for cell in row.strip("|").split("|"))
