"""The command line of the fault suite."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # no pool of threads that a fork would lose

import torch

from . import __doc__ as description
from .mutate import mutate
from .readers import READERS
from .summary import table


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.faults",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("mutate", help="damaged files into every reader")
    one.add_argument("out", type=Path, help="folder for what was done and for inputs of faults")
    one.add_argument(
        "--count", type=int, default=10_000, help="cases in all, more of quick readers"
    )
    one.add_argument("--first", type=int, default=0, help="number of the first case")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--reader", default=",".join(READERS), metavar="A,B",
                     help="only these: %(default)s")  # fmt: skip
    one.add_argument("--minutes", type=float, default=1e9, help="stop after; goes on when repeated")
    one.set_defaults(run=run_mutate)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sys.exit(arguments.run(arguments))


def run_mutate(arguments: argparse.Namespace) -> int:
    names = arguments.reader.split(",")
    if unknown := set(names) - set(READERS):
        raise SystemExit(f"there is no reader {', '.join(unknown)}; there are {', '.join(READERS)}")
    began = time.monotonic()
    faults = 0
    parts = mutate(
        arguments.out, names, arguments.seed, arguments.count, first=arguments.first,
        minutes=arguments.minutes,
    )  # fmt: skip
    for part, outcome in parts:
        faults += len(outcome.faults)
        seconds, began = time.monotonic() - began, time.monotonic()
        print(
            f"{part.reader} {part.first}: {outcome.cases} cases, {outcome.cases / seconds:.0f}/s, "
            f"{outcome.refused} refused, {outcome.read} read, {len(outcome.faults)} faults",
            flush=True,
        )
    print(table(arguments.out))
    return 1 if faults else 0


if __name__ == "__main__":
    main()
