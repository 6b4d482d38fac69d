"""The examples of README and docs, and the mrtoct commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

LANGUAGES = ("sh", "console", "python")
"""What is run; a script (bash) is parsed, other blocks are no examples."""
NOT_RUN = re.compile(r"<!-- not run: (.+?) -->", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None
    """Why the tests only parse it: the comment <!-- not run: reason --> before it."""

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    reason = None
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            found = NOT_RUN.search(token.content)
            reason = found and " ".join(found[1].split())
        elif token.type == "fence":
            assert token.map is not None
            language = token.info.partition(" ")[0]
            yield Block(page, token.map[0] + 1, language, token.content, reason)
            reason = None
        elif token.nesting >= 0:
            reason = None


def commands(block: Block) -> list[list[str]]:
    """The words of each command of a block; in a console it follows "$ "."""
    text = re.sub(r"\\\n\s*", "", block.text)
    lines = text.splitlines()
    if block.language == "console":
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return [words for line in lines for words in _split(line) if words]


def _split(line: str) -> list[list[str]]:
    reader = shlex.shlex(re.sub(r"(^|\s)#.*", "", line), posix=True, punctuation_chars=";&|")
    reader.whitespace_split, reader.commenters = True, ""
    found: list[list[str]] = [[]]
    for word in reader:
        if set(word) <= set(";&|"):
            found.append([])
        else:
            found[-1].append(word)
    return found


def mrtoct_arguments(words: list[str]) -> list[str] | None:
    """The arguments if a command is one of mrtoct's, however it is found and started."""
    for n, word in enumerate(words):
        if Path(word).name == "mrtoct":
            return words[n + 1 :]
    return None


def mentions(page: Path) -> Iterator[tuple[int, list[str]]]:
    """The arguments of mrtoct commands within the text, such as `mrtoct check SOURCE`."""
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        for child in token.children or ():
            words = child.content.split() if child.type == "code_inline" else []
            if words[:1] == ["mrtoct"]:
                yield (token.map or [0])[0] + 1, words[1:]


def parse(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """The command's name and its parameters as the real command line understands them."""
    import typer

    from mrtoct.cli.app import app

    command: Any = typer.main.get_command(app)
    context = command.make_context("mrtoct", list(arguments))
    while hasattr(command, "commands"):
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return str(context.info_name), context.params
