"""Every example of README and docs runs, and every command in them exists with its options."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from doc_examples import (
    LANGUAGES,
    PAGES,
    ROOT,
    blocks,
    commands,
    mentions,
    mrtoct_arguments,
    parse,
)
from doc_sandbox import Reader


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


WITH_EXAMPLES = [
    page
    for page in PAGES
    if any(b.language in LANGUAGES and b.not_run is None for b in blocks(page))
]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=page_id)
def test_examples_run(page: Path, reader: Reader) -> None:
    for block in blocks(page):
        if block.language in LANGUAGES and block.not_run is None:
            reader.run(block)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_what_is_not_run_has_a_reason_and_is_understood(page: Path) -> None:
    for block in blocks(page):
        if block.not_run is not None:
            assert block.language in (*LANGUAGES, "bash"), f"{block} is no example"
            assert len(block.not_run.split()) >= 3, f"{block}: {block.not_run!r} is no reason"
        if block.language == "python":
            compile(block.text, str(block), "exec")
        elif block.language == "bash":
            subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        if block.language in ("sh", "console", "bash"):
            for words in commands(block):
                arguments = mrtoct_arguments(words)
                if arguments is not None:
                    # What a script's variable holds is not known here; "1" is taken anywhere.
                    understood([re.sub(r"^\$\w+$", "1", word) for word in arguments], str(block))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_in_the_text_exist_with_their_options(page: Path) -> None:
    for line, words in mentions(page):
        known(words, f"{page_id(page)}:{line}")


def understood(arguments: list[str], where: str) -> None:
    try:
        parse(arguments)
    except Exception as error:
        raise AssertionError(f"{where}: mrtoct {' '.join(arguments)}: {error}") from error


def known(words: list[str], where: str) -> None:
    """Fail if a command in the text, which may lack arguments, or one of its options is unknown."""
    import typer

    from mrtoct.cli.app import COMMANDS, app, load

    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and words[0][0] not in "-[.":
        if words[0].isupper():  # mrtoct COMMAND --help
            return
        assert words[0] in command.commands, f"{where}: no command {words[0]}"
        inner = command.commands[words[0]]
        command, words = load(words[0]) if words[0] in COMMANDS else inner, words[1:]
    options = {"--help", "-h", "--version"}.union(
        *((*p.opts, *p.secondary_opts) for p in command.params)
    )
    unknown = {word.strip("[]") for word in words if word.strip("[]")[:1] == "-"} - options
    assert not unknown, f"{where}: no option {', '.join(unknown)}"


def test_an_option_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(AssertionError, match="made-up:1: no option --sharp"):
        known(["translate", "MR", "SCT", "--sharp"], "made-up:1")
    with pytest.raises(AssertionError, match="made-up:2: no command improve"):
        known(["improve", "RUN"], "made-up:2")
    with pytest.raises(AssertionError, match="made-up:3: mrtoct train STORE"):
        understood(["train", "STORE"], "made-up:3")
