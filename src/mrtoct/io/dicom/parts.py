"""Split a series as the scanner names it into volumes.

It may hold several: echoes, time points, b-values, stacks of other orientation or matrix. Each
becomes a `Series` of its own, a part of the scanner's.
"""

from __future__ import annotations

import numpy as np

from mrtoct.io.dicom.geometry import normal_of
from mrtoct.io.dicom.headers import Frame
from mrtoct.io.dicom.series import Series
from mrtoct.volume import Array

TELLING_APART = (
    "component", "image type", "echo time", "temporal position", "b-value", "diffusion direction",
    "inversion time", "flip angle", "repetition time", "trigger time", "acquisition", "stack",
    "contrast agent",
)  # fmt: skip
"""Of what is measured: by which images at one place are taken for those of several volumes."""

SAME_DIRECTION = 2e-3
"""Direction cosines that differ by less belong to one stack: headers round them."""

SCOUT_SLICES = 8
"""A series of several orientations with fewer slices in each is a scout, whatever it is called."""


def parts_of(frames: list[Frame]) -> list[Series]:
    """Split a scanner's series into volumes."""
    geometries = _by_geometry(frames)
    normals = _distinct([np.abs(normal_of(g[0].orientation)) for g in geometries])
    parts: list[tuple[list[Frame], str, str]] = []
    for members in geometries:
        apart = ""
        if len(geometries) > 1:
            rows, columns = members[0].shape
            apart = f"{Series(tuple(members), 1, 1).orientation}, {columns} x {rows}"
        aside = _aside(members, normals > 1)
        for volume, differs in _volumes(members):
            parts.append((volume, ", ".join(filter(None, (apart, differs))), aside))
    return [
        Series(tuple(volume), number, len(parts), apart, aside)
        for number, (volume, apart, aside) in enumerate(parts, start=1)
    ]


def _volumes(frames: list[Frame]) -> list[tuple[list[Frame], str]]:
    """Split planes of one geometry into volumes, each with how it differs from the others."""
    groups, used = [frames], []
    if not _repeats(frames):
        slabs = _by_measured(frames, ["stack"])
        whole = all(len(slab) > 1 and _is_even(slab) for slab in slabs)
        if len(slabs) > 1 and whole and not _is_even(frames):
            groups, used = slabs, ["stack"]
    else:
        for name in TELLING_APART:
            split = _by_measured(frames, [*used, name])
            # What varies from slice to slice does not tell volumes apart.
            covered = [len(_places(group)) for group in split]
            if len(split) > len(groups) and 2 * np.median(covered) > max(covered):
                groups, used = split, [*used, name]
            if not any(map(_repeats, groups)):
                break
    groups.sort(key=lambda group: [_natural(group[0].measured.get(name, "")) for name in used])
    return [(group, _described(group[0], used)) for group in groups]


def _natural(text: str) -> tuple[float, str]:
    """Sort 98 ms after 14 ms and both before words."""
    try:
        return float(text.split()[0]), text
    except (IndexError, ValueError):
        return float("inf"), text


def _described(frame: Frame, names: list[str]) -> str:
    return ", ".join(f"{name} {frame.measured.get(name, 'not stated')}" for name in names)


def _by_measured(frames: list[Frame], names: list[str]) -> list[list[Frame]]:
    groups: dict[tuple[str | None, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault(tuple(map(frame.measured.get, names)), []).append(frame)
    return list(groups.values())


def _by_geometry(frames: list[Frame]) -> list[list[Frame]]:
    """Group planes of one size, pixel spacing and orientation; headers round the last two."""
    groups: list[list[Frame]] = []
    for frame in frames:
        for group in groups:
            if (
                frame.shape == group[0].shape
                and np.allclose(frame.spacing, group[0].spacing, rtol=1e-3)
                and np.allclose(frame.orientation, group[0].orientation, atol=SAME_DIRECTION)
            ):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def _distinct(normals: list[Array]) -> int:
    kept: list[Array] = []
    for normal in normals:
        if not any(np.allclose(normal, other, atol=SAME_DIRECTION) for other in kept):
            kept.append(normal)
    return len(kept)


def _places(frames: list[Frame]) -> set[tuple[float, ...]]:
    return {tuple(np.round(frame.position, 2)) for frame in frames}


def _repeats(frames: list[Frame]) -> bool:
    return len(_places(frames)) < len(frames)


def _is_even(frames: list[Frame]) -> bool:
    stack = Series(tuple(frames), 1, 1).stack
    return not isinstance(stack, str) and stack.fault(["" for _ in frames]) is None


def _aside(frames: list[Frame], several_orientations: bool) -> str:
    image_type = frames[0].measured.get("image type", "").upper()
    if "LOCALIZER" in image_type:
        return "localizer"
    places = len(_places(frames))
    if several_orientations and places < SCOUT_SLICES:
        return "few slices in several orientations, like a scout"
    return "a single slice" if places == 1 else ""
