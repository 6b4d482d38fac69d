"""Cut a prepared pair into slabs, so that a study can train on some and judge on others.

    python benchmarks/real_pair.py STORE SLABS --slabs 6 --gap 6

The part of STORE's first subject that has bone becomes the subjects slab-1, slab-2, ... of the new
store SLABS. Slabs are parts of one object: what is learnt on some and judged on the others says how
well a network fits this pair, and nothing about another patient.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np

from mrtoct.prepare.clean import DroppedSlice
from mrtoct.prepare.store import (
    PreparedSubject,
    read_manifest,
    read_subject,
    write_manifest,
    write_subject,
)
from mrtoct.sampling.patches import BONE_ABOVE_HU
from mrtoct.volume import Grid, Volume


def cut(volume: Volume, low: int, high: int) -> Volume:
    """Return the slices from low up to, but without, high."""
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.to_world([0, 0, low])
    voxels = np.ascontiguousarray(volume.voxels[:, :, low:high])
    return Volume(voxels, Grid(voxels.shape, affine), volume.unit)


def slab(subject: PreparedSubject, number: int, low: int, high: int) -> PreparedSubject:
    """Return the slices from low up to, but without, high as a subject of their own."""
    return replace(
        subject,
        name=f"slab-{number}",
        channels={name: cut(volume, low, high) for name, volume in subject.channels.items()},
        ct=cut(subject.ct, low, high),
        head=cut(subject.head, low, high),
        mr_head=cut(subject.mr_head, low, high),
        covered=cut(subject.covered, low, high),
        mask=subject.mask and cut(subject.mask, low, high),
        dropped=[
            DroppedSlice(d.slice - low, d.reason) for d in subject.dropped if low <= d.slice < high
        ],
        fingerprint=f"{subject.fingerprint}-{low}-{high}",
    )


def main() -> None:
    """Write the slabs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("slabs", type=Path, help="new store")
    parser.add_argument("--slabs", type=int, default=6, dest="count")
    parser.add_argument("--gap", type=float, default=6.0, help="mm left out between slabs")
    arguments = parser.parse_args()
    manifest = read_manifest(arguments.store)
    subject = read_subject(arguments.store, manifest.subjects[0])
    bone = ((subject.ct.voxels > BONE_ABOVE_HU) & subject.head.voxels).sum((0, 1))
    kept = [k for k in subject.kept_slices if bone[k] > 0.005 * subject.head.voxels[:, :, k].sum()]
    edges = np.linspace(kept[0], kept[-1] + 1, arguments.count + 1)
    gap = arguments.gap / subject.ct.spacing[2] / 2
    slabs = [
        slab(subject, n, round(low + gap * (n > 1)), round(high - gap * (n < arguments.count)))
        for n, (low, high) in enumerate(itertools.pairwise(edges), start=1)
    ]
    for each in slabs:
        write_subject(arguments.slabs, each)
        part = ((each.ct.voxels > BONE_ABOVE_HU) & each.head.voxels).sum() / each.head.voxels.sum()
        print(f"{each.name}: {each.ct.grid}, {100 * part:.1f}% bone")
    write_manifest(arguments.slabs, replace(manifest, subjects=[each.name for each in slabs]))


if __name__ == "__main__":
    main()
