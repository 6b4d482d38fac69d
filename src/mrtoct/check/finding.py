"""What a check says: a sentence, about which scan, and how much it matters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Weight = Literal["note", "doubtful", "unusable"]
Verdict = Literal["ok", "doubtful", "unusable"]


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing about a subject."""

    weight: Weight
    """A note changes no verdict; doubtful: look at it; unusable: it would fail or do harm."""
    kind: str
    """A word for programs to tell findings by, such as "moved-hu"."""
    sentence: str
    """What was found, what is usual and what to do."""
    scan: str = ""
    """"CT", "MR T1"; empty where it is about the subject as a whole."""

    def __str__(self) -> str:
        return f"{self.scan}: {self.sentence}" if self.scan else self.sentence


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return the worst that the findings say."""
    weights = {finding.weight for finding in findings}
    if "unusable" in weights:
        return "unusable"
    return "doubtful" if "doubtful" in weights else "ok"
