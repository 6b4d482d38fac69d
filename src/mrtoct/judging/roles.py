"""What a subject was to the networks that are judged, and who may speak for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Role = Literal["train", "validation", "test", "new", "unknown"]
"""new is a subject that no training saw, unknown one of which no run tells."""

WORST_FIRST: tuple[Role, ...] = ("train", "validation", "unknown", "test", "new")
"""Of several networks the one that knew a subject best decides."""

ADJECTIVES: dict[Role, str] = {
    "train": "training",
    "validation": "validation",
    "test": "test",
    "new": "new",
    "unknown": "",
}
"""What to call subjects of a role."""


def may_speak(roles: Mapping[str, Role]) -> list[str]:
    """Return who says something about new patients: those not seen, else the validation, else all.

    roles are by subject. Numbers of the validation flatter, because it chose the checkpoint; those
    of the training say nothing: `cautions` says so.
    """
    groups: tuple[tuple[Role, ...], ...] = (("test", "unknown", "new"), ("validation",))
    for group in groups:
        if names := [name for name, role in roles.items() if role in group]:
            return names
    return list(roles)


def cautions(roles: Mapping[str, Role]) -> list[str]:
    """Return a sentence for each kind of subjects whose figures flatter."""
    trained = [name for name, role in roles.items() if role == "train"]
    validated = [name for name, role in roles.items() if role == "validation"]
    notes = []
    if trained:
        notes.append(
            f"Used for training, so the figures say nothing about new patients: {some(trained)}."
        )
    if validated:
        notes.append(
            f"Used to choose the checkpoint, so the figures are optimistic: {some(validated)}."
        )
    return notes


def some(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
