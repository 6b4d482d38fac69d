"""A folder of heads, one after the other by one model: what fails is named, the rest is done."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from mrtoct.cli.heads_table import Row, row_of
from mrtoct.cli.many_outputs import Job, plan_jobs
from mrtoct.cli.one_head import Manner, Outputs, Translated, read_head, translate_head
from mrtoct.cli.options import listed
from mrtoct.cli.terminal import option, say, watching
from mrtoct.cli.translation import load_translator, models_named
from mrtoct.datasets.heads import list_heads
from mrtoct.errors import MrtoctError
from mrtoct.hardware.cluster import spread
from mrtoct.hardware.progress import Update, Watcher
from mrtoct.translation.bundle import read_description
from mrtoct.translation.pretrained.shipped import NAMES
from mrtoct.translation.translator import Translator


@dataclass(frozen=True)
class Known:
    """A model, or several, that workers are to load, and what tells whether it is the same."""

    named: str
    """As for --model, found from any folder."""
    weights: tuple[str, ...]
    """SHA-256 of each."""
    device: str


@dataclass(frozen=True)
class Teller:
    """Tells a watcher about one head of several."""

    watcher: Watcher
    name: str
    done: int
    total: int

    def stage(self, word: str) -> None:
        """Tell what is under way."""
        self.watcher(Update(self.done, self.total, f"{self.name}: {word}"))

    def say(self, sentence: str) -> None:
        """Tell what should be kept."""
        self.watcher(Update(self.done, self.total, self.name, message=f"{self.name}: {sentence}"))


def translate_heads(
    source: Path,
    folders: Outputs,
    manner: Manner,
    *,
    series: str | None,
    contrasts: Sequence[str],
    device: str,
    overwrite: bool,
    scheduler: str | None = None,
) -> list[Row]:
    """Translate every head in a folder into others; what came of each, by name.

    With a scheduler's address the workers of its Dask cluster do so, each with the model in memory.

    A head whose results are there is passed over unless overwrite. Raises an MrtoctError where none
    could be done at all.
    """
    bundles = models_named(manner.model)
    if scheduler is not None:  # other machines work in other folders
        source, folders = source.absolute(), folders.absolute()
        manner = replace(manner, model=_named_anywhere(manner.model, bundles))
    found = list_heads(source, series, aside=folders.paths)
    translator = load_translator(bundles, device, deviation=folders.deviation is not None)
    jobs, rejected = plan_jobs(
        source, found, folders, manner, translator.bundle, contrasts, overwrite=overwrite
    )
    say(f"heads to translate in {source}: {len(jobs)}")
    if found.layout != "volumes":  # whose names say it
        for job in jobs:
            say(f"{job.name}: {job.taken}")
    if found.passed:
        say(f"skipped, no MR to translate: {', '.join(found.passed)}")
    rows = [Row(name, "failed", reason) for name, reason in rejected.items()]
    with watching("translate") as watcher:
        if scheduler is None:
            came = _one_by_one(translator, jobs, manner, watcher, overwrite=overwrite)
        else:
            model = Known(manner.model, _weights_of(bundles), device)
            came = _by_cluster(scheduler, model, jobs, manner, watcher, overwrite=overwrite)
        rows += came
        watcher(Update(len(jobs), len(jobs)))
    return sorted(rows, key=lambda row: row.name)


def _one_by_one(
    translator: Translator,
    jobs: Sequence[Job],
    manner: Manner,
    watcher: Watcher,
    *,
    overwrite: bool,
) -> Iterator[Row]:
    """Yield what comes of each head, done here."""
    for done, job in enumerate(jobs):
        teller = Teller(watcher, job.name, done, len(jobs))
        row = _outcome(translator, job, manner, teller, overwrite=overwrite)
        if row.came == "failed":
            teller.say(f"failed: {row.said}")
        yield row


def _by_cluster(
    scheduler: str,
    model: Known,
    jobs: Sequence[Job],
    manner: Manner,
    watcher: Watcher,
    *,
    overwrite: bool,
) -> Iterator[Row]:
    """Yield what comes of each head, done by the workers of a Dask cluster."""
    sent = [(model, job, manner, overwrite) for job in jobs]
    for done, (row, said) in enumerate(spread(_elsewhere, sent, 1, scheduler), start=1):
        for sentence in said:
            watcher(Update(done, len(jobs), row.name, message=sentence))
        if row.came == "failed":
            watcher(Update(done, len(jobs), row.name, message=f"{row.name}: failed: {row.said}"))
        watcher(Update(done, len(jobs), row.name))
        yield row


def _elsewhere(model: Known, job: Job, manner: Manner, overwrite: bool) -> tuple[Row, list[str]]:
    """Do one head in a worker; return what came of it and what is to be told."""
    said: list[str] = []

    def watcher(update: Update) -> None:
        if update.message:
            said.append(update.message)

    teller = Teller(watcher, job.name, 0, 1)
    return _outcome(_loaded(model), job, manner, teller, overwrite=overwrite), said


@lru_cache(maxsize=1)
def _loaded(model: Known) -> Translator:
    """Load a model once in a worker; MrtoctError where it is another than was named."""
    bundles = models_named(model.named)
    if _weights_of(bundles) != model.weights:
        raise MrtoctError(
            f"{model.named} is a different model on this worker than on the calling machine"
        )
    return Translator.load(bundles, model.device)


def _weights_of(bundles: Sequence[Path]) -> tuple[str, ...]:
    return tuple(read_description(bundle).weights_sha256 for bundle in bundles)


def _named_anywhere(model: str, bundles: Sequence[Path]) -> str:
    r"""Return --model with full paths, but for shipped ones, which lie in every installation."""
    names = [model] if len(bundles) == 1 else listed([model])
    full = (
        name if name in NAMES else str(bundle.absolute()).replace(",", r"\,")
        for name, bundle in zip(names, bundles, strict=True)
    )
    return ",".join(full)


def _outcome(
    translator: Translator, job: Job, manner: Manner, teller: Teller, *, overwrite: bool
) -> Row:
    """Do one head, whatever comes of it."""
    started = time.monotonic()
    try:
        if not overwrite and job.is_done():
            return Row(
                job.name, "there", "exists, kept; --overwrite replaces it", outputs=job.outputs
            )
        made = _translated(translator, job, manner, teller, overwrite=overwrite)
    except MrtoctError as error:
        return Row(job.name, "failed", error.sentence(option))
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        return Row(job.name, "failed", f"{error.strerror or error}{where}")
    except (MemoryError, torch.OutOfMemoryError):
        return Row(job.name, "failed", "not enough memory")
    return row_of(job.name, made, job.outputs, time.monotonic() - started)


def _translated(
    translator: Translator, job: Job, manner: Manner, teller: Teller, *, overwrite: bool
) -> Translated:
    first, *others = job.scans
    with _all_or_nothing(job.leftovers):
        teller.stage("reading")
        head = read_head(
            job.scans[first],
            {name: job.scans[name] for name in others},
            manner,
            name=job.name,
        )
        made = translate_head(
            translator,
            head,
            job.outputs,
            manner,
            overwrite=overwrite,
            tell=teller.say,
            stage=teller.stage,
        )
        job.describe(made, translator.bundle, overwrite=overwrite)
    return made


@contextmanager
def _all_or_nothing(paths: Sequence[Path]) -> Iterator[None]:
    """Remove what was written anew where the work stops before all of it is."""
    new = [path for path in paths if not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        raise
