"""Pairs on disk: a cohort like any other, whose MR, CT and tissues agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mrtoct.datasets.plain import list_plain
from mrtoct.errors import FileError, ValueRangeError
from mrtoct.io.files import read_volume
from mrtoct.io.transforms import read_transform
from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.pairs import write_pairs


@pytest.fixture(scope="module")
def cohort(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three plain T1 scans: of one, of two, and of one again."""
    out = tmp_path_factory.mktemp("pairs") / "out"
    names = write_pairs(sources / "labels", out, subjects=3, contrast="t1", effects="plain", seed=3)
    assert names == ["one-001", "two-001", "one-002"]
    return out


def test_it_is_a_cohort(cohort: Path) -> None:
    listing = list_plain(cohort)
    assert [s.name for s in listing.subjects] == ["one-001", "one-002", "two-001"]
    assert not listing.rejected
    for subject in listing.subjects:
        assert [*subject.mr] == ["mr"]
        assert subject.ct_to_mr is not None
        np.testing.assert_array_equal(read_transform(subject.ct_to_mr, rigid=True), np.eye(4))


def test_mr_ct_and_tissues_are_of_one_head_on_one_grid(cohort: Path) -> None:
    mr = read_volume(cohort / "one-001" / "mr.nii.gz", "a.u.")
    ct = read_volume(cohort / "one-001" / "ct.nii.gz", "HU")
    tissue = read_volume(cohort / "one-001" / "truth" / "tissue.nii.gz", "label")
    assert mr.grid.matches(ct.grid) and mr.grid.matches(tissue.grid)
    assert mr.spacing == pytest.approx((1, 1, 1))
    np.testing.assert_allclose(mr.grid.center, 0, atol=1e-6)
    assert mr.voxels.dtype == ct.voxels.dtype == np.int16
    is_ = {t: tissue.voxels == t for t in (Tissue.AIR, Tissue.WHITE_MATTER, Tissue.CORTICAL_BONE)}
    assert np.median(ct.voxels[is_[Tissue.AIR]]) == -1000
    assert np.median(ct.voxels[is_[Tissue.CORTICAL_BONE]]) > 800
    white = mr.voxels[is_[Tissue.WHITE_MATTER]].mean()
    assert mr.voxels[is_[Tissue.CORTICAL_BONE]].mean() < 0.5 * white
    assert white > 50  # not scaled to [0, 1]


def test_heads_of_one_source_differ_and_a_seed_is_a_cohort(
    cohort: Path, sources: Path, tmp_path: Path
) -> None:
    one, again = (
        read_volume(cohort / name / "ct.nii.gz", "HU").voxels for name in ("one-001", "one-002")
    )
    assert not np.array_equal(one, again)
    settings = {"subjects": 1, "contrast": "t1", "effects": "plain"}
    write_pairs(sources / "labels", tmp_path / "a", seed=3, **settings)  # type: ignore[arg-type]
    for name in ("mr.nii.gz", "ct.nii.gz"):
        same = read_volume(tmp_path / "a" / "one-001" / name, "HU").voxels
        np.testing.assert_array_equal(same, read_volume(cohort / "one-001" / name, "HU").voxels)


def test_the_record_says_how_it_was_made(cohort: Path) -> None:
    record = json.loads((cohort / "one-002" / "truth" / "simulation.json").read_text())
    assert record == {
        "source": "one.nii.gz",
        "number": 2,
        "seed": 3,
        "contrast": "t1",
        "effects": "plain",
    }


def test_what_is_there_is_kept_unless_told_otherwise(sources: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "old-001" / "truth").mkdir(parents=True)
    (tmp_path / "old-001" / "truth" / "simulation.json").write_text("{}")
    file = sources / "labels" / "two.nii.gz"
    with pytest.raises(FileError, match="exists already; name a new folder; pass overwrite=True"):
        write_pairs(file, tmp_path)
    assert write_pairs(file, tmp_path, effects="plain", overwrite=True) == ["two-001"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes", "two-001"]


def test_bad_wishes_are_refused_before_the_work(sources: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ValueRangeError, match=r"contrasts are t1, .*, any, got 'T1'"):
        write_pairs(sources, out, contrast="T1")
    with pytest.raises(ValueRangeError, match="'bais' is not an effect"):
        write_pairs(sources, out, effects="bais")
    with pytest.raises(ValueRangeError, match="1 to 9999 subjects, got 0"):
        write_pairs(sources, out, subjects=0)
    assert not out.exists()
