"""Every number of a recipe has an upper bound: an absurd one is refused at once, by name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from mrtoct.io.records import clause, first_of, shown
from mrtoct.networks.registry import NETWORKS
from mrtoct.training.recipe import Recipe

Place = tuple[str | int, ...]

SECTIONS = {
    "slices": ("adversarial", "unpaired"),
    "patches": ("adversarial",),
    "heads": ("simulation",),
}
"""What may be left out of a recipe, where a network of that kind takes it; one at a time."""


def whole(kind: str, section: str) -> dict[str, Any]:
    """Every key of a recipe, at its default."""
    training = {"steps": 1, "minutes": 1.0}
    raw = {"name": "n", "training": training, "model": {"kind": kind}, section: {}}
    return Recipe.model_validate(raw).model_dump(mode="json")


def numbers(value: Any, place: Place = ()) -> Iterator[tuple[Place, int | float]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(inner, (*place, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, value
    else:
        optional = {(name,) for names in SECTIONS.values() for name in names}
        assert value is not None or place in optional, place


CASES = [
    pytest.param(kind, section, place, value, id=f"{kind}-{'.'.join(map(str, place))}")
    for kind in NETWORKS
    for number, section in enumerate(SECTIONS[NETWORKS[kind].sees])
    for place, value in numbers(whole(kind, section))
    if place[0] == section or (number == 0 and (kind == "unet" or place[0] == "model"))
]


def test_the_walk_finds_the_numbers() -> None:
    found = {".".join(map(str, case.values[2])) for case in CASES}  # type: ignore[arg-type]
    assert {
        "data.spacing.2", "data.size.0", "data.neighbours", "data.hu_window.high",
        "loss.0.weight", "focus.bone_above", "patches.part.0", "auto_context.folds",
        "adversarial.width", "unpaired.structure", "optimizer.learning_rate", "training.minutes",
        "training.seed",
        "augmentation.rotation", "split.seed", "model.depth", "model.widths.0", "model.detail",
        "simulation.variants", "simulation.scan.thickness.1", "simulation.anatomy.bone.metal",
        "simulation.anatomy.warp.bends.0.1",
    } <= found  # fmt: skip
    assert len(found) > 90


@pytest.mark.parametrize(("kind", "section", "place", "default"), CASES)
def test_an_absurd_number_is_refused_at_once(
    kind: str, section: str, place: Place, default: float
) -> None:
    absurd = 499999999999 if isinstance(default, int) else 1e300
    raw = whole(kind, section)
    Recipe.model_validate(deepcopy(raw))  # nothing else is wrong with it
    at: Any = raw
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = absurd
    begin = time.process_time()
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(raw)
    assert time.process_time() - begin < 1
    sentence = clause(first_of(caught.value.errors()))
    key = next(step for step in reversed(place) if isinstance(step, str))
    assert key in sentence
    assert shown(absurd) in sentence
    assert "must be" in sentence or "leave both out" in sentence
