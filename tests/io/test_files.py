"""Every format: round trips, conversions, and files that cannot be right."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

import numpy as np
import pytest

from mrtoct.errors import FileError, GeometryError, MrtoctError, ValueRangeError
from mrtoct.io import files
from mrtoct.io.files import as_int16, ending, read_volume, write_volume
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid, random_volume

FORMATS = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd")
GRIDS = {
    "oblique": oblique_grid(),
    "flipped": oblique_grid(flip=(-1, 1, 1)),
    "flipped twice": oblique_grid(flip=(1, -1, -1)),
    "upright": oblique_grid(degrees=(0, 0, 0)),
    "lying": oblique_grid(degrees=(90, 0, 0)),
    "one slice": oblique_grid(shape=(13, 10, 1)),
    "one voxel": oblique_grid(shape=(1, 1, 1)),
    "one row": oblique_grid(shape=(200, 1, 1)),
}


def position_error(first: Grid, second: Grid) -> float:
    assert first.shape == second.shape
    return float(np.abs(first.corners(outer=True) - second.corners(outer=True)).max())


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", GRIDS)
def test_a_round_trip_moves_no_voxel_and_drifts_no_hu(tmp_path, name, suffix):
    volume = random_volume(GRIDS[name])
    write_volume(tmp_path / f"ct{suffix}", volume)
    back = read_volume(tmp_path / f"ct{suffix}", "HU")
    np.testing.assert_array_equal(back.voxels, volume.voxels)
    assert back.voxels.dtype == np.int16
    assert back.voxels.flags.c_contiguous
    assert back.voxels.flags.writeable
    assert position_error(back.grid, volume.grid) < 1e-5
    # What was read is written without any further change.
    write_volume(tmp_path / f"again{suffix}", back)
    assert position_error(read_volume(tmp_path / f"again{suffix}", "HU").grid, back.grid) == 0


def test_a_chain_through_every_format_drifts_no_further(tmp_path):
    volume = random_volume(oblique_grid(flip=(1, -1, 1)))
    current = volume
    for step, suffix in enumerate(FORMATS * 3):
        write_volume(tmp_path / f"{step}{suffix}", current)
        current = read_volume(tmp_path / f"{step}{suffix}", "HU")
    np.testing.assert_array_equal(current.voxels, volume.voxels)
    assert position_error(current.grid, volume.grid) < 1e-5


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("?", "u1"), ("u1", "u1"), ("i1", "i1"), ("i2", "i2"), (">i2", "i2"), ("u2", "u2"),
        ("i4", "i4"), ("u4", "u4"), ("i8", "i8"), ("f2", "f4"), ("f4", "f4"), ("f8", "f4"),
    ],
)  # fmt: skip
def test_every_type_keeps_its_values(tmp_path, suffix, stored, read):
    grid = oblique_grid()
    rng = np.random.default_rng(5)
    if np.dtype(stored).kind == "b":
        voxels = rng.random(grid.shape) > 0.5
    elif np.dtype(stored).kind == "f":
        voxels = rng.normal(0, 1000, grid.shape).astype(np.float32).astype(stored)
    else:
        info = np.iinfo(stored)
        voxels = rng.integers(info.min, info.max, grid.shape, endpoint=True).astype(stored)
    write_volume(tmp_path / f"v{suffix}", Volume(voxels, grid, "a.u."))
    back = read_volume(tmp_path / f"v{suffix}", "a.u.").voxels
    assert back.dtype == np.dtype(read)
    np.testing.assert_array_equal(back, voxels)


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_array_in_any_memory_order_is_written_the_same(tmp_path, suffix):
    volume = random_volume(oblique_grid())
    turned = volume.with_voxels(np.asfortranarray(volume.voxels))
    strided = volume.with_voxels(np.repeat(volume.voxels, 2, axis=1)[:, ::2])
    for name, same in (("a", turned), ("b", strided)):
        write_volume(tmp_path / f"{name}{suffix}", same)
        back = read_volume(tmp_path / f"{name}{suffix}", "HU")
        np.testing.assert_array_equal(back.voxels, volume.voxels)


@pytest.mark.parametrize("name", ["A.NII", "B.Nii.GZ", "C.MHA", "D.MHD", "e.f.nii.gz"])
def test_endings_in_any_case(tmp_path, name):
    volume = random_volume(oblique_grid())
    write_volume(tmp_path / name, volume)
    np.testing.assert_array_equal(read_volume(tmp_path / name, "HU").voxels, volume.voxels)


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_volume_gives_the_same_bytes(tmp_path, monkeypatch, suffix):
    volume = random_volume(oblique_grid())
    contents = []
    for second, folder in enumerate((tmp_path / "a", tmp_path / "b")):
        monkeypatch.setattr("time.time", lambda now=1e9 + second: now)
        write_volume(folder / f"v{suffix}", volume)
        contents.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", ["ct.dcm", "ct", "ct.nii.bz2", ".nii.gz", ".mha", "nii", ""])
def test_an_unknown_ending_names_the_known_ones(name):
    with pytest.raises(FileError, match=r"allowed: \.nii\.gz, \.nii, \.mha, \.mhd"):
        ending(Path(name))


@pytest.mark.parametrize("suffix", FORMATS)
def test_missing_files_folders_and_forbidden_files(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"ct{suffix}"
    with pytest.raises(FileError, match=r"does not exist$"):
        read_volume(path, "HU")
    path.mkdir()
    with pytest.raises(FileError, match=r"is not a file$"):
        read_volume(path, "HU")
    with pytest.raises(FileError, match="is a folder"):
        write_volume(path, random_volume(oblique_grid()), overwrite=True)

    forbidden = tmp_path / f"forbidden{suffix}"
    write_volume(forbidden, random_volume(oblique_grid()))

    def refuse(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        patch.setattr("io.open", refuse)
        with pytest.raises(FileError, match=r"Permission denied$"):
            read_volume(forbidden, "HU")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_cut_anywhere_is_refused_in_one_line(tmp_path, suffix, capfd):
    volume = random_volume(oblique_grid(shape=(5, 6, 7)))
    path = tmp_path / f"ct{suffix}"
    write_volume(path, volume)
    whole = path.read_bytes()
    # The last byte of an .mhd is the end of its last line, which may be missing.
    last = len(whole) - (2 if suffix == ".mhd" else 0)
    for length in {*range(0, last, 5), *range(last - 10, last)}:
        path.write_bytes(whole[:length])
        with pytest.raises(MrtoctError) as caught:
            read_volume(path, "HU")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
def test_damaged_compressed_voxels_are_noticed(tmp_path, suffix):
    path = tmp_path / f"ct{suffix}"
    write_volume(path, random_volume(oblique_grid(shape=(5, 6, 7))))
    whole = path.read_bytes()
    start = whole.index(b"LOCAL\n") + 6 if suffix == ".mha" else 10
    for place in range(start, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(MrtoctError):
            read_volume(path, "HU")


@pytest.mark.parametrize("suffix", FORMATS)
def test_random_damage_never_raises_anything_else(tmp_path, suffix, recwarn, capfd):
    path = tmp_path / f"ct{suffix}"
    write_volume(path, random_volume(oblique_grid(shape=(5, 4, 3))))
    whole = path.read_bytes()
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(250):
        damaged = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, min(len(whole), 560), rng.integers(1, 4))
        damaged[places] = rng.choice([0, 1, 255, 127, 128, 45, 57, 10, 32], places.size)
        path.write_bytes(damaged.tobytes())
        try:
            read_volume(path, "HU")
        except MrtoctError as error:
            refused += 1
            assert "\n" not in str(error)
    assert 5 < refused < 250 or suffix == ".nii.gz"
    assert not recwarn.list
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("content", [b"", b"hello, I am a text file\n" * 100, b"\0" * 4000])
def test_what_is_another_kind_of_file(tmp_path, suffix, content):
    path = tmp_path / f"ct{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileError, match=str(path)):
        read_volume(path, "HU")


def unchecked(path, volume):
    """Write what write_volume would refuse or take apart."""
    from mrtoct.io import metaimage, nifti, nrrd

    write = {".nii": nifti.write, ".gz": nifti.write, ".nrrd": nrrd.write}
    write.get(path.suffix, metaimage.write)(path, volume, overwrite=True)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_neither_read_nor_written(tmp_path, suffix, bad):
    grid = oblique_grid()
    path = tmp_path / f"mr{suffix}"
    volume = Volume(np.full(grid.shape, 7.25, np.float32), grid, "a.u.")
    write_volume(path, volume)
    voxels = volume.voxels.copy()
    voxels[3, 4, 5] = voxels[0, 0, 0] = bad
    with pytest.raises(ValueRangeError, match=r"2 voxels are infinite"):
        write_volume(path, volume.with_voxels(voxels), overwrite=True)
    np.testing.assert_array_equal(read_volume(path, "a.u.").voxels, volume.voxels)
    unchecked(path, volume.with_voxels(voxels))
    with pytest.raises(ValueRangeError, match=r"2 voxels are infinite"):
        read_volume(path, "a.u.")


def test_complex_voxels_are_not_written(tmp_path):
    grid = oblique_grid()
    for suffix in FORMATS:
        with pytest.raises(ValueRangeError, match="real numbers, got complex64"):
            volume = Volume(np.zeros(grid.shape, np.complex64), grid, "a.u.")
            write_volume(tmp_path / f"k{suffix}", volume)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_nothing_is_replaced_without_being_asked(tmp_path, suffix):
    first, second = (random_volume(oblique_grid(), seed=s) for s in (0, 1))
    path = tmp_path / f"ct{suffix}"
    write_volume(path, first)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileError, match="exists already"):
        write_volume(path, second)
    np.testing.assert_array_equal(read_volume(path, "HU").voxels, first.voxels)
    write_volume(path, second, overwrite=True)
    np.testing.assert_array_equal(read_volume(path, "HU").voxels, second.voxels)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_disk_that_fills_up_leaves_the_old_file_or_none(tmp_path, suffix, existing):
    resource = pytest.importorskip("resource")  # absent on Windows
    path = tmp_path / f"ct{suffix}"
    old = random_volume(oblique_grid(), seed=1)
    if existing:
        write_volume(path, old)
    before = sorted(tmp_path.iterdir())
    # The kernel ends every write at 5000 bytes, in whatever language it is made.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, limits[1]))
    try:
        with pytest.raises(FileError, match=r"cannot write .*: File too large$") as caught:
            write_volume(path, random_volume(oblique_grid((40, 40, 10))), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    if existing:
        np.testing.assert_array_equal(read_volume(path, "HU").voxels, old.voxels)


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_interruption_while_writing_leaves_the_old_file(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"ct{suffix}"
    old = random_volume(oblique_grid(), seed=1)
    write_volume(path, old)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    write_bytes = Path.write_bytes

    def half(self: Path, content: bytes):
        write_bytes(self, content[: len(content) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        with pytest.raises(KeyboardInterrupt):
            write_volume(path, random_volume(oblique_grid()), overwrite=True)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_rounding_to_whole_hu_clips_instead_of_wrapping():
    grid = Grid((1, 1, 6), np.eye(4))
    voxels = np.array([[[-0.6, 0.4, 1.5, 2.5, 1e6, -1e6]]], np.float32)
    out = as_int16(Volume(voxels, grid, "HU"))
    assert out.voxels.dtype == np.int16
    assert out.voxels.ravel().tolist() == [-1, 0, 2, 2, 32767, -32768]


@pytest.mark.parametrize("name", ["rire/training_001_mr_T1.mha", "visible_human_male/mr.mha",
                                  "pork_phantom_ct_mr/ct_full.nii.gz"])  # fmt: skip
def test_real_volumes_are_read_as_others_read_them(real_data, name):
    import nibabel as nib
    import SimpleITK as sitk

    if not (real_data / name).is_file():
        pytest.skip(f"{name} is absent")
    volume = read_volume(real_data / name, "a.u.")
    image = sitk.ReadImage(str(real_data / name))
    np.testing.assert_array_equal(volume.voxels, sitk.GetArrayFromImage(image).T)
    for index in volume.grid.to_index(volume.grid.corners()).round().astype(int).tolist():
        lps = np.array(image.TransformIndexToPhysicalPoint(index))
        np.testing.assert_allclose(volume.grid.to_world(index), lps * (-1, -1, 1), atol=1e-3)
    if name.endswith(".nii.gz"):
        np.testing.assert_array_equal(volume.affine, nib.load(real_data / name).affine)


def test_a_sheared_grid_is_kept_by_nifti_and_refused_by_metaimage(tmp_path):
    affine = oblique_grid().affine.copy()
    affine[:3, 0] += 0.3 * affine[:3, 1]
    volume = random_volume(Grid((5, 6, 7), affine))
    write_volume(tmp_path / "s.nii.gz", volume)
    assert position_error(read_volume(tmp_path / "s.nii.gz", "HU").grid, volume.grid) < 1e-5
    for suffix in (".mha", ".mhd"):
        with pytest.raises(GeometryError, match=r"s\.mh.: MetaImage cannot hold a sheared grid"):
            write_volume(tmp_path / f"s{suffix}", volume)
    assert [p.name for p in tmp_path.iterdir()] == ["s.nii.gz"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("scan.zip", "unpack it, and give the folder"),
        ("scan.hdr", "Analyze does not state the orientation"),
        ("scan.img", "Analyze does not state the orientation"),
        ("scan.mgz", "convert it to NIfTI, as by mri_convert"),
    ],
)
def test_files_that_are_met_often_are_named_with_what_to_do(tmp_path, name, remedy):
    (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(FileError, match=rf"{name} is not a supported volume.* and DICOM; {remedy}"):
        read_volume(tmp_path / name, "a.u.")


@pytest.mark.parametrize("suffix", [".nii", ".mha", ".nrrd"])
def test_a_volume_larger_than_the_memory_is_named(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"a{suffix}"
    write_volume(path, random_volume(oblique_grid()))

    def too_much(*_args):
        raise MemoryError

    monkeypatch.setitem(files._READ, suffix, too_much)
    with pytest.raises(FileError, match=rf"a{suffix} does not fit into memory"):
        read_volume(path, "HU")
