"""Damaged files into every reader; a case is a reader, a seed and a number, and comes again."""

from __future__ import annotations

import json
import math
import os
import time
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from mrtoct.errors import MrtoctError

from .isolation import Outcome, run_cases
from .readers import READERS, Reader
from .samples import Files

PART = 2500
"""Cases between two notes of how far a run is."""
NOTES = "mutate.jsonl"


@dataclass(frozen=True)
class Part:
    """Some cases of one reader."""

    reader: str
    seed: int
    first: int
    count: int


class Inputs:
    """The samples of a reader on disk, of which one at a time is damaged."""

    def __init__(self, reader: Reader, name: str, seed: int, folder: Path) -> None:
        self.reader, self.name, self.seed, self.folder = reader, name, seed, folder
        self.samples = reader.samples()
        for number, files in enumerate(self.samples):
            write_files(folder / str(number), files)

    def damaged(self, number: int) -> tuple[int, Files]:
        """Return which sample a case is of, and what in it is changed."""
        random = Random(f"{self.name} {self.seed} {number}")
        chosen = random.randrange(len(self.samples))
        return chosen, self.reader.damaged(random, self.samples[chosen])

    def run(self, number: int) -> None:
        """Read one damaged input; raises what the reader raises."""
        chosen, changed = self.damaged(number)
        home = self.folder / str(chosen)
        write_files(home, changed)
        try:
            self.reader.read(home)
        except MrtoctError as error:
            _require_sentence(error)
            raise
        finally:
            write_files(home, {name: self.samples[chosen][name] for name in changed})


def _require_sentence(error: MrtoctError) -> None:
    """Raise AssertionError unless a message can be shown in a terminal, on one line."""
    text = str(error)
    if len(text) > 4000 or any(unicodedata.category(c) in ("Cc", "Cs", "Zl") for c in text):
        raise AssertionError(f"{type(error).__name__} of {len(text)} letters: {text[:300]!r}")


def write_files(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def mutate(
    out: Path, names: Sequence[str], seed: int, count: int, *, first: int = 0, minutes: float = 1e9
) -> Iterator[tuple[Part, Outcome]]:
    """Run cases from the first on, part by part in turn, but those that out has already.

    About count in all, shared out among the readers. Yields what became of each part; faults are
    kept in out with their inputs.
    """
    out.mkdir(parents=True, exist_ok=True)
    done = {part for part, _ in notes(out)}
    end = time.monotonic() + 60 * minutes
    with TemporaryDirectory(dir=_memory()) as scratch:
        inputs = {}
        counts = _shared_out(names, count)
        for begin in range(first, first + max(counts.values()), PART):
            for name in names:
                left = first + counts[name] - begin
                part = Part(name, seed, begin, min(PART, left))
                if left <= 0 or part in done or time.monotonic() > end:
                    continue
                if name not in inputs:
                    inputs[name] = Inputs(READERS[name], name, seed, Path(scratch) / name)
                outcome = run_cases(inputs[name].run, part.first, part.count, Path(scratch))
                _keep(out, inputs[name], part, outcome)
                yield part, outcome


def _shared_out(names: Sequence[str], count: int) -> dict[str, int]:
    shares = {name: READERS[name].share for name in names}
    return {name: math.ceil(count * n / sum(shares.values())) for name, n in shares.items()}


def _keep(out: Path, inputs: Inputs, part: Part, outcome: Outcome) -> None:
    for fault in outcome.faults:
        folder = out / f"{part.reader}-{part.seed}-{fault.number}"
        chosen, changed = inputs.damaged(fault.number)
        write_files(folder, {**inputs.samples[chosen], **changed})
        (folder / "FAULT.txt").write_text(
            f"{fault.kind} at {fault.where}\npython -m benchmarks.faults mutate OUT --reader "
            f"{part.reader} --seed {part.seed} --first {fault.number} --count 1\n\n{fault.said}\n",
            encoding="utf-8",
        )
    with (out / NOTES).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"part": asdict(part), "outcome": asdict(outcome)}) + "\n")


def notes(out: Path) -> list[tuple[Part, dict[str, object]]]:
    """Return the parts that were run into a folder, and what became of each."""
    if not (out / NOTES).exists():
        return []
    lines = (out / NOTES).read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [(Part(**r["part"]), r["outcome"]) for r in records]


def _memory() -> str | None:
    """Return a folder in memory, where there is one: a case writes two small files."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
