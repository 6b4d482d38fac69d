"""The average of some heads, coarse: to tell by which way up a head lies, and whether it is one.

Heads are laid on one another by the vertex and the middle of their boxes, unturned.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from mrtoct.check.pair import COARSE_MM, MARGIN_MM, CoarseHead
from mrtoct.volume import Array

MARGIN = round(MARGIN_MM / COARSE_MM)
"""Voxels around a coarse head that hold none of it."""


def average_head(heads: Sequence[CoarseHead]) -> CoarseHead:
    """Return the mean of coarse heads (at least one), down to where half of them were seen.

    Air beside and above a head counts as seen, although a training store is cropped to the head.
    """
    size = np.max([head.head.shape for head in heads], axis=0)
    total = np.zeros((2, *size))
    seen = np.zeros(size[2])
    for one in heads:
        box = _place(one.head.shape, size)
        total[(slice(None), *box)] += [one.head, one.dark]
        lowest = int(np.flatnonzero((one.head * one.seen).any(axis=(0, 1)))[0])
        seen[box[2].start + lowest :] += 1
    bottom = int(np.flatnonzero(seen >= len(heads) / 2)[0])
    mean = total / np.maximum(seen, 1)
    return _framed(mean[0, :, :, bottom:-MARGIN], mean[1, :, :, bottom:-MARGIN])


def to_record(head: CoarseHead) -> dict[str, Any]:
    """Return an average head as JSON takes it: bytes of 0 to 255, deflated, in base 64."""
    inner = tuple(slice(MARGIN, -MARGIN) for _ in range(3))
    parts = {"head": head.head[inner], "dark": head.dark[inner]}
    record: dict[str, Any] = {"shape": list(parts["head"].shape)}
    for name, part in parts.items():
        packed = zlib.compress(np.rint(part * 255).astype(np.uint8).tobytes(), 9)
        record[name] = base64.b64encode(packed).decode("ascii")
    return record


def average_of(record: dict[str, Any]) -> CoarseHead:
    """Return the average head of a record; ValueError, TypeError or KeyError if it is damaged."""
    head, dark = (
        np.frombuffer(
            zlib.decompress(base64.b64decode(record[name], validate=True)), dtype=np.uint8
        ).reshape(record["shape"])
        / 255
        for name in ("head", "dark")
    )
    return _framed(head, dark)


def _framed(head: Array, dark: Array) -> CoarseHead:
    """Put air around a head, but below it nothing that was seen."""
    seen = np.ones(tuple(n + 2 * MARGIN for n in head.shape), dtype=np.float32)
    seen[:, :, :MARGIN] = 0
    whole, bone = (np.pad(part, MARGIN).astype(np.float32) for part in (head, dark))
    return CoarseHead(whole, bone, seen)


def _place(shape: tuple[int, ...], size: Array) -> tuple[slice, slice, slice]:
    """Return where an array lies in a larger one: in the middle, and at its top."""
    i, j = ((int(n) - m) // 2 for n, m in zip(size[:2], shape[:2], strict=True))
    return slice(i, i + shape[0]), slice(j, j + shape[1]), slice(int(size[2]) - shape[2], None)
