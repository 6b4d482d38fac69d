"""A recipe is a whole experiment in one TOML file; a wrong key or value is named at once."""

from __future__ import annotations

import difflib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mrtoct.errors import FileError, RecipeError
from mrtoct.networks.generator import CONFIGS
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
            f"no recipe {text!r}{hint}; built-in: {', '.join(recipe_names())}; or name a .toml file"
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
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source} is not valid TOML: {error}") from error
    raw.setdefault("name", Path(source).stem)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(f"{source}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problems = error.errors()
    # A misspelt key also makes its right name missing: the misspelling is the cause.
    unknown = ("extra_forbidden", "unexpected_keyword_argument")
    problem = next((p for p in problems if p["type"] in unknown), problems[0])
    where = ".".join(str(part) for part in problem["loc"] if part not in CONFIGS)
    if problem["type"].startswith("union_tag"):
        return f"'model.kind' must be one of {', '.join(CONFIGS)}"
    if problem["type"] in unknown:
        near = difflib.get_close_matches(
            str(problem["loc"][-1]), _keys_of(problem["loc"][:-1]), n=1, cutoff=0.5
        )
        return f"unknown key {where!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    if problem["type"] == "missing":
        return f"{where!r} is missing"
    if problem["type"] == "tuple_type" and where == "loss":
        return "'loss' is a list of terms; write each as [[loss]], in double brackets"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] != "value_error":  # our own messages say what they got
        message += f", got {problem['input']!r}"
    return f"{where!r}: {message}" if where else message


def _keys_of(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys allowed at a place of the recipe."""
    owner: Any = Recipe
    for part in location:
        if isinstance(part, int):
            continue
        if part == "loss":
            owner = LossTerm
        elif part in CONFIGS:
            owner = CONFIGS[part]
        elif hasattr(owner, "model_fields"):
            owner = owner.model_fields[part].annotation
            # An optional section: the class in "Section | None".
            owner = next(iter(getattr(owner, "__args__", ())), owner)
    fields = getattr(owner, "model_fields", None) or getattr(owner, "__dataclass_fields__", {})
    return list(fields)
