"""Links lead somewhere, nothing is left out, and what is generated is complete."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from doc_examples import PAGES, ROOT, blocks

sys.path.insert(0, str(ROOT / "docs"))
import site_pages


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def inline(page: Path) -> Iterator[Any]:
    for token in MarkdownIt("commonmark").enable("table").parse(page.read_text(encoding="utf-8")):
        yield from token.children or ()


@cache
def anchors(page: Path) -> set[str]:
    """What headings are called in links, by the rule of forges and of the site."""
    tokens = MarkdownIt("commonmark").parse(site_pages.filled(page.read_text(encoding="utf-8")))
    titles = [
        "".join(part.content for part in after.children or ())
        for token, after in pairwise(tokens)
        if token.type == "heading_open"
    ]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for token in inline(page):
        target = str(token.attrs.get("href") or token.attrs.get("src") or "")
        if not target or re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page_id(page)}: {target} does not exist"
        assert not anchor or anchor in anchors(file), f"{page_id(page)}: no heading {target}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_scripts_exist_with_their_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8").replace("\n", " ")
    for script, options in re.findall(r"python ((?:docs|benchmarks)/\w+\.py)([^`]*)`", text):
        assert (ROOT / script).is_file(), f"{page_id(page)}: no {script}"
        source = (ROOT / script).read_text(encoding="utf-8")
        for option in re.findall(r"--[\w-]+", options):
            assert f'"{option}"' in source, f"{page_id(page)}: {script} has no {option}"


def written() -> str:
    """All pages as they were written, without what is generated."""
    return "\n".join(page.read_text(encoding="utf-8") for page in PAGES)


def test_every_command_is_explained() -> None:
    text = written()
    for name, _, _ in site_pages.leaves():
        assert re.search(rf"{name}\b", text), f"no page says what {name} is for"


def test_every_recipe_is_in_the_table() -> None:
    from mrtoct.training.recipe_file import recipe_names

    table = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    assert set(recipe_names()) == set(re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE))


def test_the_commands_page_has_every_option() -> None:
    sections = dict(
        re.findall(r"^## (mrtoct [\w -]+)$(.*?)(?=^## |\Z)", site_pages.commands(), re.M | re.S)
    )
    leaves = list(site_pages.leaves())
    assert list(sections) == [name for name, _, _ in leaves]
    assert "mrtoct fetch rire" in sections
    for name, command, _ in leaves:
        for parameter in command.params:
            if parameter.name != "help":
                shown = parameter.opts[0]
                shown = shown if shown.startswith("-") else parameter.metavar
                assert f"`{shown}" in sections[name], f"{name}: {shown}"


def test_tables_of_generated_pages_have_whole_rows() -> None:
    pytest.importorskip("sphinx", reason="keys' texts are read by Sphinx")
    for text in (site_pages.commands(), site_pages.recipe_keys()):
        for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
            columns = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(columns) == 1, table


def known_keys() -> dict[str, set[str]]:
    """The keys of each section of a recipe, of any kind of model."""
    from mrtoct.networks.registry import NETWORKS
    from mrtoct.training.recipe import LossTerm, Recipe

    sections: dict[str, set[str]] = {}
    for name, field in Recipe.model_fields.items():
        owner = LossTerm if name == "loss" else site_pages._owner(field.annotation)
        if name == "model":
            decided = {"in_channels", "out_channels"}
            sections[name] = {f.name for c in NETWORKS.values() for f in fields(c)} - decided
        elif hasattr(owner, "model_fields"):
            sections[name] = set(owner.model_fields)
        elif owner is not None:
            sections[name] = {f.name for f in fields(owner)}
    return sections


def test_the_recipes_page_shows_every_key_and_no_other() -> None:
    shown = next(b for b in blocks(ROOT / "docs" / "recipes.md") if b.language == "toml")
    recipe = tomllib.loads(shown.text)
    recipe["loss"] = recipe["loss"][0]
    assert {name: set(keys) for name, keys in recipe.items()} == known_keys()


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_recipes_on_other_pages_are_valid(page: Path) -> None:
    from mrtoct.training.recipe_file import parse_recipe

    for block in blocks(page):
        if block.language == "toml" and page.name != "recipes.md":
            parse_recipe(block.text, str(block))
