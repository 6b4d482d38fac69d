"""The study's tables and figures as Markdown, for repositories and papers."""

from __future__ import annotations

from collections.abc import Sequence

from mrtoct.study.contents import Contents
from mrtoct.study.figures import Picture
from mrtoct.study.tables import Table


def markdown(contents: Contents) -> str:
    """Return the whole study as Markdown."""
    parts = [f"# {contents.title}", *contents.introduction]
    if contents.warnings:
        parts += ["## Notes on interpretation", _bullets(contents.warnings)]
    parts += ["## Findings", _bullets(contents.findings)]
    for title, tables in contents.sections:
        parts += [f"## {title}", *(_table(t) for t in tables)]
    parts += ["## Figures", *(_picture(p) for p in contents.pictures)]
    parts += ["## How", _bullets(contents.notes)]
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_plain(line)}" for line in lines) if lines else "Nothing yet."


def _table(table: Table) -> str:
    columns = list(table.columns)
    start = 0
    for group, count in table.groups:
        if group:
            columns[start : start + count] = [
                f"{group}: {c}" for c in columns[start : start + count]
            ]
        start += count
    lines = [
        "| " + " | ".join(map(_plain, columns)) + " |",
        "| --- |" + " ---: |" * (len(columns) - 1),
        *("| " + " | ".join(map(_cell, row)) + " |" for row in table.rows),
    ]
    return f"### {table.title}\n\n{_plain(table.caption)}\n\n" + "\n".join(lines)


def _cell(text: str) -> str:
    first, *about = text.split("\n")
    return _plain(f"{first} ({'; '.join(about)})" if about else first)


def _picture(picture: Picture) -> str:
    return f"### {picture.title}\n\n![{picture.title}](figures/{picture.file})\n\n{picture.caption}"


def _plain(text: str) -> str:
    """Keep names of subjects and cohorts from being read as Markdown."""
    return "".join("\\" + c if c in "\\|<*_`[]" else c for c in text)
