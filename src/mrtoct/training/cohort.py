"""Who trains and who validates, loaded as a recipe wants them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from mrtoct._version import __version__
from mrtoct.errors import CohortError
from mrtoct.networks.config import NetworkConfig
from mrtoct.prepare.store import Manifest, read_manifest
from mrtoct.sampling.subjects import LoadedSubject, load_subject
from mrtoct.training.recipe import Recipe
from mrtoct.training.split import Split
from mrtoct.translation.bundle import Bundle
from mrtoct.translation.geometry import Geometry
from mrtoct.translation.guard.collect import seen_in
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.translation.training_cts import TrainingCts, cts_in


@dataclass(frozen=True)
class Cohort:
    """The subjects of a training."""

    channels: tuple[str, ...]
    split: Split
    train: list[LoadedSubject]
    validation: list[LoadedSubject]
    seen: SeenMr | None = None
    """What the training subjects' MR looked like; None where no head was found in them."""
    cts: TrainingCts | None = None
    """What their CTs were like."""
    bias_corrected: bool = False
    """Whether the bias field was taken off their MR."""


def load_cohort(store: Path, channels: tuple[str, ...], split: Split, recipe: Recipe) -> Cohort:
    """Load training and validation subjects from a store."""

    def load(name: str) -> LoadedSubject:
        return load_subject(
            store,
            name,
            channels=channels,
            spacing=recipe.data.spacing,
            scaling=recipe.data.mr_scaling,
            brain_sigma=recipe.focus.brain_sigma if recipe.focus.brain else None,
        )

    return Cohort(
        channels,
        split,
        train=[*map(load, split.train)],
        validation=[*map(load, split.validation)],
        seen=seen_in(store, split.train, channels, recipe.data.spacing),
        cts=cts_in(store, split.train),
        bias_corrected=read_manifest(store).bias_corrected,
    )


def usable_subjects(recipe: Recipe, manifest: Manifest) -> list[str]:
    """Return a store's subjects without those whose registration is doubtful, unless wanted."""
    if recipe.split.keep_doubtful:
        return manifest.subjects
    trusted = [name for name in manifest.subjects if name not in manifest.distrusted]
    if not trusted:
        name, reason = next(iter(manifest.distrusted.items()))
        raise CohortError(
            f"all subjects have a doubtful registration; {name}: {reason}",
            keep_doubtful="after checking them",
        )
    return trusted


def wanted_channels(recipe: Recipe, manifest: Manifest) -> tuple[str, ...]:
    """Return the MR channels to train on; CohortError if the store lacks one."""
    channels = recipe.data.channels or manifest.channels
    missing = [name for name in channels if name not in manifest.channels]
    if missing or len(set(channels)) < len(channels):
        raise CohortError(
            f"recipe {recipe.name} needs the MR channels {', '.join(channels)}; the store has "
            f"{', '.join(manifest.channels)}"
        )
    return channels


def describe(recipe: Recipe, model: NetworkConfig, geometry: Geometry, cohort: Cohort) -> Bundle:
    """Return what a bundle says of a network before it has learnt anything."""
    split = cohort.split
    return Bundle(
        model=model,
        channels=cohort.channels,
        spacing=recipe.data.spacing,
        geometry=geometry,
        mirror=recipe.data.mirror,
        exponents=recipe.data.exponents,
        window=recipe.data.hu_window,
        scaling=recipe.data.mr_scaling,
        bias_corrected=cohort.bias_corrected,
        seen=cohort.seen,
        cts=cohort.cts,
        provenance={
            "mrtoct": __version__,
            "torch": torch.__version__,
            "recipe": recipe.model_dump(mode="json"),
            "subjects": {
                "train": len(split.train),
                "validation": len(split.validation),
                "test": len(split.test),
            },
        },
    )
