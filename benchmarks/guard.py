"""What does the guard of a model for any contrast say of real scans, as they are and spoilt?

The record of the training is taken from a bundle, or made of heads simulated from label maps. Each
row of the table is a scan and what was done to it, with the kinds of what was found; a star marks
a finding that is only a note, an exclamation mark one that forbids the translation.

    python benchmarks/guard.py DATA                    # simulates heads from DATA/head_labels
    python benchmarks/guard.py DATA --bundle head      # what that bundle remembers
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from mrtoct.errors import MrtoctError
from mrtoct.io.files import read_scan
from mrtoct.io.scan import Scan
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.resample import resample
from mrtoct.simulation.anatomy import AnatomySettings, draw_anatomy
from mrtoct.simulation.contrast import SEQUENCES
from mrtoct.simulation.scan import ScanSettings, draw_scan
from mrtoct.simulation.sources import Source, read_source
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.guard.collect import seen_of
from mrtoct.translation.guard.doubts import doubts
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.translation.pretrained.shipped import find_bundle
from mrtoct.volume import Array, Grid, Volume

HEADS = {
    "RIRE T1": "rire/training_001_mr_T1.mha",
    "Visible Human": "visible_human_male/mr.mha",
    "Colin27 T1": "colin27_brainweb/t1.nii.gz",
    "FNNDSC T1": "mr_heads/fnndsc/fnndsc_mocoMEMPRAGE_220FOV_RMS_HFS.nii.gz",
    "FNNDSC T2": "mr_heads/fnndsc/fnndsc_AX_FSE_T2_HFS.nii.gz",
    "Seg3D T1": "mr_heads/seg3d/mr_t1.nii.gz",
    "lying HFS": "dicom_mr_positions/HFS",
    "lying HFP": "dicom_mr_positions/HFP",
    "lying HFDL": "dicom_mr_positions/HFDL",
    "lying HFDR": "dicom_mr_positions/HFDR",
}
PORK, CT = "pork_phantom_ct_mr/mr_t2_full.nii.gz", "ct_heads/unc/ct.nii.gz"
DAMAGED = ("Visible Human", "FNNDSC T2")
WORK_MM = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--bundle", help="a shipped model's name, or a folder")
    parser.add_argument("--simulated", type=int, default=8, help="heads to simulate")
    parser.add_argument("--sentences", action="store_true", help="print them below each row")
    options = parser.parse_args()
    if options.bundle:
        seen = read_bundle(find_bundle(options.bundle))[0].seen
    else:
        seen = simulated(options.data / "head_labels", options.simulated)
    channel = next(iter(seen.channels)) if seen else "mr"
    print("| scan | changed | found |\n| --- | --- | --- |")

    def say(name: str, change: str, volume: Volume) -> None:
        found = doubts({channel: volume}, seen)
        marks = {"note": "*", "doubtful": "", "unusable": "!"}
        kinds = ", ".join(f"{f.kind}{marks[f.weight]}" for f in found)
        print(f"| {name} | {change} | {kinds or '-'} |", flush=True)
        if options.sentences:
            print(*(f"    {finding}" for finding in found), sep="\n", flush=True)

    for name, path in HEADS.items():
        mr = read_scan(Scan(options.data / path), "a.u.")
        say(name, "nothing", mr)
        if name in DAMAGED:
            head = head_of(mr)
            for change, damage in DAMAGES.items():
                say(name, change, damage(mr, head))
    pork = read_scan(Scan(options.data / PORK), "a.u.")
    say("block of pork, T2", "nothing", pork)
    ct = read_scan(Scan(options.data / CT), "HU")
    say("CT head", "in HU", ct)
    say("CT head", "shifted by 1024", ct.with_voxels(ct.voxels + np.int16(1024)))
    say("CT head", "a window of -100 to 200 HU, 8 bits", ct.with_voxels(windowed(ct.voxels)))
    say("none", "noise only", nothing())
    say("none", "a ball of water", ball((78.0, 78.0, 78.0)))
    say("none", "a bottle of a head's size", ball((77.0, 97.0, 105.0)))


def simulated(labels: Path, heads: int) -> SeenMr:
    """Remember whole heads drawn from label maps, each in another contrast."""
    settings = replace(ScanSettings(), faceless=0.0, cut=0.0)
    volumes = []
    for number, path in enumerate(sorted(labels.glob("*.nii.gz"))[:heads]):
        source = read_source(Source(path, has_ct=False))
        drawn = draw_anatomy(source, [number, 1], AnatomySettings(), has_ct=False)
        sequence = SEQUENCES[number % len(SEQUENCES)]
        scan = draw_scan(drawn, [number, 2], settings, sequence=sequence)
        i, j, k = scan.mr.shape
        volumes.append(Volume(scan.mr, Grid((i, j, k), np.eye(4)), "a.u."))
    return seen_of(volumes)


def head_of(mr: Volume) -> Volume:
    """Return the head mask upright, on voxels of 2 mm."""
    return head_mask_mr(resample(mr, mr.grid.upright((WORK_MM,) * 3), fill=0.0))


def places(head: Volume) -> tuple[Array, Array]:
    """Return each slice's depth below the vertex, and each row's behind the forehead, in mm."""
    top = np.flatnonzero(head.voxels.any(axis=(0, 1)))[-1]
    below = (top - np.arange(head.grid.shape[2])) * WORK_MM
    vault = head.voxels[:, :, (below > 30) & (below < 70)]
    behind = (np.flatnonzero(vault.any(axis=(0, 2)))[-1] - np.arange(head.grid.shape[1])) * WORK_MM
    return below[None, None], behind[None, :, None]


def without(mr: Volume, head: Volume, gone: Array) -> Volume:
    """Return a scan that is 0 where something was taken away."""
    there = resample(
        head.with_voxels(np.broadcast_to(gone, head.grid.shape)),
        mr.grid,
        fill=0.0,
        interpolation="nearest",
    ).voxels
    return mr.with_voxels(np.where(there, 0, mr.voxels))


def stripped(mr: Volume, head: Volume) -> Volume:
    padded = np.pad(head.voxels, 1, mode="edge")
    depth = ndimage.distance_transform_edt(padded, sampling=WORK_MM)[1:-1, 1:-1, 1:-1]
    below, behind = places(head)
    brain = (depth > 13) & (below < 135) & ((below < 95) | (behind > 80))
    parts, _ = ndimage.label(ndimage.binary_opening(brain, iterations=3))
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return without(mr, head, parts != sizes.argmax())


def faceless(mr: Volume, head: Volume) -> Volume:
    below, behind = places(head)
    return without(mr, head, (below > 85) & (behind < 26 + np.clip((below - 85) / 2, 0, 26)))


def cut(mr: Volume, head: Volume, axis: int, mm: float) -> Volume:
    """Cut the field of view by mm into the head, from the end of a world axis."""
    towards = mr.affine[axis, :3] / mr.spacing
    index = int(np.argmax(np.abs(towards)))
    mask = resample(head, mr.grid, fill=0.0, interpolation="nearest").voxels
    held = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != index)))
    gone = round(mm / mr.spacing[index])
    box = [slice(0, n) for n in mr.grid.shape]
    box[index] = (
        slice(0, int(held[-1]) + 1 - gone)
        if towards[index] > 0
        else slice(int(held[0]) + gone, mr.grid.shape[index])
    )
    return mr.cropped((box[0], box[1], box[2]))


def turned(mr: Volume, degrees: tuple[float, float, float]) -> Volume:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    turn[:3, 3] = mr.grid.center - turn[:3, :3] @ mr.grid.center
    return Volume(mr.voxels, Grid(mr.grid.shape, turn @ mr.affine), mr.unit)


def noisy(mr: Volume, head: Volume, part: float) -> Volume:
    mask = resample(head, mr.grid, fill=0.0, interpolation="nearest").voxels
    sd = part * float(np.median(mr.voxels[mask]))
    real, other = np.random.default_rng(1).normal(0, sd, (2, *mr.grid.shape))
    return mr.with_voxels(np.hypot(mr.voxels + real, other).astype(np.float32))


def drifting(mr: Volume, head: Volume, ratio: float) -> Volume:
    inside = head.grid.to_world(np.argwhere(head.voxels))[:, 0]
    low, high = float(inside.min()), float(inside.max())
    i, j, k = np.ogrid[tuple(slice(n) for n in mr.grid.shape)]
    a, b, c, offset = mr.affine[0]
    part = np.clip((a * i + b * j + c * k + offset - low) / (high - low), -0.2, 1.2)
    return mr.with_voxels((mr.voxels * ratio ** (part - 0.5)).astype(np.float32))


def coarser(mr: Volume, spacing: tuple[float, float, float]) -> Volume:
    return resample(mr, mr.grid.upright(spacing), fill=0.0)


def scaled(mr: Volume, factor: float) -> Volume:
    return Volume(mr.voxels, Grid(mr.grid.shape, mr.affine @ np.diag([factor] * 3 + [1])), mr.unit)


def windowed(hu: Array) -> Array:
    return np.rint((np.clip(hu, -100, 200) + 100) / 300 * 255).astype(np.uint8)


def nothing() -> Volume:
    grid = Grid.from_box((-110,) * 3, (110,) * 3, (2.0,) * 3)
    real, other = np.random.default_rng(0).normal(0, 50, (2, *grid.shape))
    return Volume(np.hypot(real, other).astype(np.float32), grid, "a.u.")


def ball(radii: tuple[float, float, float]) -> Volume:
    empty = nothing()
    indices = np.stack(np.meshgrid(*map(np.arange, empty.grid.shape), indexing="ij"), axis=-1)
    inside = (((empty.grid.to_world(indices)) / radii) ** 2).sum(axis=-1) < 1
    return empty.with_voxels(np.where(inside, 800, 0) + empty.voxels / 4)


Damage = Callable[[Volume, Volume], Volume]
DAMAGES: dict[str, Damage] = {
    "child of 0.85 the size": lambda mr, head: scaled(mr, 0.85),
    "chin up by 15 degrees": lambda mr, head: turned(mr, (15, 0, 0)),
    "noise of 3 %": lambda mr, head: noisy(mr, head, 0.03),
    "skull stripped": stripped,
    "face removed": faceless,
    "top cut by 40 mm": lambda mr, head: cut(mr, head, 2, 40),
    "right side cut by 25 mm": lambda mr, head: cut(mr, head, 0, 25),
    "face cut by the view, 40 mm": lambda mr, head: cut(mr, head, 1, 40),
    "upside down": lambda mr, head: turned(mr, (0, 180, 0)),
    "back to front": lambda mr, head: turned(mr, (0, 0, 180)),
    "on its side": lambda mr, head: turned(mr, (0, 90, 0)),
    "noise of 20 %": lambda mr, head: noisy(mr, head, 0.2),
    "brightness 5:1": lambda mr, head: drifting(mr, head, 5),
    "brightness 15:1": lambda mr, head: drifting(mr, head, 15),
    "slices of 10 mm": lambda mr, head: coarser(mr, (1, 1, 10)),
    "voxels of 3 mm": lambda mr, head: coarser(mr, (3, 3, 3)),
}

if __name__ == "__main__":
    try:
        main()
    except MrtoctError as error:
        raise SystemExit(str(error)) from error
