"""Disks that are full or may not be written, two writers, files that vanish, flipped bits."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

from mrtoct.errors import MrtoctError
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.translation.bundle import read_bundle

from . import forked
from .ground import Ground
from .kills import Command, again, emptied, left_behind, undisturbed
from .samples import files_in

Faults = list[str]
PARTS = (0.05, 0.3, 0.6, 0.9)
"""Of the room that a command needs, what a full disk has."""


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """Mount a disk of some bytes in memory; needs the rights to."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


def full(command: Command, folder: Path, log: Path) -> Faults:
    """Run a command where the room ends before it does, then again where there is enough."""
    faults: Faults = []
    _, wanted = undisturbed(command, folder / "home", log)
    room = sum(p.stat().st_blocks * 512 for p in (folder / "home").rglob("*"))
    for part in PARTS:
        with small_disk(folder / "small", max(int(room * part), 1 << 16)) as home:
            inner = home / "in"
            code, said = forked.run(lambda at=inner: command.run(at), log)
            if code not in (0, forked.REFUSED):
                faults.append(f"full at {part:.0%}: {said}")
            faults += [f"full at {part:.0%}: {left}" for left in left_behind(inner)]
            try:
                command.require_whole(inner)
            except Exception as error:
                faults.append(f"full at {part:.0%}, half written: {error!r}")
            _mount("-o", f"remount,size={8 * room + (64 << 20)}", str(home))
            faults += [f"after full at {part:.0%}: {f}" for f in again(command, inner, wanted, log)]
    return faults


def read_only(command: Command, folder: Path, log: Path) -> Faults:
    """Run a command into a disk that may not be written."""
    with small_disk(folder / "small", 1 << 20) as home:
        (home / "in").mkdir()
        _mount("-o", "remount,ro", str(home))
        code, said = forked.run(lambda: command.run(home / "in"), log)
        _mount("-o", "remount,rw", str(home))
        faults = [] if code == forked.REFUSED else [f"read-only, ended with {code}: {said}"]
        return faults + ([f"wrote {sorted(files_in(home))}"] if files_in(home) else [])


def two_at_once(command: Command, folder: Path, log: Path, seed: int, times: int = 5) -> Faults:
    """Run a command twice into one folder, the second a moment after the first."""
    random = Random(seed)
    faults: Faults = []
    seconds, wanted = undisturbed(command, folder / "home", log)
    for _ in range(times):
        home = folder / "home"
        emptied(home)
        logs = log.with_suffix(".1"), log.with_suffix(".2")
        wait = random.choice((0.0, random.uniform(0, seconds)))
        first = forked.start(partial(command.run, home), logs[0])
        time.sleep(wait)
        second = forked.start(partial(command.run, home), logs[1])
        ended = [forked.ending(*pair) for pair in zip((first, second), logs, strict=True)]
        where = f"two, {wait:.2f} s apart"
        faults += [f"{where}: {s}" for code, s in ended if code not in (0, forked.REFUSED)]
        if all(code for code, _ in ended):
            faults.append(f"{where}: both were refused: {ended}")
        try:
            command.require_whole(home)
        except Exception as error:
            faults.append(f"{where}, half written: {error!r}")
        faults += [f"after {where}: {fault}" for fault in again(command, home, wanted, log)]
    return faults


def vanishing(
    command: Command, inputs: Path, folder: Path, log: Path, seed: int, times: int = 10
) -> Faults:
    """Move a command's inputs away at some moment of it."""
    random = Random(seed)
    faults: Faults = []
    seconds, wanted = undisturbed(command, folder / "home", log)
    away = inputs.with_name("away")
    for _ in range(times):
        emptied(folder / "home")
        moment = random.uniform(0, seconds)
        child = forked.start(lambda: command.run(folder / "home"), log)
        time.sleep(moment)
        inputs.rename(away)
        code, said = forked.ending(child, log)
        away.rename(inputs)
        where = f"inputs gone after {moment:.2f} s"
        if code not in (0, forked.REFUSED):
            faults.append(f"{where}: {said}")
        faults += [f"{where}: {left}" for left in left_behind(folder / "home")]
        again_faults = again(command, folder / "home", wanted, log)
        faults += [f"after {where}: {fault}" for fault in again_faults]
    return faults


def flipped(ground: Ground, folder: Path, seed: int, times: int) -> dict[str, tuple[int, int]]:
    """Flip one bit in each file of a bundle and a store; return how many of how many were missed.

    A store's own notes of settings and subjects are read strictly but have no sum.
    """
    random = Random(seed)
    missed: dict[str, tuple[int, int]] = {}
    for source, read in ((ground.bundle, _read_bundle), (ground.store, _read_store)):
        copy = folder / source.name
        shutil.copytree(source, copy)
        for name, content in files_in(copy).items():
            unseen = sum(not _noticed(random, copy, name, content, read) for _ in range(times))
            missed[f"{source.name}/{name}"] = (unseen, times)
        shutil.rmtree(copy)
    return missed


def _noticed(
    random: Random, folder: Path, name: str, content: bytes, read: Callable[[Path], None]
) -> bool:
    changed = bytearray(content)
    changed[random.randrange(len(content))] ^= 1 << random.randrange(8)
    (folder / name).write_bytes(changed)
    try:
        read(folder)
    except MrtoctError:
        return True
    finally:
        (folder / name).write_bytes(content)
    return False


def _read_bundle(folder: Path) -> None:
    read_bundle(folder)


def _read_store(folder: Path) -> None:
    for name in read_manifest(folder).subjects:
        read_subject(folder, name)
