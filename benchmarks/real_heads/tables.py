"""Results as JSON and as Markdown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from .part import Table

FILE = "judged"


def write_tables(tables: list[Table], out: Path, about: dict[str, Any]) -> None:
    """Write judged.json and judged.md into a folder."""
    plain = {
        **about,
        "tables": [{"title": t.title, "note": t.note, "rows": t.rows} for t in tables],
    }
    (out / f"{FILE}.json").write_text(json.dumps(_without_nan(plain), indent=1) + "\n")
    (out / f"{FILE}.md").write_text("\n".join(markdown(t) for t in tables))


def markdown(table: Table) -> str:
    """Return a heading, a note and the rows; columns in the order they first come in."""
    columns = list(dict.fromkeys(name for row in table.rows for name in row))
    words = {c: any(isinstance(row.get(c), str) for row in table.rows) for c in columns}
    lines = [
        f"## {table.title}",
        "",
        table.note,
        "",
        "| " + " | ".join(columns) + " |",
        "| " + " | ".join("---" if words[c] else "---:" for c in columns) + " |",
    ]
    lines += [
        "| " + " | ".join(shown(row.get(c, math.nan)) for c in columns) + " |" for row in table.rows
    ]
    return "\n".join(lines) + "\n"


def shown(value: float | str) -> str:
    """Return a number with three digits or so, words as they are, nothing for what is not known."""
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        return ""
    size = abs(value)
    return f"{value:.0f}" if size >= 20 else f"{value:.1f}" if size >= 3 else f"{value:.2f}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
