"""What came of each head that was translated: as a table, or as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mrtoct.check.finding import Finding, verdict_of
from mrtoct.cli.one_head import Outputs, Translated

STYLES = {"ok": "green", "doubtful": "yellow", "unusable": "red", "there": "dim", "failed": "red"}
"""Of what came of a head: the verdict on its MR; there already; no synthetic CT."""


@dataclass(frozen=True)
class Row:
    """What came of one head."""

    name: str
    came: str
    """One of STYLES."""
    said: str = ""
    """Kinds of findings, or the reason."""
    hu: tuple[int, int] | None = None
    """Lowest and highest of the synthetic CT."""
    seconds: float | None = None
    findings: tuple[Finding, ...] = ()
    doubts: tuple[str, ...] = ()
    """About the registration of the MR channels."""
    outputs: Outputs | None = None
    """What was written, or lay there."""


def row_of(name: str, made: Translated, outputs: Outputs, seconds: float) -> Row:
    """Return what is told of a head that was translated."""
    serious = [finding for finding in made.findings if finding.weight != "note"]
    kinds = [*(finding.kind for finding in serious), *["registration"][: len(made.doubts)]]
    verdict = verdict_of(made.findings)
    return Row(
        name,
        "doubtful" if verdict == "ok" and made.doubts else verdict,
        ", ".join(dict.fromkeys(kinds)),
        (int(made.sct.voxels.min()), int(made.sct.voxels.max())),
        seconds,
        tuple(made.findings),
        tuple(made.doubts),
        outputs,
    )


def show(rows: Sequence[Row]) -> None:
    """Print a table with a line for each head, and how many came to what."""
    console = Console(highlight=False)
    table = Table()
    for column in ("head", "verdict", "findings or reason", "HU", "time"):
        table.add_column(column, overflow="fold")
    for row in rows:
        style = STYLES[row.came]
        spent = "" if row.seconds is None else f"{row.seconds:.0f} s"
        said = Text(row.said, style="red" if row.came == "failed" else "")
        hu = "" if row.hu is None else f"{row.hu[0]} to {row.hu[1]}"
        table.add_row(Text(row.name), Text(row.came, style=style), said, hu, spent)
    console.print(table)
    counts = Counter(
        {"failed": "failed", "there": "existing"}.get(row.came, "translated") for row in rows
    )
    console.print(", ".join(f"{count} {word}" for word, count in counts.items()))


def plain(rows: Sequence[Row]) -> dict[str, list[dict[str, Any]]]:
    """Return what came of heads as plain values; verdict is one of STYLES."""
    return {"heads": [_plain(row) for row in rows]}


def _plain(row: Row) -> dict[str, Any]:
    files = {}
    if row.outputs is not None:
        named = (row.outputs.sct, row.outputs.deviation, row.outputs.page)
        files = dict(zip(("sct", "uncertainty", "page"), named, strict=True))
    return {
        "name": row.name,
        "verdict": row.came,
        "reason": row.said if row.came in ("failed", "there") else "",
        "files": {what: str(path) for what, path in files.items() if path is not None},
        "hu": None if row.hu is None else list(row.hu),
        "findings": [
            {"kind": f.kind, "weight": f.weight, "scan": f.scan, "sentence": f.sentence}
            for f in row.findings
        ],
        "registration": list(row.doubts),
        "seconds": None if row.seconds is None else round(row.seconds, 1),
    }
