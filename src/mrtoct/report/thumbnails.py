"""Small pictures of every subject for the top of a page: MR, CTs, difference, contours.

Each shows the same four slices, two transverse, one coronal and one sagittal, at one scale in mm.
The patient's right is on the left; in sagittal slices the front is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from mrtoct.judging.metrics import tissue
from mrtoct.report.colors import WINDOWS, deviation_table, error_table
from mrtoct.report.contents import SubjectResult
from mrtoct.report.scales import BONE_FIRST
from mrtoct.report.slices import Plane, extent, levels, picture, upright
from mrtoct.volume import AIR_HU, BONE_ABOVE_HU, Array, Volume

TILE = 280
"""Pixels of a slice's side; the longest side of the head fills it."""
GAP = 2
ERROR_HU = 400.0
CONTOUR = (255, 150, 0)
QUALITY = 84


@dataclass(frozen=True)
class Thumbnail:
    """A picture of a subject: what it is, in a word or two and in a sentence, and its JPEG."""

    title: str
    described: str
    jpeg: bytes


def subject_thumbnails(subject: SubjectResult, deviation_limit: float) -> list[Thumbnail]:
    """Return the pictures of a judged subject; deviation_limit (HU) ends the scale of its SD.

    The slices follow the real CT's bone and air alone, as the figures' do: nothing is chosen for
    or against a method.
    """
    given = {"mr": subject.mr, "sct": subject.sct, "ct": subject.ct, "mask": subject.mask}
    if subject.deviation is not None:
        given["deviation"] = subject.deviation
    volumes = upright(given, subject.mask)
    inside = np.asarray(volumes["mask"].voxels > 0)
    ct = volumes["ct"].voxels
    detail = tissue.bone(ct, inside) | tissue.air(ct, inside)
    cuts = levels(inside, detail, volumes["ct"].spacing)
    bone = next(w for w in WINDOWS if w.name == BONE_FIRST)

    hu = {n: np.maximum(volumes[n].voxels.astype(np.float32), AIR_HU) for n in ("sct", "ct")}
    signal = volumes["mr"].voxels[inside]
    dark, bright = np.quantile(signal, (0.005, 0.995)) if signal.size else (0.0, 1.0)
    where = volumes["mask"]

    def shown(voxels: Array, low: float, high: float, colors: Array | None = None) -> Array:
        return _mosaic(where.with_voxels(voxels, "a.u."), where, cuts, (low, high), colors)

    mr = shown(volumes["mr"].voxels, float(dark), float(bright))
    outline = _contours(where.with_voxels(hu["ct"], "HU"), cuts)
    laid = mr.copy()
    laid[outline] = CONTOUR
    bones = f"{bone.low:g} to {bone.high:g} HU"
    made = [
        ("MR", "MR", mr),
        ("Synthetic CT", f"synthetic CT, {bones}", shown(hu["sct"], bone.low, bone.high)),
        ("Real CT", f"real CT, {bones}", shown(hu["ct"], bone.low, bone.high)),
        (
            "Synthetic − real",
            f"synthetic minus real CT, blue from -{ERROR_HU:g} to orange at +{ERROR_HU:g} HU",
            shown(hu["sct"] - hu["ct"], -ERROR_HU, ERROR_HU, error_table()),
        ),
        (
            "Registration",
            f"contours of the real CT's bone, at {BONE_ABOVE_HU:g} HU, over the MR",
            laid,
        ),
    ]
    if "deviation" in volumes:
        spread = shown(volumes["deviation"].voxels, 0, deviation_limit, deviation_table())
        told = f"standard deviation, from 0 to {deviation_limit:g} HU at the brightest"
        made.append(("Standard deviation", told, spread))
    return [
        Thumbnail(
            title,
            f"{subject.name}: {told}; two transverse, a coronal and a sagittal slice",
            _jpeg(pixels),
        )
        for title, told, pixels in made
    ]


def _mosaic(
    volume: Volume,
    mask: Volume,
    cuts: Sequence[tuple[Plane, int]],
    window: tuple[float, float],
    colors: Array | None,
) -> Array:
    """Return the slices two by two as uint8 (height, width, 3), black outside the mask."""
    low, high = window
    tiles = []
    for plane, index in cuts:
        part = _scaled(picture(volume, plane, index).astype(np.float32), volume, plane, order=1)
        inside = _scaled(picture(mask, plane, index).astype(np.float32), mask, plane, order=1)
        level = np.clip((part - low) / max(high - low, 1e-9), 0, 1)
        if colors is None:
            rgb = np.repeat(np.rint(255 * level)[..., None], 3, axis=-1).astype(np.uint8)
        else:
            rgb = colors[np.rint(level * (len(colors) - 1)).astype(int)]
        tiles.append(_centred(np.where((inside > 0.5)[..., None], rgb, 0).astype(np.uint8)))
    return _two_by_two(tiles)


def _contours(ct: Volume, cuts: Sequence[tuple[Plane, int]]) -> Array:
    """Return where the edge of bone runs, as bool (height, width)."""
    tiles = []
    for plane, index in cuts:
        hu = _scaled(picture(ct, plane, index).astype(np.float32), ct, plane, order=1)
        bone = hu > BONE_ABOVE_HU
        tiles.append(_centred(bone & ~ndimage.binary_erosion(bone)))
    return _two_by_two(tiles)


def _scaled(part: Array, volume: Volume, plane: Plane, *, order: int) -> Array:
    """Return a slice at so many pixels a mm that the head's longest side fills a tile."""
    longest = max(n * s for n, s in zip(volume.grid.shape, volume.spacing, strict=True))
    wide, high = extent(volume, plane)
    size = np.maximum(np.rint(np.array([high, wide]) * TILE / longest), 1)
    made = ndimage.zoom(part, size / part.shape, order=order, grid_mode=True, mode="nearest")
    return np.asarray(made)


def _centred(tile: Array) -> Array:
    """Return a picture in the middle of a square of TILE pixels."""
    made = np.zeros((TILE, TILE, *tile.shape[2:]), dtype=tile.dtype)
    high, wide = (min(n, TILE) for n in tile.shape[:2])
    top, left = (TILE - high) // 2, (TILE - wide) // 2
    made[top : top + high, left : left + wide] = tile[:high, :wide]
    return made


def _two_by_two(tiles: Sequence[Array]) -> Array:
    gap = np.zeros((TILE, GAP, *tiles[0].shape[2:]), dtype=tiles[0].dtype)
    rows = [np.concatenate([one, gap, other], axis=1) for one, other in (tiles[:2], tiles[2:])]
    between = np.zeros((GAP, *rows[0].shape[1:]), dtype=rows[0].dtype)
    return np.concatenate([rows[0], between, rows[1]])


def _jpeg(pixels: Array) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="jpeg", quality=QUALITY, subsampling=0)
    return stream.getvalue()
