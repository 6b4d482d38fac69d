"""Train a u-net to regress CT slices from MR slices: the paper's section 4.1, step by step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

import mrtoct
from mrtoct import losses
from mrtoct.bundle import Bundle, write_bundle
from mrtoct.errors import CohortError, RecipeError
from mrtoct.hardware import bfloat16_pays, device_named, training_layout
from mrtoct.models.unet import UNet
from mrtoct.prepare.store import Manifest, read_manifest, read_subject
from mrtoct.sampling.augment import augment
from mrtoct.sampling.slices import Batch, SliceSet
from mrtoct.training.checkpoint import Progress, read_checkpoint, write_checkpoint
from mrtoct.training.curves import CurvePoint, Curves
from mrtoct.training.recipe import LossTerm, Precision, Recipe
from mrtoct.training.run import finish_run, open_run
from mrtoct.training.split import Split, split_subjects

LOSSES = {
    "mae": losses.mae,
    "mse": losses.mse,
    "gdl": losses.gdl,
    "gdl_absolute": losses.gdl_absolute,
    "gdl_l1": losses.gdl_l1,
}

WARM_UP_STEPS = 20


def train(
    store: Path | str,
    run: Path | str,
    recipe: Recipe,
    *,
    resume: bool = False,
    overwrite: bool = False,
    on_step: Callable[[int, CurvePoint | None], None] = lambda step, point: None,
) -> Path:
    """Train a recipe on a prepared store; return the folder of the best bundle.

    With resume, a run that was stopped goes on and ends with the weights of one that never
    stopped. on_step is called with the number of steps done and, after a validation, its figures.
    """
    store, run = Path(store), Path(run)
    manifest = read_manifest(store)
    channels = wanted_channels(recipe, manifest)
    wanted = recipe.split
    names = usable_subjects(recipe, manifest)
    split = split_subjects(names, wanted.validation, wanted.test, wanted.seed)
    fingerprints = {name: read_subject(store, name).fingerprint for name in names}
    open_run(run, store, recipe, split, fingerprints, resume=resume, overwrite=overwrite)
    training_slices = slice_set(store, split.train, channels, recipe)
    validation_slices = (
        slice_set(store, split.validation, channels, recipe) if split.validation else None
    )

    torch.manual_seed(recipe.training.seed)
    network = UNet(replace(recipe.model, in_channels=len(channels)))
    adam = torch.optim.Adam(
        network.parameters(),
        lr=recipe.optimizer.learning_rate,
        betas=(recipe.optimizer.beta1, recipe.optimizer.beta2),
    )
    fabric, layout, model, optimizer = set_up(network, adam, recipe.training.precision)
    progress = Progress()
    if resume and (run / "last").is_dir():
        progress = read_checkpoint(run / "last", network, adam)
    curves = Curves(run, until=progress.step)

    clock = time.monotonic() - progress.seconds
    loss_sum = torch.zeros((), device=fabric.device)
    loss_count = 0
    finished = _done(recipe, progress.step, progress.seconds) >= 1  # by time, when resumed
    for step in range(progress.step, progress.step if finished else recipe.training.steps):
        done = _done(recipe, step, time.monotonic() - clock)
        for group in optimizer.param_groups:
            group["lr"] = recipe.optimizer.learning_rate * learning_rate_factor(recipe, step, done)

        # Everything random in a step comes from its number, so a resumed run draws the same.
        torch.manual_seed(_seed(recipe, step, stream=0))  # dropout
        generator = torch.Generator().manual_seed(_seed(recipe, step, stream=1))
        batch = training_slices.batch(_indices(len(training_slices), recipe, step))
        batch = augment(batch, recipe.augmentation, generator).to(fabric.device, layout)

        model.train()
        loss = distance_loss(recipe.loss, model(batch.mr), batch)
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(loss)
        optimizer.step()

        loss_sum += loss.detach()
        loss_count += 1
        seconds = time.monotonic() - clock
        last = step + 1 == recipe.training.steps or _done(recipe, step + 1, seconds) >= 1
        point = None
        if last or (step + 1) % recipe.training.validate_every == 0:
            point = CurvePoint(
                step=step + 1,
                seconds=round(seconds, 2),
                learning_rate=optimizer.param_groups[0]["lr"],
                train_loss=float(loss_sum) / loss_count,
                validation_mae=(
                    validation_mae(model, validation_slices, recipe, fabric.device)
                    if validation_slices
                    else None
                ),
            )
            _check_finite(point)
            curves.add(point)
            progress = _save(run, recipe, channels, split, network, adam, progress, point)
            loss_sum.zero_()
            loss_count = 0
        on_step(step + 1, point)
        if last:
            break
    finish_run(run, step=progress.step, seconds=progress.seconds, device=fabric.device.type)
    return run / "best"


def set_up(
    network: UNet, adam: torch.optim.Adam, precision: Precision
) -> tuple[Fabric, torch.memory_format, nn.Module, torch.optim.Optimizer]:
    """Bring network and optimizer to the device, in the precision and memory layout that pay."""
    device = device_named("auto")
    bfloat16 = precision == "bfloat16" or (precision == "auto" and bfloat16_pays(device))
    fabric = Fabric(
        accelerator=device.type, devices=1, precision="bf16-mixed" if bfloat16 else "32-true"
    )
    layout = training_layout(device, bfloat16=bfloat16, width=network.config.width)
    network.to(memory_format=layout)  # type: ignore[call-overload]
    model, optimizer = fabric.setup(network, adam)
    return fabric, layout, model, optimizer


def distance_loss(terms: tuple[LossTerm, ...], prediction: Tensor, batch: Batch) -> Tensor:
    """Return the weighted sum of a recipe's loss terms, where the MR was measured."""
    total = prediction.new_zeros(())
    for term in terms:
        value = LOSSES[term.term](prediction, batch.ct, batch.covered, term.reduction)
        total = total + term.weight * value
    return total


@torch.no_grad()
def validation_mae(
    model: nn.Module, slices: SliceSet, recipe: Recipe, device: torch.device
) -> float:
    """Return the mean absolute error in HU inside the head, over all slices."""
    model.eval()
    error, voxels = 0.0, 0.0
    size = recipe.training.batch
    for start in range(0, len(slices), size):
        batch = slices.batch(list(range(start, min(start + size, len(slices))))).to(device)
        inside = batch.head * batch.covered
        difference = (model(batch.mr).clamp(0, 1) - batch.ct).abs() * inside
        error += float(difference.sum())
        voxels += float(inside.sum())
    return error / voxels * (recipe.data.hu_window.high - recipe.data.hu_window.low)


def learning_rate_factor(recipe: Recipe, step: int, done: float) -> float:
    """Return what the learning rate is multiplied by at a step, with a part of the work done."""
    if recipe.optimizer.schedule == "constant":
        return 1.0
    warm_up = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm_up * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def usable_subjects(recipe: Recipe, manifest: Manifest) -> list[str]:
    """Return a store's subjects without those whose registration is doubtful, unless wanted."""
    if recipe.split.keep_doubtful:
        return manifest.subjects
    trusted = [name for name in manifest.subjects if name not in manifest.distrusted]
    if not trusted:
        name, reason = next(iter(manifest.distrusted.items()))
        raise CohortError(
            f"no subject's registration can be trusted (look at it, then keep them with "
            f"--keep-doubtful); {name}: {reason}"
        )
    return trusted


def wanted_channels(recipe: Recipe, manifest: Manifest) -> tuple[str, ...]:
    """Return the MR channels to train on; CohortError if the store lacks one."""
    channels = recipe.data.channels or manifest.channels
    missing = [name for name in channels if name not in manifest.channels]
    if missing or len(set(channels)) < len(channels):
        raise CohortError(
            f"recipe {recipe.name} wants the MR channels {', '.join(channels)}; the store has "
            f"{', '.join(manifest.channels)}"
        )
    return channels


def slice_set(store: Path, names: list[str], channels: tuple[str, ...], recipe: Recipe) -> SliceSet:
    """Load the slices of some subjects as a recipe wants them."""
    data = recipe.data
    return SliceSet(
        store,
        names,
        channels=channels,
        spacing=data.spacing,
        size=data.size,
        window=data.hu_window,
        scaling=data.mr_scaling,
    )


def _indices(count: int, recipe: Recipe, step: int) -> list[int]:
    """Return the slices of a step: each epoch is a new permutation, cut into batches."""
    batch = recipe.training.batch
    wanted = range(step * batch, (step + 1) * batch)
    permutations = {
        epoch: np.random.default_rng([recipe.training.seed, epoch]).permutation(count)
        for epoch in {position // count for position in wanted}
    }
    return [int(permutations[position // count][position % count]) for position in wanted]


def _done(recipe: Recipe, step: int, seconds: float) -> float:
    """Return the part of the work that is done: by steps, or by time where that is limited."""
    by_time = seconds / (60 * recipe.training.minutes) if recipe.training.minutes else 0.0
    return max(step / recipe.training.steps, by_time)


def _check_finite(point: CurvePoint) -> None:
    figures = {"training loss": point.train_loss, "validation MAE": point.validation_mae}
    for name, value in figures.items():
        if value is not None and not math.isfinite(value):
            raise RecipeError(
                f"the {name} became {value} by step {point.step}; lower optimizer.learning_rate"
            )


def _seed(recipe: Recipe, step: int, stream: int) -> int:
    sequence = np.random.SeedSequence([recipe.training.seed, step, stream])
    return int(sequence.generate_state(1)[0])


def _save(
    run: Path,
    recipe: Recipe,
    channels: tuple[str, ...],
    split: Split,
    network: UNet,
    adam: torch.optim.Adam,
    progress: Progress,
    point: CurvePoint,
) -> Progress:
    """Write the last and, if this is the best so far, the best bundle."""
    figures = {} if point.validation_mae is None else {"mae_hu": point.validation_mae}
    bundle = Bundle(
        model=network.config,
        channels=channels,
        spacing=recipe.data.spacing,
        size=recipe.data.size,
        window=recipe.data.hu_window,
        scaling=recipe.data.mr_scaling,
        provenance={
            "mrtoct": mrtoct.__version__,
            "torch": torch.__version__,
            "recipe": recipe.model_dump(mode="json"),
            "step": point.step,
            "subjects": {
                "train": len(split.train),
                "validation": len(split.validation),
                "test": len(split.test),
            },
        },
        validation=figures,
    )
    best = point.validation_mae is None or point.validation_mae < (progress.best_mae or math.inf)
    progress = replace(progress, step=point.step, seconds=point.seconds)
    if best:
        write_bundle(run / "best", bundle, network.state_dict(), overwrite=True)
        progress = replace(progress, best_mae=point.validation_mae)
    write_checkpoint(run / "last", bundle, network, adam, progress)
    return progress
