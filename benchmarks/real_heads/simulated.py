"""MR simulated from the real CT heads, made once and kept in a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mrtoct.io.files import read_volume, write_volume
from mrtoct.volume import Array, Volume

from .anatomy import Anatomy, anatomy_of
from .heads import SOURCES, CtHead, ct_head, load, read_even
from .scanner import Scan, measure
from .signals import SEQUENCES, named
from .tilted import read_tilted

THICK_MM = 4


@dataclass(frozen=True)
class Contrast:
    """A sequence and the thickness of its slices in mm."""

    sequence: str
    slices_mm: int = 1

    @property
    def title(self) -> str:
        """As tables call it."""
        return self.sequence + (f", {self.slices_mm} mm" if self.slices_mm > 1 else "")


CONTRASTS = (
    *(Contrast(s.name) for s in SEQUENCES),
    Contrast("T1", THICK_MM),
    Contrast("T2", THICK_MM),
)
QUICK = (Contrast("T1"), Contrast("T2"))


class Simulated:
    """A CT head and the MR of it; what is not in the folder yet is made and put there."""

    def __init__(self, head: CtHead, folder: Path | None) -> None:
        self.head = head
        self._folder = folder
        self._anatomy: Anatomy | None = None

    @property
    def eye(self) -> Array | None:
        """The point between the eyes, RAS mm (3,), where they are known."""
        return np.mean(self.head.eyes, axis=0) if self.head.eyes else None

    def mr(self, contrast: Contrast) -> Volume:
        """Return the MR of a contrast, the same each time."""
        path = self._folder and self._folder / f"mr-{_slug(contrast.title)}.nii"
        if path and path.exists():
            return read_volume(path, "a.u.")
        if self._anatomy is None:
            self._anatomy = anatomy_of(self.head, _generator(self.head.name))
        made = measure(
            self._anatomy,
            self.head.ct.grid,
            named(contrast.sequence),
            Scan(slices_mm=contrast.slices_mm),
            _generator(self.head.name + contrast.title),
        )
        if path:
            write_volume(path, made)
        return made


def simulated_heads(data: Path, cache: Path | None) -> Iterator[Simulated]:
    """Yield the real CT heads among the data, one after the other."""
    for name in SOURCES:
        folder = cache and cache / name
        head = _kept(name, folder)
        if head is None:
            head = load(data, name)
            _keep(head, folder)
        yield Simulated(head, folder)


def simulate(path: Path, out: Path) -> None:
    """Write every contrast of one CT (a file, or a folder of DICOM slices), and the CT itself."""
    source = next((s for s in SOURCES.items() if path.as_posix().endswith(s[1].path)), None)
    ct = read_tilted(path) if path.is_dir() else read_even(path)
    head = ct_head(
        source[0] if source else path.name,
        ct,
        source[1].eyes if source else (),
        source[1].metal_hu if source else 3000.0,
    )
    _keep(head, out)
    made = Simulated(head, out)
    for contrast in CONTRASTS:
        made.mr(contrast)
        print(f"{head.name}: {contrast.title}", flush=True)


def _kept(name: str, folder: Path | None) -> CtHead | None:
    if folder is None or not (folder / "ct.nii").exists():
        return None
    masks = {n: read_volume(folder / f"{n}.nii", "label").voxels > 0 for n in ("head", "judged")}
    streaked = np.asarray(masks["head"].any(axis=(0, 1)) & ~masks["judged"].any(axis=(0, 1)))
    ct = read_volume(folder / "ct.nii", "HU")
    return CtHead(name, ct, masks["head"], masks["judged"], streaked, SOURCES[name].eyes)


def _keep(head: CtHead, folder: Path | None) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    ct = replace(head.ct, voxels=np.rint(head.ct.voxels).astype(np.int16))
    for name, voxels in (("head", head.head), ("judged", head.judged)):
        write_volume(folder / f"{name}.nii", ct.with_voxels(voxels, "label"), overwrite=True)
    # The CT comes last: where it is, all is.
    write_volume(folder / "ct.nii", ct, overwrite=True)


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower())


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(list(name.encode()))
