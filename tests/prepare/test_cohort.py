"""A folder of pairs into a store: failures, repeats, changes, interruptions."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import CohortError, FileError
from mrtoct.io.calibration import UNKNOWN, CtCalibration
from mrtoct.io.files import write_volume
from mrtoct.io.transforms import write_transform
from mrtoct.prepare import cohort
from mrtoct.prepare.cohort import prepare_cohort
from mrtoct.prepare.store import read_manifest, read_subject
from mrtoct.prepare.subject import PrepareSettings

SETTINGS = PrepareSettings(spacing=(6.0, 6.0, 6.0), judge_given=False)


def write_pair(folder, subject, mr="mr.nii.gz", ct="ct.nii.gz"):
    write_volume(folder / mr, subject.mr["T1"])
    write_volume(folder / ct, subject.ct)
    write_transform(folder / "ct_to_mr.tfm", subject.ct_to_mr)


@pytest.fixture
def source(tmp_path, heads):
    write_pair(tmp_path / "raw" / "a", heads[0])
    write_pair(tmp_path / "raw" / "b", heads[1], mr="mr.mhd", ct="ct.mha")
    return tmp_path / "raw"


def run(source, store, settings=SETTINGS, **options):
    """Return the manifest and what was said of each subject."""
    said = {}

    def hear(update):
        name, outcome = update.note.split()
        said[name] = outcome
        assert update.done == len(said) <= update.total
        assert not update.message or update.message.startswith(f"{name}: ")

    return prepare_cohort(source, store, settings, watcher=hear, **options), said


def stamp(store, name):
    return (store / name / "subject.json").stat().st_mtime_ns


def test_a_second_run_redoes_only_what_changed(source, tmp_path, heads):
    store = tmp_path / "store"
    manifest, said = run(source, store)
    assert manifest.subjects == ["a", "b"]
    assert said == {"a": "prepared", "b": "prepared"}
    assert read_manifest(store) == manifest
    assert manifest.settings["spacing"] == [6.0, 6.0, 6.0]
    np.testing.assert_array_equal(read_subject(store, "b").ct.spacing, (6, 6, 6))
    before = stamp(store, "a"), stamp(store, "b")
    assert run(source, store)[1] == {"a": "unchanged", "b": "unchanged"}
    assert (stamp(store, "a"), stamp(store, "b")) == before

    brighter = heads[1].mr["T1"].with_voxels(heads[1].mr["T1"].voxels * np.int16(2))
    write_volume(source / "b" / "mr.mhd", brighter, overwrite=True)
    assert run(source, store)[1] == {"a": "unchanged", "b": "prepared"}

    moved = heads[0].ct_to_mr.copy()
    moved[0, 3] += 2.0
    write_transform(source / "a" / "ct_to_mr.tfm", moved, overwrite=True)
    assert run(source, store)[1] == {"a": "prepared", "b": "unchanged"}
    np.testing.assert_allclose(read_subject(store, "a").registration["transform"], moved)


def test_the_data_file_of_a_header_may_have_any_name(source, tmp_path):
    header = source / "b" / "mr.mhd"
    data = source / "b" / "scan-17.bin"
    (source / "b" / "mr.zraw").rename(data)
    header.write_text(header.read_text().replace("mr.zraw", data.name))
    assert run(source, tmp_path / "store")[1]["b"] == "prepared"
    data.write_bytes(data.read_bytes()[:-1])
    assert run(source, tmp_path / "store")[1]["b"] == "failed"


def test_what_the_cts_say_of_themselves_goes_into_the_store(source, tmp_path):
    (source / "a" / "ct.json").write_text('{"KVP": 120, "ConvolutionKernel": "FC23"}')
    manifest, _ = run(source, tmp_path / "store")
    told = CtCalibration(120.0, "FC23")
    assert manifest.cts == (told, UNKNOWN)
    assert read_manifest(tmp_path / "store") == manifest
    assert read_subject(tmp_path / "store", "a").calibration == told
    assert read_subject(tmp_path / "store", "b").calibration == UNKNOWN
    (source / "b" / "ct.json").write_text('{"KVP": 120, "ConvolutionKernel": "FC23"}')
    manifest, said = run(source, tmp_path / "store")
    assert manifest.cts == (told,)
    assert "unchanged" in str(said["a"])
    # A store that was made before it was asked is read, too.
    for name in ("a/subject.json", "manifest.json"):
        path = tmp_path / "store" / name
        record = json.loads(path.read_text())
        record.pop("ct" if "subject" in name else "cts")
        path.write_text(json.dumps(record))
    for sums in (tmp_path / "store").rglob("SHA256SUMS"):  # nor were there sums
        sums.unlink()
    assert read_manifest(tmp_path / "store").cts == ()
    assert read_subject(tmp_path / "store", "a").calibration == UNKNOWN


def test_a_subject_that_leaves_the_source_leaves_the_store(source, tmp_path):
    store = tmp_path / "store"
    run(source, store)
    (store / ".part-1-x").mkdir()  # of a killed run
    shutil.rmtree(source / "a")
    manifest, _ = run(source, store)
    assert manifest.subjects == ["b"]
    assert sorted(p.name for p in store.iterdir()) == ["SHA256SUMS", "b", "manifest.json"]


def test_failures_are_reported_skipped_and_mended_later(source, tmp_path):
    store = tmp_path / "store"
    run(source, store)
    whole = (source / "b" / "mr.zraw").read_bytes()
    (source / "b" / "mr.zraw").write_bytes(whole[:1000])
    (source / "c").mkdir()
    manifest, said = run(source, store)
    assert manifest.subjects == ["a"]
    assert said == {"a": "unchanged", "b": "failed", "c": "failed"}
    assert "mr.mhd" in manifest.failed["b"]
    assert "c has no mr" in manifest.failed["c"]
    assert sorted(p.name for p in store.iterdir()) == ["SHA256SUMS", "a", "manifest.json"]
    (source / "b" / "mr.zraw").write_bytes(whole)
    (source / "a" / "ct.nii.gz").unlink()
    manifest, said = run(source, store)
    assert said == {"a": "failed", "b": "prepared", "c": "failed"}
    assert sorted(p.name for p in store.iterdir()) == ["SHA256SUMS", "b", "manifest.json"]


def test_if_none_is_usable_the_first_reason_is_told(source, tmp_path):
    for name in "ab":
        for path in (source / name).glob("ct.*"):
            path.write_bytes(b"no scan")
    with pytest.raises(CohortError, match=r"none of 2 subjects could be prepared; the first: .*ct"):
        run(source, tmp_path / "store")


def test_a_given_transform_must_be_rigid(source, tmp_path, heads):
    stretched = heads[0].ct_to_mr @ np.diag([1.1, 1, 1, 1])
    write_transform(source / "a" / "ct_to_mr.tfm", stretched, rigid=False, overwrite=True)
    manifest, _ = run(source, tmp_path / "store")
    assert "ct_to_mr.tfm is not rigid" in manifest.failed["a"]
    assert manifest.subjects == ["b"]


@pytest.mark.parametrize(
    "other",
    [
        replace(SETTINGS, spacing=(6, 6, 7)),
        replace(SETTINGS, margin=9.0),
        replace(SETTINGS, bias_correct=True),
    ],
)
def test_other_settings_need_overwrite(source, tmp_path, other):
    store = tmp_path / "store"
    run(source, store)
    before = stamp(store, "a")
    with pytest.raises(CohortError, match=r"other settings.*; pass overwrite=True to redo it"):
        run(source, store, other)
    assert stamp(store, "a") == before
    assert read_manifest(store).settings["spacing"] == [6, 6, 6]
    manifest, said = run(source, store, other, overwrite=True)
    assert said == {"a": "prepared", "b": "prepared"}
    assert manifest.settings["spacing"] == list(other.spacing)


@pytest.mark.parametrize("content", ["{", '{"format": 99}', '{"format": 2}'])
def test_a_manifest_that_cannot_be_read_is_made_anew_with_overwrite(source, tmp_path, content):
    store = tmp_path / "store"
    run(source, store)
    (store / "manifest.json").write_text(content)
    with pytest.raises(CohortError, match=r"again, overwriting it"):
        run(source, store)
    manifest, said = run(source, store, overwrite=True)
    assert said == {"a": "unchanged", "b": "unchanged"}
    assert read_manifest(store) == manifest


def interrupt_at(monkeypatch, name):
    write = cohort.write_subject

    def interrupted(store, subject):
        if subject.name == name:
            raise KeyboardInterrupt
        write(store, subject)

    monkeypatch.setattr(cohort, "write_subject", interrupted)


@pytest.mark.parametrize("first", [True, False])
def test_an_interrupted_run_goes_on(source, tmp_path, monkeypatch, first):
    store = tmp_path / "store"
    settings = SETTINGS
    if not first:
        run(source, store, replace(SETTINGS, spacing=(7.0, 7.0, 7.0)))
    with monkeypatch.context() as patch:
        interrupt_at(patch, "b")
        with pytest.raises(KeyboardInterrupt):
            run(source, store, settings, overwrite=not first)
    # Half redone, it is no store.
    with pytest.raises(CohortError, match="is not a store"):
        read_manifest(store)
    manifest, said = run(source, store, settings)
    assert said == {"a": "unchanged", "b": "prepared"}
    assert manifest.subjects == ["a", "b"]
    np.testing.assert_array_equal(read_subject(store, "b").ct.spacing, (6, 6, 6))


def test_a_store_that_cannot_be_written_ends_the_run(source, tmp_path, monkeypatch):
    def full(path, array):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(FileError, match=r"cannot write .*a: No space left on device"):
        run(source, tmp_path / "store")
    assert not any((tmp_path / "store").iterdir())


def test_folders_that_are_no_stores_are_left_alone(source, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    (tmp_path / "file").write_text("text")
    for place in ("photos", "file"):
        with pytest.raises(CohortError, match=rf"{place} exists and is not a store"):
            run(source, tmp_path / place, overwrite=True)
    with pytest.raises(CohortError, match="raw exists and is not a store"):
        run(source, source)
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "meow"
    assert (tmp_path / "file").read_text() == "text"


def test_a_damaged_subject_is_prepared_again(source, tmp_path):
    store = tmp_path / "store"
    run(source, store)
    path = store / "a" / "mr-mr.npy"
    path.write_bytes(path.read_bytes()[:-4])
    record = store / "b" / "subject.json"
    record.write_text(json.dumps({"fingerprint": json.loads(record.read_text())["fingerprint"]}))
    assert run(source, store)[1] == {"a": "prepared", "b": "prepared"}
    assert read_subject(store, "a").mr.voxels.max() > 0


@pytest.mark.slow
def test_processes_give_the_same_store(source, tmp_path):
    run(source, tmp_path / "one")
    run(source, tmp_path / "two", workers=2)
    for name in "ab":
        for file in (tmp_path / "one" / name).iterdir():
            assert file.read_bytes() == (tmp_path / "two" / name / file.name).read_bytes()
