"""Train on simulated scans of real anatomies: the way to a translator of any contrast.

RUN/anatomies/   heads drawn from the sources, made when first wanted
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mrtoct.errors import CohortError, RecipeError
from mrtoct.hardware.progress import Watcher, nobody
from mrtoct.prepare.intensity import HuWindow
from mrtoct.properties.bone_hu import bone_in, bone_of
from mrtoct.sampling.slices import Batch
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.simulation.scan import Scan, ScanSettings, draw_scan
from mrtoct.simulation.sources import AnatomyShelf, Source, find_sources, fingerprint
from mrtoct.simulation.stream import StreamSettings, scans
from mrtoct.training import ranks
from mrtoct.training.calibration import calibrate
from mrtoct.training.checkpoint import Progress, read_progress
from mrtoct.training.cohort import Cohort, describe
from mrtoct.training.distance import require_terms
from mrtoct.training.expected_error import RegressionWithError
from mrtoct.training.launch import train_together
from mrtoct.training.loop import Job, learn
from mrtoct.training.recipe import Recipe
from mrtoct.training.run import finish_run, opened_run
from mrtoct.training.setting import Session, set_up
from mrtoct.training.split import split_subjects
from mrtoct.training.start import begin_with, going_on_from
from mrtoct.training.trackers import require_trackers
from mrtoct.training.validation import validation_of
from mrtoct.translation.bundle import network_of
from mrtoct.translation.geometry import Heads
from mrtoct.translation.guard.collect import seen_of
from mrtoct.translation.pretrained.shipped import find_bundle
from mrtoct.translation.training_cts import TrainingCts
from mrtoct.volume import Array, Grid, Volume
from mrtoct.wording import counted

CHANNEL = "MR"
"""Name of the one MR channel, whatever its contrast."""
JUDGED = ("t1", "t2", "flair", "any")
"""Contrasts of the scans that heads kept apart are judged on, in turn."""


def train_from_simulation(
    sources: Path | str,
    run: Path | str,
    recipe: Recipe,
    *,
    start: Path | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    device: str = "auto",
    watcher: Watcher = nobody,
    trackers: tuple[str, ...] = (),
    devices: int | None = None,
    nodes: int | None = None,
) -> Path:
    """Train a recipe with a simulation section on a folder of sources; return the best bundle.

    The label maps that the recipe's split keeps apart are never trained on; of them validation
    scans are made. start, resume, device, watcher, trackers, devices and nodes are as for train.
    Raises CohortError where a folder holds no sources, and the errors of reading them.
    """
    if recipe.simulation is None:
        raise RecipeError(f"recipe {recipe.name} has no [simulation] and is trained on a store")
    require_terms(recipe)
    arguments = {
        "sources": Path(sources),
        "run": Path(run),
        "recipe": recipe,
        "begin": None if start is None else find_bundle(start),
        "overwrite": overwrite,
    }
    session = Session(resume, device, watcher, trackers)
    return train_together(_train_here, arguments, recipe, session, devices, nodes)


def _train_here(
    sources: Path,
    run: Path,
    recipe: Recipe,
    begin: Path | None,
    overwrite: bool,
    session: Session,
) -> Path:
    """Train in this process, alone or on its share of every batch."""
    if begin is not None:
        recipe = going_on_from(begin, recipe, (CHANNEL,))  # before a folder is made for nothing
    assert recipe.simulation is not None
    found = find_sources(sources)
    names = [source.name for source in found if not source.has_ct]
    parts = recipe.split
    split = split_subjects(names, parts.validation, 0.0, parts.seed)
    if not split.validation:
        count = counted(len(names), "label map")
        raise CohortError(f"{sources} holds {count}; at least 2 are needed")
    learnt = [source for source in found if source.name not in split.validation]
    split = replace(split, train=[source.name for source in learnt])
    fingerprints = {source.name: fingerprint(source) for source in found}
    require_trackers(session.trackers)
    with opened_run(
        run, sources, recipe, split, fingerprints, resume=session.resume, overwrite=overwrite
    ):
        shelf = AnatomyShelf(run / "anatomies", recipe.simulation.anatomy, recipe.simulation.seed)
        shelf.fill(found[ranks.rank() :: ranks.size()])
        ranks.wait()
        apart = [source for source in found if source.name in split.validation]
        judges = [*_judges(shelf, apart, recipe)]
        scanned = [*_scanned(shelf, apart, recipe)]
        seen = seen_of(scanned, channel=CHANNEL, spacing=recipe.data.spacing)
        bone = bone_in(bone_of(judge.hu, judge.head) for judge in judges)
        cohort = Cohort((CHANNEL,), split, [], judges, seen, TrainingCts(bone=bone))
        progress, used = _train(run, recipe, cohort, shelf, learnt, begin, session)
        if ranks.leads():
            calibrate(run / "best", judges, session.device)
            finish_run(run, step=progress.step, seconds=progress.seconds, device=used)
    return run / "best"


def _train(
    run: Path,
    recipe: Recipe,
    cohort: Cohort,
    shelf: AnatomyShelf,
    learnt: list[Source],
    start: Path | None,
    session: Session,
) -> tuple[Progress, str]:
    assert recipe.simulation is not None
    torch.manual_seed(recipe.training.seed)
    bundle = describe(recipe, recipe.model, Heads(), cohort)
    network = network_of(bundle)
    fabric, _ = set_up(recipe.training.precision, recipe.model.width, session.device)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    learner = RegressionWithError(network, recipe, fabric)
    bundle = begin_with(start, learner.state, bundle)
    validate = validation_of(learner.state.translator, bundle, cohort.validation)

    settings = StreamSettings(
        size=recipe.simulation.size,
        variants=recipe.simulation.variants,
        ct_share=recipe.simulation.ct_share,
        scan=recipe.simulation.scan,
        seed=recipe.training.seed,
    )
    share = ranks.share_of(recipe.training.batch)
    first = read_progress(run / "last").step if session.resume and (run / "last").is_dir() else 0
    workers = max(1, min(4, (os.cpu_count() or 1) // ranks.size()))
    with scans(
        first * share.count, shelf, learnt, settings, workers=workers, share=share
    ) as stream:

        def batch(step: int, generator: torch.Generator) -> Batch:
            drawn = [next(stream) for _ in share.numbers]
            made = as_batch(drawn, bundle.window)
            return made.to(fabric.device, torch.channels_last_3d)

        job = Job(run, batch, validate, bundle)
        progress = learn(learner, recipe, job, session)
    return progress, fabric.device.type


def as_batch(drawn: list[Scan], window: HuWindow) -> Batch:
    """Return scans of one size as a batch (N, 1, I, J, K)."""

    def stacked(arrays: list[Array]) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays)[:, None].astype(np.float32))

    head = stacked([scan.head for scan in drawn])
    return Batch(
        mr=stacked([scan.mr for scan in drawn]),
        ct=stacked([window.normalise(scan.hu) for scan in drawn]),
        covered=stacked([scan.trusted for scan in drawn]),
        head=head,
        brain=torch.zeros_like(head),
    )


def _judges(shelf: AnatomyShelf, apart: list[Source], recipe: Recipe) -> Iterator[LoadedSubject]:
    """Return whole heads kept apart, each scanned once, with their faces, ends and brains."""
    settings = _of_whole_heads(recipe)
    for number, source in enumerate(apart):
        seed = [recipe.training.seed, number, 2]
        sequence = JUDGED[number % len(JUDGED)]
        scan = draw_scan(shelf.anatomy(source, 0), seed, settings, sequence=sequence)
        grid = _grid(scan)
        yield LoadedSubject(
            source.name,
            grid,
            mr=scan.mr[None].astype(np.float16),
            hu=scan.hu,
            covered=scan.trusted,
            head=scan.head,
            mr_head=scan.head,
            kept=[*range(grid.shape[2])],
        )


def _scanned(shelf: AnatomyShelf, apart: list[Source], recipe: Recipe) -> Iterator[Volume]:
    """Return MR of the heads kept apart in every contrast, for the guard to know heads by."""
    settings = replace(_of_whole_heads(recipe), masked=0.0)
    for number, source in enumerate(apart):
        anatomy = shelf.anatomy(source, 0)
        for n, sequence in enumerate(JUDGED):
            seed = [recipe.training.seed, number, 3, n]
            scan = draw_scan(anatomy, seed, settings, sequence=sequence)
            yield Volume(scan.mr, _grid(scan), "a.u.")


def _of_whole_heads(recipe: Recipe) -> ScanSettings:
    """Return a recipe's scans of heads that have their faces, ends and brains."""
    assert recipe.simulation is not None
    return replace(recipe.simulation.scan, faceless=0.0, cut=0.0, redrawn=0.0)


def _grid(scan: Scan) -> Grid:
    i, j, k = scan.hu.shape
    return Grid((i, j, k), np.eye(4))
