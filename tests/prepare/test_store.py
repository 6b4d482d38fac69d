"""The store on disk: what was written comes back, and damage is named."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mrtoct.errors import CohortError, FileError
from mrtoct.prepare.clean import DroppedSlice
from mrtoct.prepare.store import (
    Manifest,
    PreparedSubject,
    open_subject,
    read_manifest,
    read_subject,
    stored_subject,
    write_manifest,
    write_subject,
)
from mrtoct.registration.deformation import Deformation
from mrtoct.registration.regions import Regions
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid

MASKS = ("head", "mr_head", "covered", "mask")
ARRAYS = {"mr-T2": "float32", "mr-head": "float32", "ct": "int16", **dict.fromkeys(MASKS, "bool")}


def random_subject(name="a", seed=0):
    grid = oblique_grid((7, 6, 5))
    rng = np.random.default_rng(seed)

    def mask():
        return Volume(rng.random(grid.shape) > 0.5, grid, "label")

    return PreparedSubject(
        name,
        channels={
            name: Volume(rng.random(grid.shape, dtype=np.float32), grid, "a.u.")
            for name in ("T2", "head")
        },
        ct=Volume(rng.integers(-1024, 3071, grid.shape, dtype=np.int16), grid, "HU"),
        head=mask(),
        mr_head=mask(),
        covered=mask(),
        mask=mask(),
        dropped=[DroppedSlice(0, "too little"), DroppedSlice(4, "half seen")],
        registration={"source": "given", "transform": np.eye(4).tolist()},
        fingerprint=f"print-{seed}",
        warnings=["a doubt"],
        shading={"T2": 2.5},
    )


def test_a_subject_comes_back_as_it_was_and_stays_on_disk(tmp_path):
    subject = random_subject()
    write_subject(tmp_path, subject)
    back = read_subject(tmp_path, "a")
    assert list(back.channels) == ["T2", "head"]
    assert back.mr is back.channels["T2"]
    for volume, written, dtype in [
        *zip(back.channels.values(), subject.channels.values(), ["float32"] * 2, strict=True),
        (back.ct, subject.ct, "int16"),
        *((getattr(back, name), getattr(subject, name), "bool") for name in MASKS),
    ]:
        np.testing.assert_array_equal(volume.voxels, written.voxels)
        assert volume.voxels.dtype == dtype
        assert isinstance(volume.voxels, np.memmap)
        assert np.array_equal(volume.affine, subject.ct.affine)
        assert volume.unit == written.unit
    assert back.kept_slices == [1, 2, 3]
    arrays = dict.fromkeys(("channels", "ct", *MASKS))
    assert replace(back, **arrays).__dict__ == replace(subject, **arrays).__dict__


def test_what_is_left_out_comes_back_and_older_stores_say_nothing_of_it(tmp_path):
    write_subject(tmp_path, replace(random_subject(), left_out={"metal": 0.03}))
    assert read_subject(tmp_path, "a").left_out == {"metal": 0.03}
    path = tmp_path / "a" / "subject.json"
    record = json.loads(path.read_text())
    del record["left_out"]
    path.write_text(json.dumps(record))
    (path.parent / "SHA256SUMS").unlink()  # older than the sums, too
    assert read_subject(tmp_path, "a").left_out == {}


def test_a_mask_is_optional(tmp_path):
    write_subject(tmp_path, replace(random_subject(), mask=None))
    assert not (tmp_path / "a" / "mask.npy").exists()
    assert read_subject(tmp_path, "a").mask is None


def test_a_doubtful_registration_is_not_trusted():
    record = {"source": "mutual information", "verdict": "good", "reason": "fine"}
    doubtful = {**record, "verdict": "doubtful", "reason": "flat"}
    subject = random_subject()
    assert subject.distrust is None  # given by the user
    assert replace(subject, registration=record).distrust is None
    alone = replace(subject, registration=doubtful)
    assert alone.distrust == "the registration is doubtful: flat"
    among = replace(subject, registration={**record, "channels": {"T2": record, "PD": doubtful}})
    assert among.distrust == "the registration of PD is doubtful: flat"


def test_a_rewritten_subject_replaces_the_whole_folder(tmp_path):
    write_subject(tmp_path, random_subject(seed=1))
    (tmp_path / "a" / "left-over.txt").write_text("old")
    write_subject(tmp_path, random_subject(seed=2))
    assert stored_subject(tmp_path, "a").fingerprint == "print-2"
    files = {"SHA256SUMS", "subject.json", *(f"{name}.npy" for name in ARRAYS)}
    assert {p.name for p in (tmp_path / "a").iterdir()} == files
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_subject_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    write_subject(tmp_path, random_subject(seed=1))

    def full(path, array):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(FileError, match=r"cannot write .*a: No space left on device"):
        write_subject(tmp_path, random_subject(seed=2))
    assert stored_subject(tmp_path, "a").fingerprint == "print-1"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("array", ARRAYS)
def test_missing_truncated_and_foreign_arrays_are_named(tmp_path, array):
    path = tmp_path / "a" / f"{array}.npy"
    write_subject(tmp_path, random_subject())
    content = path.read_bytes()
    for kept in (0, -1):
        path.write_bytes(content[:kept])
        with pytest.raises(CohortError, match=rf"{array}\.npy (is damaged|cannot be read)"):
            read_subject(tmp_path, "a")
    assert stored_subject(tmp_path, "a") is None
    np.save(path, np.zeros((2, 2, 2), ARRAYS[array]))
    with pytest.raises(CohortError, match=rf"{array}\.npy does not fit"):
        read_subject(tmp_path, "a")
    np.save(path, np.zeros((7, 6, 5), "complex64"))
    with pytest.raises(CohortError, match=rf"{array}\.npy does not fit"):
        read_subject(tmp_path, "a")
    path.unlink()
    with pytest.raises(CohortError, match=rf"{array}\.npy (is damaged|cannot be read)"):
        read_subject(tmp_path, "a")


def flip_one_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("array", ARRAYS)
def test_one_flipped_bit_is_noticed_when_voxels_are_read(tmp_path, array):
    write_subject(tmp_path, random_subject())
    flip_one_bit(tmp_path / "a" / f"{array}.npy")
    with pytest.raises(CohortError, match=rf"{array}\.npy has changed since it was written"):
        read_subject(tmp_path, "a")
    assert stored_subject(tmp_path, "a") is None  # so that it is prepared again
    assert open_subject(tmp_path, "a").fingerprint == "print-0"


def test_a_flipped_bit_of_what_carried_the_neck_is_noticed(tmp_path):
    grid = Grid((3, 4, 5), np.diag([25.0, 25.0, 25.0, 1.0]))
    control = np.ones((3, 4, 5, 3), np.float32)
    carried = Deformation(grid, control, Regions((0.0, 0.0, 0.0), 1.0))
    write_subject(tmp_path, replace(random_subject(), deformation=carried))
    assert read_subject(tmp_path, "a").deformation is not None
    flip_one_bit(tmp_path / "a" / "deformation.npy")
    with pytest.raises(CohortError, match=r"deformation\.npy has changed since it was written"):
        read_subject(tmp_path, "a")


def test_a_store_of_before_sums_were_kept_is_read(tmp_path):
    write_subject(tmp_path, random_subject())
    path = tmp_path / "a" / "subject.json"
    path.write_text(path.read_text().replace("print-0", "print-1"))
    with pytest.raises(CohortError, match=r"subject\.json has changed since it was written"):
        read_subject(tmp_path, "a")
    (tmp_path / "a" / "SHA256SUMS").unlink()
    assert read_subject(tmp_path, "a").fingerprint == "print-1"


@pytest.mark.parametrize(
    "header", [b"{'descr': '<f4', (", b"\xff" * 40, b"{'shape': (0, 1, 2)}", b"PK\3\4"]
)
def test_an_array_with_a_damaged_header_is_named(tmp_path, header):
    write_subject(tmp_path, random_subject())
    path = tmp_path / "a" / "ct.npy"
    content = path.read_bytes()
    path.write_bytes(content[:10] + header + content[10 + len(header) :])
    with pytest.raises(CohortError, match=r"ct\.npy is damaged"):
        read_subject(tmp_path, "a")


def test_pickled_arrays_are_never_loaded(tmp_path):
    write_subject(tmp_path, random_subject())
    np.save(tmp_path / "a" / "mr-T2.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(CohortError, match=r"mr-T2\.npy is damaged"):
        read_subject(tmp_path, "a")


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r.pop("channels"),
        lambda r: r.update(channels=3),
        lambda r: r.update(registration={"verdict": "doubtful"}),
        lambda r: r.update(registration={"channels": {"T2": 3}}),
        lambda r: r.update(registration={"channels": []}),
        lambda r: r.update(shape=[7, 6]),
        lambda r: r.update(affine=np.zeros((4, 4)).tolist()),
        lambda r: r.update(dropped=[{"slice": 1}]),
        lambda r: r.clear(),
    ],
)
def test_a_damaged_record_is_named(tmp_path, change):
    write_subject(tmp_path, random_subject())
    path = tmp_path / "a" / "subject.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(CohortError, match=r"subject\.json is damaged"):
        read_subject(tmp_path, "a")
    assert stored_subject(tmp_path, "a") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_files_that_are_no_records_are_named(tmp_path, content):
    write_subject(tmp_path, random_subject())
    for path, read in (
        (tmp_path / "a" / "subject.json", lambda: read_subject(tmp_path, "a")),
        (tmp_path / "manifest.json", lambda: read_manifest(tmp_path)),
    ):
        path.write_bytes(content)
        with pytest.raises(
            CohortError, match=rf"{path.name} is damaged: .*; prepare the store again"
        ):
            read()


def test_a_store_says_whether_bias_fields_were_taken_off():
    for settings, said in (({}, False), ({"bias_correct": True}, True)):
        assert Manifest(settings, ("mr",), ["a"], {}).bias_corrected is said


def test_the_manifest_comes_back(tmp_path):
    manifest = Manifest(
        {"spacing": [1.0, 2.0, 3.0]}, ("T1", "T2"), ["a", "b"], {"c": "why"}, {"b": "a doubt"}
    )
    write_manifest(tmp_path, Manifest({}, ("mr",), [], {}))
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest


def test_any_flipped_bit_of_a_manifest_is_noticed(tmp_path):
    manifest = Manifest({"spacing": [1.0]}, ("T1",), ["a", "b"], {"c": "why"})
    write_manifest(tmp_path, manifest)
    path = tmp_path / "manifest.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(CohortError, match=r"manifest\.json .*prepare the store again"):
            read_manifest(tmp_path)
    path.write_bytes(whole)
    sums = tmp_path / "SHA256SUMS"
    sums.write_text("z" + sums.read_text()[1:])
    with pytest.raises(CohortError, match=r"SHA256SUMS is damaged.*prepare the store again"):
        read_manifest(tmp_path)
    sums.unlink()  # a store of before manifests had sums
    assert read_manifest(tmp_path) == manifest


def test_a_manifest_whose_writing_was_cut_off_is_not_called_changed(tmp_path, monkeypatch):
    write_manifest(tmp_path, Manifest({}, ("T1",), ["a"], {}))

    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("mrtoct.prepare.store.write_sums", killed)
    with pytest.raises(KeyboardInterrupt):
        write_manifest(tmp_path, Manifest({}, ("T1",), ["a", "b"], {}))
    assert read_manifest(tmp_path).subjects == ["a", "b"]


def test_what_is_no_store_is_told_so(tmp_path):
    with pytest.raises(CohortError, match="is not a folder; make a store"):
        read_manifest(tmp_path / "nothing")
    with pytest.raises(CohortError, match=r"is not a store \(no manifest\.json\)"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(
        CohortError,
        match="is of format 99, and this version of mrtoct reads 2; prepare the store again",
    ):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": 2, "subjects": []}')
    with pytest.raises(CohortError, match=r"manifest\.json is damaged"):
        read_manifest(tmp_path)
    assert stored_subject(tmp_path, "a") is None
