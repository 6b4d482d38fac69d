"""Commands killed at random moments, then run again: nothing lost, nothing half written.

Each command is forked from a process that has imported everything, so that a kill takes as long
as the work before it. After one to five kills in a row the command runs to its end, and what it
has made then is what a run that nobody disturbed makes.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from unittest import mock

from mrtoct.cli.translate import translate
from mrtoct.datasets.rire.fetch import FetchSettings, fetch
from mrtoct.errors import FileError
from mrtoct.io.files import read_volume
from mrtoct.judging.metrics.synthrad import SynthRad2025
from mrtoct.prepare.cohort import prepare_cohort
from mrtoct.prepare.store import read_subject
from mrtoct.study.experiments import Experiment
from mrtoct.study.reproduce import reproduce
from mrtoct.training.run import read_run
from mrtoct.training.train import train
from mrtoct.translation.bundle import read_bundle

from . import forked
from .ground import ARCHIVES, SETTINGS, Ground, recipe
from .samples import Files, files_in

WITH_TIMES = ("study.md",)
"""Files that say how long something took, in minutes: equal only on an idle machine."""


@dataclass(frozen=True)
class Command:
    """Something that can be killed, in a folder of its own."""

    run: Callable[[Path], None]
    """Begin, or go on after a kill, as a user would; raises what goes wrong."""
    require_whole: Callable[[Path], None]
    """Read whatever is there; raises if something is half written."""


@dataclass(frozen=True)
class Kills:
    """What came of some kills of one command."""

    seconds: float
    """That it takes undisturbed."""
    kills: int
    runs: int
    """To the end, after one to five kills each."""
    compared: int
    """Files that are the same in two runs that nobody disturbed, and so in these."""
    faults: tuple[str, ...]


def commands(ground: Ground, address: str) -> dict[str, Command]:
    return {
        "fetch": Command(lambda home: _fetch(home, address), _fetched),
        "prepare": Command(
            lambda home: _nothing(prepare_cohort(ground.table, home / "store", SETTINGS)), _store
        ),
        "train": Command(lambda home: _train(ground, home), _run),
        "translate": Command(lambda home: _translate(ground, home), _translated),
        "reproduce": Command(lambda home: _reproduce(ground, home), _study),
    }


def kill(
    name: str, command: Command, home: Path, count: int, seed: int, log: Path
) -> Iterator[Kills]:
    """Kill a command count times; yields what came of each row of kills and the run after it."""
    random = Random(f"{name} {seed}")
    seconds, wanted = undisturbed(command, home, log)
    done = 0
    while done < count:
        emptied(home)
        faults: list[str] = []
        # Less and less is left to do after each, so later moments are as well early ones.
        parts = (random.choice((1.0, 0.5, 0.2)) for _ in range(random.randint(1, 5)))
        moments = [random.uniform(0, part * seconds) for part in parts]
        killed = 0
        for moment in moments:
            killed += _killed(command, home, moment, log)
            try:
                command.require_whole(home)
            except Exception:
                faults.append(f"half written:\n{traceback.format_exc()}")
        faults += again(command, home, wanted, log)
        done += killed
        where = f"{name}, seed {seed}, killed after {', '.join(f'{m:.3f}' for m in moments)} s"
        yield Kills(seconds, killed, 1, len(wanted), tuple(f"{where}: {fault}" for fault in faults))


def undisturbed(command: Command, home: Path, log: Path) -> tuple[float, Files]:
    """Return how long a command takes, and the files that it always makes the same."""
    made = []
    for _ in range(2):
        emptied(home)
        began = time.monotonic()
        code, said = forked.run(lambda: command.run(home), log)
        if code:
            raise RuntimeError(f"without any kill: {said}")
        forked.import_what_it_imported(log)
        seconds = time.monotonic() - began
        made.append(files_in(home))
    first, second = made
    same = {n: c for n, c in first.items() if second.get(n) == c and n[0] != "."}
    return seconds, {n: c for n, c in same.items() if Path(n).name not in WITH_TIMES}


def again(command: Command, home: Path, wanted: Mapping[str, bytes], log: Path) -> list[str]:
    """Run a command to its end; return what is wrong with what it has made."""
    code, said = forked.run(lambda: command.run(home), log)
    if code:
        return [f"the run after it: {said}"]
    made = files_in(home)
    other = [name for name, content in wanted.items() if made.get(name) != content]
    return left_behind(home) + ([f"other than undisturbed: {', '.join(other)}"] if other else [])


def left_behind(home: Path) -> list[str]:
    left = sorted({p.relative_to(home).as_posix() for p in home.rglob(".part-*")})
    return [f"left behind: {', '.join(left)}"] if left else []


def _killed(command: Command, home: Path, moment: float, log: Path) -> bool:
    """Tell whether a command was still at work when it was killed."""
    child = forked.start(lambda: command.run(home), log)
    time.sleep(moment)
    ended, _ = os.waitpid(child, os.WNOHANG)
    if ended:
        return False
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def emptied(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)


def _nothing(_: object) -> None:
    return None


def _fetch(home: Path, address: str) -> None:
    result = fetch(home / "rire", ARCHIVES, FetchSettings(address))
    if result.failed:
        raise FileError("; ".join(map(str, result.failed.values())))


def _fetched(home: Path) -> None:
    for archive in ARCHIVES:
        if (home / "rire" / archive.name).exists():
            read_volume(home / "rire" / archive.name, "HU")


def _store(home: Path) -> None:
    for record in (home / "store").glob("[!.]*/subject.json"):
        read_subject(home / "store", record.parent.name)


def _train(ground: Ground, home: Path) -> None:
    run = home / "run"
    train(ground.store, run, recipe(), resume=(run / "run.json").is_file())


def _run(home: Path) -> None:
    for run in {path.parent for path in home.rglob("run.json")}:
        read_run(run)
    for bundle in home.rglob("bundle.json"):
        if not any(part.startswith(".part-") for part in bundle.relative_to(home).parts):
            read_bundle(bundle.parent)


def _translate(ground: Ground, home: Path) -> None:
    translate(
        ground.mr, home / "sct.nii.gz", model=str(ground.bundle), page=home / "page.html",
        force=True, overwrite=True, device="cpu",
    )  # fmt: skip


def _translated(home: Path) -> None:
    if (home / "sct.nii.gz").exists():
        read_volume(home / "sct.nii.gz", "HU")
    page = home / "page.html"
    if page.exists() and not page.read_text(encoding="utf-8").rstrip().endswith("</html>"):
        raise RuntimeError("half a page")


def experiments() -> tuple[Experiment, ...]:
    """Return the paper's, of a few weights and steps."""
    against = {"adversarial": {"width": 2}}
    steps = {"steps": 2, "batch": 2, "validate_every": 1, "precision": "float32"}
    cascade = recipe(
        "b", training=steps, model={"kind": "context", "width": 1}, adversarial={"width": 2},
        auto_context={"iterations": 2, "folds": 2},
    )  # fmt: skip
    return (
        Experiment("unet-mae", "4.1", "u-net, MAE", recipe("a", training=steps)),
        Experiment("pix2pix", "4.2", "pix2pix", recipe("c", training=steps, **against)),
        Experiment(
            "pix2pix-boost",
            "4.3",
            "fine-tuned",
            recipe("d", training=steps, focus={"bone": 1.0}, **against),
            start="pix2pix",
        ),
        Experiment("context-gan", "3.3", "3-D GAN", cascade),
    )


def _reproduce(ground: Ground, home: Path) -> None:
    # Figures and MS-SSIM, which pads such small heads, would take most of the time.
    with (
        mock.patch("mrtoct.study.plan.paper_experiments", experiments),
        mock.patch("mrtoct.study.reproduce.write_figures", lambda results: []),
        mock.patch(
            "mrtoct.judging.metrics.evaluation.synthrad_2025",
            lambda *_: SynthRad2025(1.0, 2.0, 0.5),
        ),
    ):
        reproduce(ground.store, home / "study", device="cpu")


def _study(home: Path) -> None:
    _run(home)
