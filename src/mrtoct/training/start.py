"""What a training begins with: the weights of a bundle, where one is named."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mrtoct.errors import RecipeError
from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.training.checkpoint import State, read_start
from mrtoct.training.recipe import Recipe
from mrtoct.translation.bundle import Bundle, read_bundle, read_description

TOLD = ("name", "version", "trained_on", "licence", "acknowledgements")
"""What a shipped bundle says of itself that those who go on from it must know, too."""


def going_on_from(start: Path, recipe: Recipe, channels: tuple[str, ...]) -> Recipe:
    """Return a recipe as it goes on from a bundle; RecipeError where it cannot.

    A network of whole heads is of the size that the bundle's is: widths and detail of the recipe
    are for a training from nothing. Its weights mean something at one voxel spacing, in one HU
    window and for one way to scale the MR only, so those must be the bundle's.
    """
    if recipe.model.sees == "patches":
        raise RecipeError("an auto-context cascade cannot start from the weights of a bundle")
    kind = read_description(start).translator.model.kind
    if kind != recipe.model.kind:
        hint = "; the recipe finetune does" if kind == HeadUNetConfig.kind else ""
        raise RecipeError(
            f"{start} holds a {kind}, and recipe {recipe.name} trains a {recipe.model.kind}: start "
            f"from it with a recipe that trains a {kind}{hint}"
        )
    if recipe.model.sees != "heads":
        return recipe
    bundle, _ = read_bundle(start)
    data = recipe.data
    for key, wanted, found in (
        ("spacing", data.spacing, bundle.spacing),
        ("hu_window", data.hu_window, bundle.window),
        ("mr_scaling", data.mr_scaling, bundle.scaling),
    ):
        if wanted != found:
            raise RecipeError(
                f"{start} was trained with data.{key} = {_words(found)}, recipe {recipe.name} has "
                f"{_words(wanted)}: to start from it they must be the same"
            )
    if len(channels) != bundle.model.in_channels:
        count = bundle.model.in_channels
        raise RecipeError(
            f"{start} sees {count} MR channel{'s' if count > 1 else ''}, and the training is on "
            f"{', '.join(channels)}: give as many in data.channels of the recipe"
        )
    return recipe.model_copy(update={"model": replace(bundle.model, in_channels=1)})


def begin_with(start: Path | None, state: State, bundle: Bundle) -> Bundle:
    """Load a bundle's weights, if there is a start; return what the new one says of itself then.

    Until its own deviations are learnt, the new bundle has those of the one that it began with.
    """
    if start is None:
        return bundle
    read_start(start, state)
    begun, _ = read_bundle(start)
    told = {name: begun.provenance[name] for name in TOLD if name in begun.provenance}
    came: dict[str, Any] = {"start_sha256": read_description(start).weights_sha256}
    if told:
        came["start"] = told
    deviation = begun.deviation if begun.model.sees == "heads" else None
    return replace(bundle, provenance={**bundle.provenance, **came}, deviation=deviation)


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return str(list(value))
    return str(asdict(value))
