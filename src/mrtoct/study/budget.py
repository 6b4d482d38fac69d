"""The study scaled down to a time: narrower networks, shorter schedules, minutes shared out.

The learning rates were found on phantom heads with these widths (docs/experiments.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mrtoct.errors import ValueRangeError
from mrtoct.models.context_gan import ContextGeneratorConfig
from mrtoct.study.experiments import Experiment
from mrtoct.training.recipe import Recipe

UNITS = {"s": 1 / 60, "m": 1.0, "h": 60.0}

MULTIPLE = 32
"""Sides of a slice: what a u-net of depth 5 needs."""
VALIDATIONS = 12
"""About how often a network is validated in its time."""
BATCH = 8
FOLDS = 2
"""Of auto-context: each is one more network to train for every further iteration."""


@dataclass(frozen=True)
class Share:
    """What an experiment gets of the time, and how it learns in a short one."""

    time: float
    """As a part of what a u-net gets."""
    learning_rate: float


SHARES = {
    "unet-mae": Share(1, 4e-3),
    "unet-mae-gdl": Share(1, 4e-3),
    "pix2pix": Share(1, 4e-3),
    "pix2pix-boost": Share(1 / 3, 2e-3),
    "context-gan": Share(3, 3e-3),
    "modern": Share(1, 3e-3),
}


@dataclass(frozen=True)
class Scale:
    """How wide networks are and how fast they learn on a kind of device."""

    slice_width: int
    patch_width: int
    slice_steps: int
    """A minute, roughly: it only decides how often is validated."""
    patch_steps: int


SCALES = {"cpu": Scale(16, 8, 240, 120), "cuda": Scale(64, 32, 1500, 400)}


def parse_budget(text: str) -> float:
    """Return the minutes that a text such as 90s, 20m, 2h or 1h30m means."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    minutes = sum(float(number) * UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not minutes > 0:
        raise ValueRangeError(
            f"{text!r} is no time budget; write a time above 0 as 90s, 20m, 2h or 1h30m"
        )
    return minutes


def scaled(
    experiments: Sequence[Experiment],
    minutes: float,
    spacing: tuple[float, float, float],
    largest: tuple[int, int],
    scale: Scale,
) -> tuple[Experiment, ...]:
    """Scale the experiments so that all of them train in so many minutes.

    largest are the pixels of the largest head's slices along right-left and back-front, at the
    spacing in mm. The paper's numbers of steps stay as limits.
    """
    i, j = (-(-n // MULTIPLE) * MULTIPLE for n in largest)
    unit = minutes / sum(SHARES[e.name].time for e in experiments)
    return tuple(
        replace(e, recipe=_scaled(e, SHARES[e.name], unit, spacing, (i, j), scale))
        for e in experiments
    )


def _scaled(
    experiment: Experiment,
    share: Share,
    unit: float,
    spacing: tuple[float, float, float],
    size: tuple[int, int],
    scale: Scale,
) -> Recipe:
    recipe = experiment.recipe
    in_patches = isinstance(recipe.model, ContextGeneratorConfig)
    width = scale.patch_width if in_patches else scale.slice_width
    minutes = share.time * unit
    networks = 1
    if in_patches and recipe.auto_context.iterations > 1:
        networks += (recipe.auto_context.iterations - 1) * (1 + FOLDS)
    steps_a_minute = scale.patch_steps if in_patches else scale.slice_steps
    model: dict[str, Any] = {"width": width}
    if hasattr(recipe.model, "dropout"):
        model["dropout"] = 0.0  # a narrow network in a short time has nothing to spare
    values = recipe.model_dump()
    changes: dict[str, dict[str, Any]] = {
        "data": {"spacing": spacing, "size": size},
        "model": model,
        "auto_context": {"folds": FOLDS},
        "optimizer": {"learning_rate": share.learning_rate, "schedule": "cosine"},
        "training": {
            "batch": BATCH,
            "minutes": minutes,
            "validate_every": max(10, round(steps_a_minute * minutes / networks / VALIDATIONS)),
            # An average over the last twentieth or so of a short training.
            "average": min(recipe.training.average, 0.98),
        },
    }
    if recipe.adversarial is not None:
        changes["adversarial"] = {"width": width}
    for section, change in changes.items():
        values[section].update(change)
    if not in_patches:
        _keep_sums(values, recipe, BATCH * size[0] * size[1])
    return Recipe.model_validate(values)


def _keep_sums(values: dict[str, Any], recipe: Recipe, pixels: int) -> None:
    """Give terms that are sums over batch and pixels the part in the loss that they had."""
    before = recipe.training.batch * recipe.data.size[0] * recipe.data.size[1]
    for term in values["loss"]:
        if term["reduction"] == "sum":
            term["weight"] *= before / pixels


def what_was_scaled(
    full: Sequence[Experiment], small: Sequence[Experiment], minutes: float
) -> list[str]:
    """Say in sentences what the budget changed."""
    slices = next(e.recipe for e in small if not _is_3d(e))
    originals = {e.name: e.recipe for e in full}
    spacing = " x ".join(f"{s:g}" for s in slices.data.spacing)
    width, height = slices.data.size
    first = originals["unet-mae"]
    lines = [
        f"All trainings together got {_time(minutes)}: "
        + ", ".join(f"{e.name} {_time(e.recipe.training.minutes or 0)}" for e in small)
        + "; the paper's numbers of steps were only limits.",
        f"Voxels are the store's, {spacing} mm (paper: "
        f"{' x '.join(f'{s:g}' for s in first.data.spacing)}), slices {width} x {height} (paper: "
        f"{first.data.size[0]} x {first.data.size[1]}), batches of {BATCH} (paper: "
        f"{first.training.batch}).",
        "Widths (channels of the first layer): "
        + ", ".join(
            f"{e.name} {e.recipe.model.width} instead of {originals[e.name].model.width}"
            for e in small
            if e.recipe.model.width != originals[e.name].model.width
        )
        + "."
        if any(e.recipe.model.width != originals[e.name].model.width for e in small)
        else "Networks are as wide as in the paper.",
        "Learning rates were raised and fall along a cosine to 0: "
        + ", ".join(f"{e.name} {e.recipe.optimizer.learning_rate:g}" for e in small)
        + "; no dropout.",
    ]
    cascade = next((e.recipe for e in small if e.recipe.auto_context.iterations > 1), None)
    if cascade is not None:
        lines.append(
            f"Auto-context learned from {cascade.auto_context.folds} folds instead of "
            f"{originals['context-gan'].auto_context.folds}."
        )
    gdl = next((t for e in small for t in e.recipe.loss if t.reduction == "sum"), None)
    if gdl is not None:
        lines.append(
            f"The gradient difference loss is a sum over fewer pixels, so its weight became "
            f"{gdl.weight:.2g} instead of 1e-07: the same part in the loss."
        )
    return lines


def _is_3d(experiment: Experiment) -> bool:
    return isinstance(experiment.recipe.model, ContextGeneratorConfig)


def _time(minutes: float) -> str:
    if minutes >= 120:
        return f"{minutes / 60:.3g} h"
    return f"{minutes:.3g} min" if minutes >= 1.5 else f"{60 * minutes:.3g} s"
