"""A recipe is a whole experiment in one TOML file; a wrong key or value is named at once."""

from __future__ import annotations

import difflib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import ValidationError

from mrtoct.errors import FileError, RecipeError
from mrtoct.io.records import UNKNOWN, clause, first_of
from mrtoct.networks.registry import NETWORKS
from mrtoct.networks.unet import UNetConfig
from mrtoct.training.recipe import LossTerm, Recipe


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with mrtoct."""
    folder = resources.files("mrtoct") / "recipes"
    return sorted(
        p.name.removesuffix(".toml") for p in folder.iterdir() if p.name.endswith(".toml")
    )


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe: what to train, on what data, and how.

    Parameters
    ----------
    name : str or Path
        A built-in recipe, such as unet, or a .toml file.

    Returns
    -------
    Recipe

    Raises
    ------
    RecipeError
        If there is no such recipe, or it has an unknown key or an impossible value.
    FileError
        If the file cannot be read.

    Examples
    --------
    >>> import mrtoct
    >>> mrtoct.load_recipe("unet").name
    'unet'
    >>> mrtoct.load_recipe("unit")
    Traceback (most recent call last):
    mrtoct.errors.RecipeError: no recipe 'unit' (did you mean 'unet'?); built-in: ...
    """
    text = str(name)
    if text in recipe_names():
        content = (resources.files("mrtoct") / "recipes" / f"{text}.toml").read_text("utf-8")
        return parse_recipe(content, text)
    path = Path(name)
    if path.suffix.lower() != ".toml":
        near = difflib.get_close_matches(text, recipe_names(), n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise RecipeError(
            f"no recipe {text!r}{hint}; built-in: {', '.join(recipe_names())}; or give a .toml file"
        )
    try:
        content = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} is not a readable text file") from error
    return parse_recipe(content, str(path))


def parse_recipe(content: str, source: str) -> Recipe:
    """Check a recipe's TOML text; source names it in messages."""
    try:
        raw = tomllib.loads(content)
    except (ValueError, RecursionError) as error:  # of an endless number or nesting, too
        raise RecipeError(f"{source} is not valid TOML: {error}") from error
    raw.setdefault("name", Path(source).stem)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(f"{source}: {_first_problem(error, raw)}") from error


def _first_problem(error: ValidationError, raw: dict[str, Any]) -> str:
    problem = first_of(error.errors())
    if problem["type"] == "tuple_type" and problem["loc"] == ("loss",):
        return "'loss' is a list of terms; write each as [[loss]], in double brackets"
    *place, key = problem["loc"] or ("",)
    hint = ""
    if problem["type"] in UNKNOWN:
        near = difflib.get_close_matches(str(key), _keys_of(place, raw), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
    return clause(problem) + hint


def _keys_of(place: list[int | str], raw: dict[str, Any]) -> list[str]:
    """Return the keys allowed at a place of the recipe."""
    owner: Any = Recipe
    for part in place:
        if part == "loss":
            owner = LossTerm
        elif part == "model":
            owner = NETWORKS[raw["model"].get("kind", UNetConfig.kind)]
        elif isinstance(part, str):
            owner = get_type_hints(owner)[part]
            # An optional section: the class in "Section | None".
            owner = next(iter(get_args(owner)), owner)
    fields = getattr(owner, "model_fields", None) or getattr(owner, "__dataclass_fields__", {})
    return list(fields)
