"""What a check says: a sentence, about which scan, and how much it matters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from mrtoct.errors import in_python, with_ways_out

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
    way_out: tuple[str, str] | None = None
    """A switch that would help, and what for, as errors name them."""

    def __str__(self) -> str:
        said = self.spelt(in_python).sentence
        return f"{self.scan}: {said}" if self.scan else said

    def spelt(self, spelling: Callable[[str], str | None]) -> Finding:
        """Return the finding with its way out, as a spelling has it, in the sentence."""
        ways = dict([self.way_out] if self.way_out else [])
        return replace(self, sentence=with_ways_out(self.sentence, ways, spelling), way_out=None)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return the worst that the findings say."""
    weights = {finding.weight for finding in findings}
    if "unusable" in weights:
        return "unusable"
    return "doubtful" if "doubtful" in weights else "ok"
