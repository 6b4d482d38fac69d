"""Pages that are written from the package itself when the site is built, so they cannot drift.

A page holds a line such as <!-- generated: commands -->, in whose place the text comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from sphinx.application import Sphinx

Function = Callable[..., None]
MARKER = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)


# commands


def commands() -> str:
    """Return a section for every command: usage, what it does, arguments, options."""
    return "\n\n".join(_command(*leaf) for leaf in leaves())


def leaves() -> Iterator[tuple[str, Any, Function]]:
    """Yield each command's full name, how typer parses it, and the function that it calls."""
    from mrtoct.cli.app import COMMANDS, functions, load

    for name in COMMANDS:
        command = load(name)
        for full, function in functions(name).items():
            own = command.commands[full.split()[-1]] if hasattr(command, "commands") else command
            yield f"mrtoct {full}", own, function


def _command(path: str, command: Any, function: Function) -> str:
    kinds = get_type_hints(function)
    parameters = [p for p in command.params if p.name in kinds]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = [p for p in parameters if p.param_type_name == "option"]
    names = [p.metavar if p.required else f"[{p.metavar}]" for p in arguments]
    usage = " ".join([path, *names, *(["[OPTIONS]"] if options else [])])
    parts = [f"## {path}", f"```text\n{usage}\n```", _unwrapped(command.help or "")]
    if arguments:
        parts.append(
            _table(("argument", ""), [(f"`{p.metavar}`", p.help or "") for p in arguments])
        )
    if options:
        rows = [
            (
                f"`{', '.join([*p.opts, *p.secondary_opts])}`",
                _takes(p, kinds[p.name]),
                p.help or "",
                _default(p),
            )
            for p in options
        ]
        parts.append(_table(("option", "takes", "", "default"), rows))
    return "\n\n".join(parts)


def _takes(option: Any, kind: Any) -> str:
    if kind is bool:
        return ""
    if get_origin(kind) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{value.value}`" for value in kind)
    if option.metavar:
        return "`" + option.metavar.replace("|", r"\|") + "`"  # a bar ends a table's cell
    inside = next((a for a in get_args(kind) if a is not type(None)), kind)
    return {int: "whole number", float: "number", Path: "path"}.get(inside, "text")


def _default(option: Any) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    value = option.default
    if callable(value) or value in (None, False, "", [], ()):
        return ""
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return f"`{getattr(value, 'value', value)}`"


def _unwrapped(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))


# recipes


def recipe_keys() -> str:
    """Return a table of keys for every section of a recipe, from the model that checks them."""
    from mrtoct.networks.registry import NETWORKS
    from mrtoct.training.recipe import Recipe

    parts = []
    for name, field in Recipe.model_fields.items():
        if name == "model":
            parts += [_section(f"model of kind {kind}", c) for kind, c in NETWORKS.items()]
        elif owner := _owner(field.annotation):
            parts.append(_section(name, owner))
    return "\n\n".join(parts)


def _owner(annotation: Any) -> type | None:
    """Return the class of a section, also within "Section | None" and tuple[Section, ...]."""
    candidates = (annotation, *get_args(annotation))
    return next((c for c in candidates if hasattr(c, "model_fields") or is_dataclass(c)), None)


def _section(title: str, owner: type) -> str:
    from sphinx.pycode import ModuleAnalyzer

    from mrtoct.training.losses import LOSSES
    from mrtoct.training.recipe import LossTerm

    said = ModuleAnalyzer.for_module(owner.__module__).find_attr_docs()
    rows, below = [], []
    for key, annotation, default in _fields(owner):
        if key in ("kind", "in_channels", "out_channels"):
            continue  # decided by the title and by the data
        if (owner, key) == (LossTerm, "term"):
            annotation = Literal[tuple(LOSSES)]
        inner = _owner(annotation)
        if inner:
            below.append(_section(f"{title}.{key}", inner))
            continue
        text = " ".join(" ".join(said.get((owner.__name__, key), ())).split())
        rows.append((f"`{key}`", _allowed(annotation), _shown(default), text))
    about = _unwrapped(owner.__doc__ or "")
    table = _table(("key", "value", "default", ""), rows)
    return "\n\n".join([f"### {title}", about, table, *below])


def _fields(owner: Any) -> Iterator[tuple[str, Any, Any]]:
    if hasattr(owner, "model_fields"):
        for key, field in owner.model_fields.items():
            bounds = [_bound(m) for m in field.metadata if type(m).__name__.lower() in _SIGNS]
            kind = (field.annotation, bounds) if bounds else field.annotation
            yield key, kind, field.default
    else:
        hints = get_type_hints(owner)
        for field in fields(owner):
            yield field.name, hints[field.name], field.default


_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def _bound(metadata: Any) -> str:
    """Return "≥ 1" for annotated_types.Ge(1) and so on."""
    word = type(metadata).__name__.lower()
    return f"{_SIGNS[word]} {getattr(metadata, word):.10g}"


def _allowed(annotation: Any) -> str:
    if isinstance(annotation, tuple):
        return f"{_allowed(annotation[0])}, {' and '.join(annotation[1])}"
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{_toml(value)}`" for value in get_args(annotation))
    inside = get_args(annotation)
    if get_origin(annotation) is tuple:
        kind = _allowed(inside[0])
        return f"list of {kind}" if Ellipsis in inside else f"{len(inside)} of {kind}"
    if inside:  # a value that may be left out
        return " or ".join(_allowed(each) for each in inside if each is not type(None))
    return {"int": "whole number", "float": "number", "str": "text", "bool": "true or false"}.get(
        getattr(annotation, "__name__", ""), str(annotation)
    )


def _shown(default: Any) -> str:
    if default in (MISSING, PydanticUndefined):
        return "must be given"
    return "none" if default is None else f"`{_toml(default)}`"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return str(value)


def recipe_files() -> str:
    """Return every built-in recipe as it is."""
    from mrtoct.training.recipe_file import recipe_names

    folder = resources.files("mrtoct") / "recipes"
    return "\n\n".join(
        f"### {name}\n\n```toml\n{(folder / f'{name}.toml').read_text('utf-8').strip()}\n```"
        for name in recipe_names()
    )


def changes() -> str:
    """Return the changelog without its title."""
    text = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    return text.partition("\n")[2]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


TEXTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "recipe_keys": recipe_keys,
    "recipe_files": recipe_files,
    "changes": changes,
}


def filled(page: str) -> str:
    """Return a page with its generated parts."""
    return MARKER.sub(lambda found: TEXTS[found[1]](), page)


def _plain(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text with formulas: |a - b| is no reference and * no emphasis."""
    lines[:] = [re.sub(r"([|*])", r"\\\1", line) for line in lines]


def _fill(app: Sphinx, name: str, content: list[str]) -> None:
    content[0] = filled(content[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Fill pages when they are read."""
    app.connect("source-read", _fill)
    app.connect("autodoc-process-docstring", _plain)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
