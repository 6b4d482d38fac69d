"""A cohort of small random CTs in folders, as other tools leave them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mrtoct.io.files import write_volume
from mrtoct.volume import Volume
from volumes import oblique_grid


@dataclass
class Folders:
    root: Path
    subjects: dict[str, tuple[Volume, Volume, Volume]]
    """CT, mask and noise by subject."""

    def write(self, folder: str, kind: str, layout: str, amount: float = 1.0) -> Path:
        """Write one volume a subject: layout is "folders", "before", "after" or "bare"."""
        for name, (ct, mask, noise) in self.subjects.items():
            place = {
                "folders": f"{name}/{kind}.nii.gz",
                "before": f"{kind}_{name}.mha",
                "after": f"{name}-{kind.upper()}.nii",
                "bare": f"{name}.nii.gz",
            }[layout]
            sct = ct.with_voxels(np.rint(ct.voxels + amount * noise.voxels).astype(np.int16))
            volume = {"ct": ct, "mask": mask, "sct": sct}[kind]
            write_volume(self.root / folder / place, volume)
        return self.root / folder

    def mae(self, name: str, amount: float) -> float:
        """What the error of a subject's synthetic CT must be."""
        ct, mask, noise = self.subjects[name]
        sct = np.rint(ct.voxels + amount * noise.voxels).astype(np.int16)
        error = [
            abs(int(a) - int(b))
            for a, b, m in zip(sct.ravel(), ct.voxels.ravel(), mask.voxels.ravel(), strict=True)
            if m
        ]
        return sum(error) / len(error)


def inner_mask(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A ragged mask that leaves the rim free, as that of a head does."""
    mask = np.zeros(shape, dtype=np.uint8)
    inner = (slice(1, -1),) * 3
    mask[inner] = generator.random(mask[inner].shape) < 0.7
    return mask


@pytest.fixture
def folders(tmp_path) -> Folders:
    subjects = {}
    for n, name in enumerate(("1BA001", "1BA005", "head.2")):
        generator = np.random.default_rng(n)
        grid = oblique_grid((10, 9 + n, 9), spacing=(3.0, 4.0, 5.0))
        ct = generator.integers(-600, 1200, grid.shape).astype(np.int16)
        subjects[name] = (
            Volume(ct, grid, "HU"),
            Volume(inner_mask(generator, grid.shape), grid, "label"),
            Volume(generator.uniform(-200, 200, grid.shape), grid, "HU"),
        )
    return Folders(tmp_path, subjects)
