"""The average of some heads, coarse: to tell by which way up a head lies, and whether it is one.

Heads are laid on one another by the vertex and the middle of their boxes, unturned.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from mrtoct.check.pair import COARSE_MM, MARGIN_MM, CoarseHead
from mrtoct.volume import Array

MARGIN = round(MARGIN_MM / COARSE_MM)
"""Voxels around a coarse head that hold none of it."""
MOST_SIDE = 128
"""Voxels along a coarse head: a metre."""


@dataclass(frozen=True)
class PackedHead:
    """An average head as JSON takes it: bytes of 0 to 255, deflated, in base 64."""

    shape: tuple[int, int, int]
    head: str
    dark: str


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


def packed(head: CoarseHead) -> PackedHead:
    """Return an average head as a record keeps it."""
    inner = tuple(slice(MARGIN, -MARGIN) for _ in range(3))
    parts = []
    for part in (head.head[inner], head.dark[inner]):
        bytes_of = np.rint(part * 255).astype(np.uint8).tobytes()
        parts.append(base64.b64encode(zlib.compress(bytes_of, 9)).decode("ascii"))
    i, j, k = head.head[inner].shape
    return PackedHead((i, j, k), *parts)


def unpacked(record: Any) -> CoarseHead:
    """Return the average head that a record keeps; ValueError if it is damaged."""
    kept = TypeAdapter(PackedHead).validate_python(record)
    if any(not 1 <= n <= MOST_SIDE for n in kept.shape):
        raise ValueError(f"sides of an average head are 1 to {MOST_SIDE}, got {list(kept.shape)}")
    size = math.prod(kept.shape)
    parts = []
    for text in (kept.head, kept.dark):
        try:
            voxels = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), size)
        except zlib.error as error:
            raise ValueError(f"an average head cannot be unpacked ({error})") from error
        if len(voxels) != size:
            raise ValueError(f"an average head of {size} voxels holds {len(voxels)}")
        parts.append(np.frombuffer(voxels, dtype=np.uint8).reshape(kept.shape) / 255)
    return _framed(*parts)


KeptHead = Annotated[CoarseHead, PlainValidator(unpacked), PlainSerializer(packed)]
"""A field of a record that is an average head."""


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
