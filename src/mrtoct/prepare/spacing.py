"""The voxel spacings at which stores are made, networks learn and heads are translated."""

from __future__ import annotations

LEAST_MM, MOST_MM = 0.2, 10.0


def require_spacing(spacing: tuple[float, float, float]) -> None:
    """Raise ValueError unless a voxel spacing is one that heads can be worked at."""
    if len(spacing) != 3 or not all(LEAST_MM <= s <= MOST_MM for s in spacing):
        raise ValueError(
            f"spacing must be three numbers of {LEAST_MM:g} to {MOST_MM:g} mm, got {list(spacing)}"
        )
