"""A head ready to be scanned: its tissues and its CT at 1 mm, and how one is drawn from a source.

An anatomy file is an uncompressed .npz of three arrays of one shape (I, J, K): tissue, hu, trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrtoct.errors import FileError
from mrtoct.io.atomic import new_file
from mrtoct.phantom.tissues import Tissue
from mrtoct.prepare.mask import bounding_box
from mrtoct.simulation.bone import BoneSettings, vary_bone
from mrtoct.simulation.brain import BrainSettings, vary_brain
from mrtoct.simulation.cavities import CavitySettings, vary_cavities
from mrtoct.simulation.hounsfield import draw_ct
from mrtoct.simulation.labels import MARGIN
from mrtoct.simulation.landmarks import find_landmarks
from mrtoct.simulation.soft import draw_fat
from mrtoct.simulation.warp import WarpSettings, draw_warp, warped
from mrtoct.volume import AIR_HU, Array


@dataclass(frozen=True)
class AnatomySettings:
    """How heads are made to differ from the ones they are drawn from."""

    warp: WarpSettings = WarpSettings()
    cavities: CavitySettings = CavitySettings()
    bone: BoneSettings = BoneSettings()
    brain: BrainSettings = BrainSettings()


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Arrays (I, J, K) at 1 mm in RAS, cropped to the head."""

    tissue: Array
    """uint8 of Tissue; AIR is outside the head, INNER_AIR inside."""
    hu: Array
    """int16, the CT."""
    trusted: Array
    """bool, where the CT can be learnt from: not beside metal."""


def draw_anatomy(
    source: Anatomy, seed: list[int], settings: AnatomySettings, *, has_ct: bool
) -> Anatomy:
    """Draw a head that differs from its source by shape and, where its CT is simulated, by tissue.

    A real CT (has_ct) is only bent: its HU belong to its anatomy. Equal seeds draw equal heads.
    """
    rng = np.random.default_rng(seed)
    place = draw_warp(_shape(source.tissue), settings.warp, rng)
    tissue = warped(source.tissue, place, linear=False, fill=Tissue.AIR)
    if has_ct:
        hu = warped(source.hu, place, linear=True, fill=AIR_HU)
        trusted = warped(source.trusted, place, linear=False, fill=True)
        return cropped(Anatomy(tissue, hu, trusted))
    marks = find_landmarks(tissue)
    draw_fat(tissue, rng)
    vary_bone(tissue, marks, settings.bone, rng)
    vary_cavities(tissue, marks, settings.cavities, rng)
    vary_brain(tissue, settings.brain, rng)
    return cropped(Anatomy(tissue, draw_ct(tissue, rng), np.ones(tissue.shape, dtype=np.bool_)))


def cropped(anatomy: Anatomy) -> Anatomy:
    """Return an anatomy with a margin of air, and no more, around its head."""
    box = bounding_box(anatomy.tissue != Tissue.AIR, margin=(MARGIN, MARGIN, MARGIN))
    return Anatomy(anatomy.tissue[box], anatomy.hu[box], anatomy.trusted[box])


def write_anatomy(path: Path, anatomy: Anatomy) -> None:
    """Write an anatomy file, all at once."""
    with new_file(path, overwrite=True) as part, part.open("wb") as stream:
        np.savez(stream, tissue=anatomy.tissue, hu=anatomy.hu, trusted=anatomy.trusted)


def read_anatomy(path: Path) -> Anatomy:
    """Read an anatomy file; FileError if it is none or damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            anatomy = Anatomy(arrays["tissue"], arrays["hu"], arrays["trusted"])
    except Exception as error:  # NumPy and zipfile raise whatever a damaged file makes them
        raise FileError(f"{path} is not an anatomy, or damaged ({type(error).__name__})") from error
    if anatomy.tissue.ndim != 3 or not (
        anatomy.tissue.shape == anatomy.hu.shape == anatomy.trusted.shape
    ):
        raise FileError(f"{path} is damaged: its arrays differ in shape")
    return anatomy


def _shape(array: Array) -> tuple[int, int, int]:
    i, j, k = array.shape
    return i, j, k
