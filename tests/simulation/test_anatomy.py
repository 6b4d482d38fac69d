"""Heads drawn from a head: the same for a seed, whole on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError
from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.anatomy import (
    Anatomy,
    AnatomySettings,
    cropped,
    draw_anatomy,
    read_anatomy,
    write_anatomy,
)
from mrtoct.simulation.effects import chosen_effects
from mrtoct.simulation.labels import MARGIN
from mrtoct.volume import Array


@pytest.fixture(scope="module")
def source(small: Array) -> Anatomy:
    hu = np.where(small == Tissue.AIR, -1000, 30 * small.astype(np.int16)).astype(np.int16)
    return Anatomy(small, hu, small != Tissue.DIPLOE)


def test_a_seed_is_a_head(source: Anatomy) -> None:
    one, same, other = (
        draw_anatomy(source, [seed, 2], AnatomySettings(), has_ct=False) for seed in (1, 1, 3)
    )
    np.testing.assert_array_equal(one.tissue, same.tissue)
    np.testing.assert_array_equal(one.hu, same.hu)
    assert one.tissue.shape != other.tissue.shape or (one.tissue != other.tissue).mean() > 0.05
    assert one.trusted.all()


def test_the_drawn_ct_is_that_of_the_drawn_tissues(source: Anatomy) -> None:
    drawn = draw_anatomy(source, [4], AnatomySettings(), has_ct=False)
    mean = {tissue: drawn.hu[drawn.tissue == tissue].mean() for tissue in (0, 3, 7)}
    assert -1000 <= mean[0] < -970 and 15 < mean[3] < 45 and mean[7] > 700


def test_a_real_ct_is_bent_and_keeps_its_hu(source: Anatomy) -> None:
    still, _ = chosen_effects("plain")
    kept = draw_anatomy(source, [1], still, has_ct=True)
    expected = cropped(source)
    for name in ("tissue", "hu", "trusted"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(expected, name))
    bent = draw_anatomy(source, [1], AnatomySettings(), has_ct=True)
    deep = bent.tissue == Tissue.WHITE_MATTER
    assert np.median(bent.hu[deep]) == 30 * Tissue.WHITE_MATTER
    assert set(np.unique(bent.tissue)) <= set(np.unique(source.tissue))
    agree = bent.trusted == (bent.tissue != Tissue.DIPLOE)
    assert agree.all()  # both are moved by one warp


def test_cropped_leaves_a_margin(source: Anatomy) -> None:
    wide = Anatomy(*(np.pad(a, 5) for a in (source.tissue, source.hu, source.trusted)))
    head = np.argwhere(cropped(wide).tissue != Tissue.AIR)
    assert head.min(axis=0).tolist() == [MARGIN] * 3


def test_an_anatomy_survives_the_disk(source: Anatomy, tmp_path: Path) -> None:
    write_anatomy(tmp_path / "head.npz", source)
    back = read_anatomy(tmp_path / "head.npz")
    for name in ("tissue", "hu", "trusted"):
        np.testing.assert_array_equal(getattr(back, name), getattr(source, name))
        assert getattr(back, name).dtype == getattr(source, name).dtype


def test_a_damaged_file_is_named(source: Anatomy, tmp_path: Path) -> None:
    file = tmp_path / "head.npz"
    write_anatomy(file, source)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(FileError, match=r"head.npz is not an anatomy, or damaged"):
        read_anatomy(file)
    with file.open("wb") as stream:
        np.savez(stream, tissue=source.tissue, hu=source.hu[1:], trusted=source.trusted)
    with pytest.raises(FileError, match="its arrays differ in shape"):
        read_anatomy(file)
