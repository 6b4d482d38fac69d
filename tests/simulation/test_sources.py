"""Where heads come from, and heads drawn from them and kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import CohortError, FileError, ValueRangeError
from mrtoct.io.files import write_volume
from mrtoct.phantom.tissues import Tissue
from mrtoct.simulation.effects import chosen_effects
from mrtoct.simulation.sources import AnatomyShelf, find_sources, fingerprint, read_source
from mrtoct.volume import Volume

STILL = chosen_effects("plain")[0]


def test_label_maps_and_cts_are_found_in_their_folders(sources: Path) -> None:
    found = find_sources(sources)
    assert [(s.name, s.has_ct) for s in found] == [("one", False), ("two", False), ("three", True)]


def test_a_file_tells_what_it_is(sources: Path) -> None:
    (labels,) = find_sources(sources / "labels" / "one.nii.gz")
    (ct,) = find_sources(sources / "ct" / "three.nii.gz")
    assert (labels.name, labels.has_ct) == ("one", False)
    assert (ct.name, ct.has_ct) == ("three", True)


def test_a_plain_folder_is_of_label_maps(sources: Path) -> None:
    found = find_sources(sources / "labels")
    assert [(s.name, s.has_ct) for s in found] == [("one", False), ("two", False)]


def test_phantoms_are_named_as_their_subjects(sources: Path, tmp_path: Path) -> None:
    for name in ("phantom-001", "phantom-002"):
        (tmp_path / name / "truth").mkdir(parents=True)
        shutil.copy(sources / "labels" / "one.nii.gz", tmp_path / name / "truth" / "labels.nii.gz")
    found = find_sources(tmp_path)
    assert [(s.name, s.has_ct) for s in found] == [("phantom-001", False), ("phantom-002", False)]


def test_what_beside_label_maps_is_no_volume_is_passed_over(sources: Path, tmp_path: Path) -> None:
    shutil.copytree(sources, tmp_path / "sources")
    (tmp_path / "sources" / "labels" / "LICENSE.txt").write_text("yes")
    (tmp_path / "sources" / "labels" / ".hidden.nii.gz").write_text("no")
    assert len(find_sources(tmp_path / "sources")) == 3


def test_nothing_to_simulate_from_is_said(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="absent does not exist"):
        find_sources(tmp_path / "absent")
    with pytest.raises(CohortError, match="holds no heads to simulate from; put label maps into"):
        find_sources(tmp_path)
    shutil.copytree(sources, tmp_path / "twice")
    shutil.copy(sources / "ct" / "three.nii.gz", tmp_path / "twice" / "ct" / "one.nii.gz")
    with pytest.raises(CohortError, match=r"two heads in .* have the same name"):
        find_sources(tmp_path / "twice")


def test_a_bad_source_is_named_with_its_file(tmp_path: Path, big: Volume) -> None:
    file = tmp_path / "odd.nii.gz"
    write_volume(file, big.with_voxels(big.voxels + np.uint8(1)))
    (source,) = find_sources(file)
    with pytest.raises(ValueRangeError, match=r"odd.nii.gz: no table knows these labels"):
        read_source(source)


def test_reading_gives_tissues_and_hu(sources: Path, big: Volume) -> None:
    one, _, three = find_sources(sources)
    labels, ct = read_source(one), read_source(three)
    assert not labels.hu.any() and labels.trusted.all()
    assert (labels.tissue == Tissue.DIPLOE).sum() == (big.voxels == Tissue.DIPLOE).sum()
    assert np.median(ct.hu[ct.tissue == Tissue.CORTICAL_BONE]) == pytest.approx(1150, abs=120)


def test_a_fingerprint_is_of_the_content(sources: Path, tmp_path: Path) -> None:
    one, _, three = (fingerprint(source) for source in find_sources(sources))
    (copy,) = find_sources(
        Path(shutil.copy(sources / "labels" / "one.nii.gz", tmp_path / "a.nii.gz"))
    )
    assert fingerprint(copy) == one != three and len(one) == 64
    file = tmp_path / "a.nii.gz"
    file.write_bytes(file.read_bytes() + b"0")
    assert fingerprint(copy) != one


def test_a_shelf_gives_the_same_head_to_whoever_asks(sources: Path, tmp_path: Path) -> None:
    one, two, _ = find_sources(sources)
    shelf = AnatomyShelf(tmp_path / "a", STILL, seed=7)
    first = shelf.anatomy(one, 1)
    kept = (tmp_path / "a" / "one-001.npz").read_bytes()
    np.testing.assert_array_equal(shelf.anatomy(one, 1).tissue, first.tissue)
    assert (tmp_path / "a" / "one-001.npz").read_bytes() == kept
    elsewhere = AnatomyShelf(tmp_path / "b", STILL, seed=7).anatomy(one, 1)
    np.testing.assert_array_equal(elsewhere.hu, first.hu)
    assert not np.array_equal(shelf.anatomy(two, 1).hu, first.hu)


def test_a_shelf_is_filled_before_the_work(sources: Path, tmp_path: Path, big: Volume) -> None:
    bad = tmp_path / "bad.nii.gz"
    write_volume(bad, big.with_voxels(big.voxels * np.uint8(0)))
    with pytest.raises(ValueRangeError, match=r"bad.nii.gz: no table knows"):
        AnatomyShelf(tmp_path / "a", STILL, seed=7).fill(find_sources(bad))
