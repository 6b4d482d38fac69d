"""The command line of the fault suite."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

os.environ.setdefault("OMP_NUM_THREADS", "1")  # no pool of threads that a fork would lose

import torch

from . import __doc__ as description
from .mutate import mutate
from .readers import READERS
from .summary import table

T = TypeVar("T")


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
    two = commands.add_parser("kill", help="commands killed at random moments")
    two.add_argument("--count", type=int, default=100, help="kills of each command")
    two.add_argument("--seed", type=int, default=1)
    two.add_argument("--command", default="fetch,prepare,train,translate,reproduce", metavar="A,B",
                     help="only these: %(default)s")  # fmt: skip
    two.add_argument("--minutes", type=float, default=1e9, help="of each command, at most")
    two.set_defaults(run=run_kill)
    three = commands.add_parser("disk", help="disks that are full or read-only, and so on")
    three.add_argument("--seed", type=int, default=1)
    three.add_argument("--command", default="fetch,prepare,train,translate,reproduce",
                       metavar="A,B", help="only these: %(default)s")  # fmt: skip
    three.add_argument("--times", type=int, default=5, help="of what is left to chance")
    three.set_defaults(run=run_disk)
    four = commands.add_parser("leak", help="memory over many translations")
    four.add_argument("--count", type=int, default=50)
    four.set_defaults(run=run_leak)
    five = commands.add_parser("large", help="memory of 512 x 512 x 400 voxels: minutes")
    five.set_defaults(run=run_large)
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


def run_kill(arguments: argparse.Namespace) -> int:
    from .ground import archives, make_ground, serving
    from .kills import commands, kill

    logging.disable(logging.CRITICAL)
    faults = 0
    print("| command | kills | runs to the end | files compared | faults |", flush=True)
    print("| --- | ---: | ---: | ---: | ---: |", flush=True)
    with TemporaryDirectory() as name, serving(archives()) as address:
        folder = Path(name)
        every = commands(_in_a_child(make_ground, folder / "ground"), address)
        for command in arguments.command.split(","):
            end = time.monotonic() + 60 * arguments.minutes
            kills = runs = mine = compared = 0
            for came in kill(
                command, every[command], folder / "home", arguments.count, arguments.seed,
                folder / "log.txt",
            ):  # fmt: skip
                kills, runs, compared = kills + came.kills, runs + came.runs, came.compared
                mine += len(came.faults)
                for fault in came.faults:
                    print(fault, file=sys.stderr, flush=True)
                if time.monotonic() > end:
                    break
            print(
                f"| {command}, {came.seconds:.1f} s | {kills} | {runs} | {compared} | {mine} |",
                flush=True,
            )
            faults += mine
    return 1 if faults else 0


def run_disk(arguments: argparse.Namespace) -> int:
    from . import disk
    from .ground import archives, make_ground, serving
    from .kills import commands

    logging.disable(logging.CRITICAL)
    seed, times = arguments.seed, arguments.times
    found = 0
    with TemporaryDirectory() as name, serving(archives()) as address:
        folder, log = Path(name), Path(name) / "log.txt"
        ground = _in_a_child(make_ground, folder / "ground")
        for word, (missed, of) in disk.flipped(
            ground, folder / "flipped", seed, 10 * times
        ).items():
            print(f"flipped bit, {word}: {missed} of {of} unnoticed", flush=True)
        every = commands(ground, address)
        for word in arguments.command.split(","):
            command = every[word]
            tried = {
                "full disk": lambda c=command: disk.full(c, folder, log),
                "read-only": lambda c=command: disk.read_only(c, folder, log),
                "two at once": lambda c=command: disk.two_at_once(c, folder, log, seed, times),
            }
            if word != "fetch":
                tried["inputs vanish"] = lambda c=command: disk.vanishing(
                    c, folder / "ground", folder, log, seed, times
                )
            for what, try_it in tried.items():
                faults = try_it()
                found += len(faults)
                print(f"{word}, {what}: {len(faults)} faults", flush=True)
                for fault in faults:
                    print(fault, file=sys.stderr, flush=True)
    return 1 if found else 0


def run_leak(arguments: argparse.Namespace) -> int:
    from .ground import make_ground
    from .memory import growth, leak

    with TemporaryDirectory() as name:
        ground = _in_a_child(make_ground, Path(name) / "ground")
        sizes = leak(ground.bundle, ground.mr, arguments.count)
    by = growth(sizes)
    print(
        f"{len(sizes)} translations: {sizes[0] / 1e6:.1f} MB after the first, "
        f"{sizes[-1] / 1e6:.1f} after the last; {by / 1e3:+.1f} kB with each"
    )
    return 1 if by > 100e3 else 0


def run_large(_: argparse.Namespace) -> int:
    from .memory import LARGE, MOST_BYTES, large

    worst = 0
    with TemporaryDirectory() as name:
        for used in large(Path(name)):
            print(
                f"{used.command}: {used.peak_bytes / 1e9:.2f} GB, {used.seconds:.0f} s of a "
                f"processor, exit status {used.status}",
                flush=True,
            )
            worst = max(worst, used.peak_bytes)
    print(f"{' x '.join(map(str, LARGE))} voxels within {worst / 1e9:.2f} GB")
    return 1 if worst > MOST_BYTES else 0


def _in_a_child(make: Callable[[Path], T], folder: Path) -> T:
    """Make something in a process of its own, so that this one keeps no thread of it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(make, (folder,))


if __name__ == "__main__":
    main()
