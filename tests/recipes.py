"""A small recipe for tests: a few parameters, 64 x 64 slices of 4 mm, seconds on one core."""

from __future__ import annotations

from typing import Any

from mrtoct.training.recipe import Recipe


def tiny_recipe(**sections: dict[str, Any] | list[dict[str, Any]]) -> Recipe:
    """A recipe for the tiny store; sections override single keys."""
    base: dict[str, Any] = {
        "name": "tiny",
        "data": {"spacing": [4, 4, 4], "size": [64, 64]},
        "model": {"width": 4, "depth": 3},
        "loss": [{"term": "mae"}],
        "optimizer": {"learning_rate": 2e-3},
        "training": {"steps": 6, "batch": 4, "validate_every": 2, "precision": "float32"},
        "split": {"validation": 0.3},
    }
    for name, values in sections.items():
        base[name] = {**base.get(name, {}), **values} if isinstance(values, dict) else values
    return Recipe.model_validate(base)
