"""The study scaled down to a time: narrower networks, shorter schedules, minutes shared out.

Learning rates for the CPU were found on coarse phantom heads; on a GPU networks are as wide as in
the recipes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mrtoct.errors import ValueRangeError
from mrtoct.study.experiments import Experiment
from mrtoct.training.adversarial import JUDGED
from mrtoct.training.recipe import Recipe

UNITS = {"s": 1 / 60, "m": 1.0, "h": 60.0}

MULTIPLE = 32
"""Sides of a slice: what a u-net of depth 5 needs."""
FOLDS = 2
"""Of auto-context: each is one more network to train for every further iteration."""


SHARES = {
    "unet-mae": 1.0,
    "unet-mae-gdl": 1.0,
    "pix2pix": 1.0,
    "pix2pix-boost": 1 / 3,
    # Seven networks, nearly each of which gets what a u-net gets.
    "context-gan": 6.0,
    "modern": 1.0,
}
"""Parts of the time, a u-net's being 1."""


@dataclass(frozen=True)
class Scale:
    """How networks of a kind are trained in a short time on a kind of device."""

    width: int
    """Channels of the first layer, of a discriminator's, too."""
    batch: int
    learning_rate: float
    """At the beginning; half of it where a training goes on from another."""
    steps: int
    """A minute, roughly: it only decides how often is validated."""
    validations: int
    """In a training, about; to a network of patches a whole head costs as much as many steps."""
    patch: int = 16
    """Side of a patch of CT in voxels; the borders of a larger one are less of the work."""


SCALES = {
    "cpu": {
        "unet": Scale(16, 8, 2e-3, steps=240, validations=10),
        "residual_unet": Scale(8, 8, 8e-3, steps=160, validations=10),
        "context": Scale(8, 2, 5e-3, steps=60, validations=1, patch=32),
    },
    "cuda": {
        "unet": Scale(64, 8, 5e-4, steps=1500, validations=10),
        "residual_unet": Scale(32, 8, 1e-3, steps=800, validations=10),
        "context": Scale(32, 8, 5e-4, steps=400, validations=4, patch=32),
    },
}
"""By device, then by model.kind. The same for all that are compared with one another."""


def parse_budget(text: str) -> float:
    """Return the minutes that a text such as 90s, 20m, 2h or 1h30m means."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smh])", text)
    minutes = sum(float(number) * UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or not minutes > 0:
        raise ValueRangeError(
            f"{text!r} is not a time budget; give a time above 0 as 90s, 20m, 2h or 1h30m"
        )
    return minutes


def scaled(
    experiments: Sequence[Experiment],
    minutes: float,
    spacing: tuple[float, float, float],
    largest: tuple[int, int],
    device: str,
) -> tuple[Experiment, ...]:
    """Scale the experiments so that all of them train in so many minutes on cpu or cuda.

    largest are the pixels of the largest head's slices along right-left and back-front, at the
    spacing in mm. The paper's numbers of steps stay as limits.
    """
    i, j = (-(-n // MULTIPLE) * MULTIPLE for n in largest)
    unit = minutes / sum(SHARES[e.name] for e in experiments)
    return tuple(
        replace(e, recipe=_scaled(e, SHARES[e.name] * unit, spacing, (i, j), device))
        for e in experiments
    )


def _scaled(
    experiment: Experiment,
    minutes: float,
    spacing: tuple[float, float, float],
    size: tuple[int, int],
    device: str,
) -> Recipe:
    recipe = experiment.recipe
    scale = SCALES[device][recipe.model.kind]
    rate = scale.learning_rate / 2 if experiment.start else scale.learning_rate
    cascade = recipe.auto_context.iterations - 1
    networks = 1 + cascade * (1 + FOLDS)
    model: dict[str, Any] = {"width": scale.width}
    if hasattr(recipe.model, "dropout"):
        model["dropout"] = 0.0  # a narrow network in a short time has nothing to spare
    values = recipe.model_dump()
    if device == "cpu":
        # The few epochs of a short training repeat little: what is turned, interpolated and
        # brightened there costs time and accuracy. A mirror image costs neither.
        values["augmentation"] = {"flip": recipe.augmentation.flip}
    changes: dict[str, dict[str, Any]] = {
        "data": {"spacing": spacing, "size": size},
        "model": model,
        "auto_context": {"folds": FOLDS},
        "patches": {"size": scale.patch},
        "optimizer": {"learning_rate": rate, "schedule": "cosine"},
        "training": {
            "batch": scale.batch,
            "minutes": minutes,
            "validate_every": max(10, round(scale.steps * minutes / networks / scale.validations)),
            # An average over the last twentieth or so of a short training.
            "average": min(recipe.training.average, 0.98),
        },
    }
    if recipe.adversarial is not None:
        changes["adversarial"] = {"width": scale.width}
    for section, change in changes.items():
        values[section].update(change)
    if recipe.model.sees == "slices":
        _keep_sums(values, recipe, scale.batch * size[0] * size[1])
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
    slices = next(e.recipe for e in small if e.recipe.model.sees == "slices")
    originals = {e.name: e.recipe for e in full}
    spacing = " x ".join(f"{s:g}" for s in slices.data.spacing)
    width, height = slices.data.size
    first = originals["unet-mae"]
    lines = [
        f"All trainings together took {_time(minutes)}: "
        + ", ".join(f"{e.name} {_time(e.recipe.training.minutes or 0)}" for e in small)
        + "; the paper's numbers of steps were only limits.",
        f"Voxels are the store's, {spacing} mm (paper: "
        f"{' x '.join(f'{s:g}' for s in first.data.spacing)}), slices {width} x {height} (paper: "
        f"{first.data.size[0]} x {first.data.size[1]}), batches of "
        + " or ".join(str(b) for b in sorted({e.recipe.training.batch for e in small}))
        + f" (paper: {first.training.batch}).",
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
    spared = [e.name for e in small if e.recipe.augmentation != originals[e.name].augmentation]
    if spared:
        lines.append(f"Augmented by mirror images only: {', '.join(spared)}.")
    cascade = next((e.recipe for e in small if e.recipe.auto_context.iterations > 1), None)
    if cascade is not None:
        lines.append(
            f"Patches are {cascade.patches.size} voxels of CT wide (paper: "
            f"{originals['context-gan'].patches.size}), of which the discriminator sees the "
            f"middle {min(JUDGED, cascade.patches.size)}, {cascade.training.batch} in a batch "
            f"(paper: {originals['context-gan'].training.batch})."
        )
        lines.append(
            f"Auto-context used {cascade.auto_context.folds} folds instead of "
            f"{originals['context-gan'].auto_context.folds}."
        )
    gdl = next((t for e in small for t in e.recipe.loss if t.reduction == "sum"), None)
    if gdl is not None:
        lines.append(
            f"The gradient difference loss is a sum over fewer pixels, so its weight became "
            f"{gdl.weight:.2g} instead of 1e-07: the same part in the loss."
        )
    return lines


def _time(minutes: float) -> str:
    if minutes >= 120:
        return f"{minutes / 60:.3g} h"
    return f"{minutes:.3g} min" if minutes >= 1.5 else f"{60 * minutes:.3g} s"
