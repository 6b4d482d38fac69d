"""Slices of strangers: MR of some subjects and CT of others, for a training without pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from mrtoct.errors import CohortError
from mrtoct.sampling.slices import Batch
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.volume import AIR_HU, Array


def two_groups(
    subjects: Sequence[LoadedSubject], seed: int
) -> tuple[list[LoadedSubject], list[LoadedSubject]]:
    """Divide subjects at random: of the first group only the MR is kept, of the second the CT.

    No subject is in both, so nothing that learns from them can see a pair. CohortError with fewer
    than two subjects.
    """
    if len(subjects) < 2:
        raise CohortError(
            "a training without pairs takes the MR of some subjects and the CT of others: it "
            f"needs 2 at least, got {len(subjects)}"
        )
    order = np.random.default_rng(seed).permutation(len(subjects))
    shuffled = [subjects[n] for n in order]
    half = len(shuffled) // 2
    return [without_ct(s) for s in shuffled[half:]], [without_mr(s) for s in shuffled[:half]]


def without_ct(subject: LoadedSubject) -> LoadedSubject:
    """Return a subject of whom the MR alone is known: its CT is air, its head is the MR's."""
    nothing = np.broadcast_to(np.int16(AIR_HU), subject.hu.shape)
    everywhere = np.broadcast_to(np.True_, subject.covered.shape)
    return replace(subject, hu=nothing, head=subject.mr_head, covered=everywhere, brain=None)


def without_mr(subject: LoadedSubject) -> LoadedSubject:
    """Return a subject of whom the CT alone is known: its MR is 0, its head is the CT's."""
    nothing = np.broadcast_to(np.float16(0), subject.mr.shape)
    return replace(subject, mr=nothing, mr_head=subject.head, brain=None)


def depths(subjects: Sequence[LoadedSubject]) -> Array:
    """Return how far below the top of its head each kept slice lies, mm, in a slice set's order."""
    below = []
    for subject in subjects:
        top = int(np.flatnonzero(subject.head.any(axis=(0, 1)))[-1])
        below.append([(top - k) * subject.grid.spacing[2] for k in subject.kept])
    return np.concatenate(below)


def at_like_depth(
    wanted: Array, depth: Array, nearest: int, generator: torch.Generator
) -> list[int]:
    """Return for each wanted depth a slice drawn at random from the nearest ones.

    A discriminator that is shown the vertex of one head and the jaw of another learns to tell
    heights apart, and so does a comparison of histograms.
    """
    drawn = torch.randint(nearest, (len(wanted),), generator=generator).tolist()
    return [
        int(np.argsort(np.abs(depth - at), kind="stable")[min(n, len(depth) - 1)])
        for at, n in zip(wanted, drawn, strict=True)
    ]


def joined(first: Batch, second: Batch) -> Batch:
    """Return the samples of two batches as one, those of the first before those of the second."""
    pairs = zip(
        (first.mr, first.ct, first.covered, first.head, first.brain),
        (second.mr, second.ct, second.covered, second.head, second.brain),
        strict=True,
    )
    mr, ct, covered, head, brain = (torch.cat(both) for both in pairs)
    return Batch(mr, ct, covered, head, brain)
