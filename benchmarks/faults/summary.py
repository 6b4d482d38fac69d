"""What a run of damaged inputs came to, as a table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from .mutate import notes


def table(out: Path) -> str:
    """Return cases, refused, read and faults by reader, as Markdown, and below it each fault."""
    sums: dict[str, Counter[str]] = {}
    peaks: dict[str, float] = {}
    kinds: Counter[tuple[str, str, str]] = Counter()
    first: dict[tuple[str, str, str], str] = {}
    for part, outcome in notes(out):
        of: dict[str, Any] = outcome
        mine = sums.setdefault(part.reader, Counter())
        for column in ("cases", "refused", "read"):
            mine[column] += of[column]
        mine["faults"] += len(of["faults"])
        peaks[part.reader] = max(peaks.get(part.reader, 0.0), of["peak_mb"])
        for fault in of["faults"]:
            kind = (part.reader, fault["kind"], fault["where"])
            kinds[kind] += 1
            first.setdefault(kind, f"--seed {part.seed} --first {fault['number']}")
    total = sum(sums.values(), Counter())
    rows = [(name, sums[name], f"{peaks[name]:.0f}") for name in sums]
    rows.append(("all", total, f"{max(peaks.values(), default=0):.0f}"))
    lines = ["| reader | cases | refused | read | faults | memory, MB |"]
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, of, peak in rows:
        numbers = [f"{of[c]:,}" for c in ("cases", "refused", "read", "faults")]
        lines.append(f"| {' | '.join([name, *numbers, peak])} |")
    if kinds:
        lines += ["", "| fault | where | how often | the first |", "| --- | --- | ---: | --- |"]
        lines += [
            f"| {reader}: {kind} | {where} | {n} | {first[reader, kind, where]} |"
            for (reader, kind, where), n in kinds.most_common()
        ]
    return "\n".join(lines) + "\n"
