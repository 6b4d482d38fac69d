"""Which images belong to one volume, which volume is wanted, and what is never shown."""

from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest

from dicom_series import (
    BIRTH_DATE,
    PATIENT_ID,
    PATIENT_NAME,
    made,
    plane_directions,
    positions,
    write_enhanced,
    write_series,
)
from mrtoct.errors import FileError
from mrtoct.io.dicom import choose_series, files_of, find_series, list_series, read_series
from mrtoct.io.files import read_volume

AXIAL = plane_directions()
SAGITTAL = [0, 1, 0, 0, 0, -1]
STORED = np.random.default_rng(0).integers(0, 900, (6, 5, 4)).astype(np.uint16)
EVEN = positions(AXIAL, 2.0 * np.arange(6))


def test_a_tree_is_sorted_into_series_whatever_lies_between(tmp_path):
    deep = tmp_path / "a" / "b"
    write_series(deep, STORED, AXIAL, EVEN, SeriesNumber=11, SeriesDescription="t2 tse")
    write_series(deep, STORED[:3], AXIAL, EVEN[:3], SeriesNumber=2, SeriesDescription="t1 mprage")
    write_series(tmp_path, STORED, AXIAL, EVEN, SeriesNumber=3, modality="CT")
    for path in sorted(deep.iterdir())[::2]:
        shutil.move(path, tmp_path / f"{path.name}.IMA")
    (tmp_path / "notes.txt").write_text("not DICOM")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 40)
    found = list_series(tmp_path)
    assert [(s.name, s.modality, s.description, s.slices) for s in found] == [
        ("2", "MR", "t1 mprage", 3),
        ("3", "CT", "t1 head", 6),
        ("11", "MR", "t2 tse", 6),
    ]
    assert found[2].spacing == pytest.approx((0.9, 1.3, 2.0))
    assert found[2].contrast["echo time"] == "3.5 ms"
    assert found[2].doubts == ["slices of 1 mm are 2 mm apart"]
    assert all(s.orientation == "transverse" and s.patient_position == "HFS" for s in found)
    assert len(files_of(tmp_path)) == 15
    assert files_of(tmp_path, "2") == found[0].files


def test_the_wanted_series_is_chosen_by_number_uid_or_description(tmp_path):
    for number, description in ((1, "T1 MPRAGE"), (10, "T2 TSE 1 mm"), (12, "T1 MPRAGE contrast")):
        write_series(
            tmp_path, STORED, AXIAL, EVEN, SeriesNumber=number, SeriesDescription=description
        )
    found = list_series(tmp_path)
    assert choose_series(found, "1").number == 1
    assert choose_series(found, "10").number == 10
    assert choose_series(found, found[1].uid) is found[1]
    assert choose_series(found, "tse").number == 10
    assert choose_series(found, "t1 mprage").number == 1  # the whole description before a part
    assert choose_series(found, "contrast", modality="MR").number == 12
    with pytest.raises(FileError, match=r"2 series 'T1' are available, choose one: 1 MR .*; 12 MR"):
        choose_series(found, "T1")
    with pytest.raises(
        FileError, match=r"3 MR series are available, choose one: .*'T2 TSE 1 mm', 6 sl"
    ):
        choose_series(found, modality="MR")
    with pytest.raises(FileError, match="no DICOM CT series"):
        choose_series(found, "1", modality="CT")
    with pytest.raises(FileError, match=r"no MR series 'flair', only 1 MR"):
        choose_series(found, "flair", modality="MR")
    with pytest.raises(FileError, match=rf"{tmp_path}: there is no DICOM CT series"):
        find_series(tmp_path, "HU")
    with pytest.raises(FileError, match="labels are read from"):
        find_series(tmp_path, "label")


def test_echoes_at_the_same_places_are_parts(tmp_path):
    def echo(dataset, k):
        dataset.EchoTime = (14.0, 98.0)[k // 6]
        dataset.TriggerTime = k  # differs from slice to slice and tells nothing

    both = np.vstack([EVEN, EVEN])
    write_series(tmp_path, np.vstack([STORED, STORED + 1]), AXIAL, both, each=echo)
    found = list_series(tmp_path)
    assert [(s.name, s.apart, s.slices) for s in found] == [
        ("5:1", "echo time 14 ms", 6),
        ("5:2", "echo time 98 ms", 6),
    ]
    assert choose_series(found, "5:2") is found[1]
    with pytest.raises(FileError, match="2 MR series are available"):
        find_series(tmp_path, "a.u.")


def test_time_points_and_components_of_one_file_are_parts(tmp_path):
    def content(groups, k):
        groups.FrameContentSequence[0].TemporalPositionIndex = 1 + k // 12
        component = ("MAGNITUDE", "PHASE")[k // 6 % 2]
        groups.MRImageFrameTypeSequence = [made(ComplexImageComponent=component)]

    write_enhanced(tmp_path / "x", np.vstack([STORED] * 4), AXIAL, np.vstack([EVEN] * 4),
                   each=content)  # fmt: skip
    found = list_series(tmp_path)
    assert [s.apart for s in found] == [
        "component MAGNITUDE, temporal position 1",
        "component MAGNITUDE, temporal position 2",
        "component PHASE, temporal position 1",
        "component PHASE, temporal position 2",
    ]
    assert [f.index for f in found[1].frames] == list(range(12, 18))


def test_stacks_of_other_orientation_or_place_are_parts(tmp_path):
    def second(dataset, _k):
        dataset.StackID = "2"

    uid = "1.2.3.9"
    write_series(tmp_path / "a", STORED, AXIAL, EVEN, SeriesInstanceUID=uid, StackID="1")
    above = EVEN + np.array([0, 0, 40.5])
    write_series(tmp_path / "b", STORED, AXIAL, above, SeriesInstanceUID=uid,
                 each=second)  # fmt: skip
    found = list_series(tmp_path)
    assert [(s.apart, s.slices, s.aside) for s in found] == [
        ("stack 1", 6, ""),
        ("stack 2", 6, ""),
    ]


def test_scouts_are_set_aside_but_can_be_named(tmp_path):
    write_series(tmp_path, STORED, AXIAL, EVEN, SeriesNumber=2)
    write_series(tmp_path, STORED, AXIAL, EVEN, SeriesNumber=1, SeriesDescription="scout",
                 ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])  # fmt: skip
    uid = "1.2.3.9"
    for name, directions in (("a", AXIAL), ("b", SAGITTAL)):
        firsts = positions(directions, 10.0 * np.arange(3))
        write_series(tmp_path / name, STORED[:3], directions, firsts, SeriesNumber=3,
                     SeriesInstanceUID=uid)  # fmt: skip
    found = list_series(tmp_path)
    assert [s.aside for s in found] == [
        "localizer", "", *["few slices in several orientations, like a scout"] * 2
    ]  # fmt: skip
    assert [s.orientation for s in found[2:]] == ["transverse", "sagittal"]
    assert find_series(tmp_path, "a.u.").number == 2
    assert find_series(tmp_path, "a.u.", "scout").number == 1


def test_doubts_name_gaps_tilt_and_copies(tmp_path):
    kept = [0, 1, 3, 4, 5]
    write_series(tmp_path / "gap", STORED[kept], AXIAL, EVEN[kept], SliceThickness=2)
    (gap,) = list_series(tmp_path / "gap")
    assert any("1 between" in doubt for doubt in gap.doubts)
    tilted = positions(AXIAL, 2.0 * np.arange(6), shear=(0, np.tan(np.deg2rad(15))))
    write_series(tmp_path / "tilt", STORED, AXIAL, tilted, SliceThickness=2, modality="CT")
    (tilt,) = list_series(tmp_path / "tilt")
    assert tilt.doubts == ["slices are sheared by 15.0°, as by a tilted gantry"]
    twice = np.vstack([EVEN, EVEN[2:3]])
    write_series(tmp_path / "copy", np.vstack([STORED, STORED[2:3]]), AXIAL, twice,
                 SliceThickness=2, PatientPosition="", FrameOfReferenceUID="")  # fmt: skip
    (copy,) = list_series(tmp_path / "copy")
    assert copy.slices == 6
    assert copy.doubts == [
        "no patient position",
        "no frame of reference",
        "1 of its slices are at the position of another one",
    ]


def test_damaged_headers_are_named_and_left_out(tmp_path, caplog):
    paths = write_series(tmp_path, STORED, AXIAL, EVEN)
    paths[2].write_bytes(paths[2].read_bytes()[:400])

    def lost(dataset, _k):
        del dataset.ImagePositionPatient

    write_series(tmp_path / "lost", STORED[:1], AXIAL, EVEN, SeriesNumber=8, each=lost)
    with caplog.at_level(logging.WARNING):
        (found,) = list_series(tmp_path)
    assert found.slices == 5
    assert paths[2].name in caplog.text
    assert "does not state its ImagePositionPatient" in caplog.text
    with pytest.raises(FileError, match="does not exist"):
        list_series(tmp_path / "absent")


def stripped(*keywords):
    """Take attributes from a slice, as anonymisers do."""

    def each(dataset, k):
        for keyword in keywords:
            del dataset[keyword]

    return each


def test_slices_without_uids_are_grouped_by_what_they_share(tmp_path, caplog):
    uids = ("SeriesInstanceUID", "StudyInstanceUID")
    bare = stripped(*uids)
    write_series(tmp_path, STORED, AXIAL, EVEN, SeriesNumber=4, each=bare)
    write_series(tmp_path, STORED, AXIAL, EVEN, SeriesNumber=7, each=bare)
    turned = positions(SAGITTAL, 2.0 * np.arange(6))
    write_series(tmp_path / "b", STORED, SAGITTAL, turned, SeriesNumber=7, each=bare)
    with caplog.at_level(logging.WARNING):
        found = list_series(tmp_path)
    assert [(s.number, s.orientation, s.slices) for s in found] == [
        (4, "transverse", 6), (7, "sagittal", 6), (7, "transverse", 6),
    ]  # fmt: skip
    assert [r.getMessage() for r in caplog.records] == [
        "18 slices state no series: they are grouped by number, matrix and orientation"
    ]
    volume = read_series(choose_series(found, "4"), "a.u.")
    np.testing.assert_array_equal(volume.voxels, STORED.transpose(2, 1, 0))


def test_one_warning_for_files_of_one_fault(tmp_path, caplog):
    def mosaic(dataset, k):
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]

    write_series(tmp_path, STORED, AXIAL, EVEN, each=mosaic)
    with caplog.at_level(logging.WARNING):
        assert list_series(tmp_path) == []
    (record,) = caplog.records
    assert record.getMessage().startswith("6 files such as ")
    assert "left out: it is a mosaic, many slices of a functional scan" in record.getMessage()


def test_one_file_is_read_if_it_holds_a_volume(tmp_path):
    path = write_enhanced(tmp_path / "one.dcm", STORED, AXIAL, EVEN)
    volume = read_volume(path, "a.u.")
    np.testing.assert_array_equal(volume.voxels, STORED.transpose(2, 1, 0))
    unnamed = path.rename(tmp_path / "IM0001")
    np.testing.assert_array_equal(read_volume(unnamed, "a.u.").voxels, volume.voxels)
    (first, *_) = write_series(tmp_path / "many", STORED, AXIAL, EVEN)
    with pytest.raises(FileError, match=rf"{first.name} is one slice; give the folder"):
        read_volume(first, "a.u.")


def test_nothing_of_the_patient_is_kept(tmp_path, caplog):
    write_series(tmp_path, STORED, AXIAL, EVEN)
    with caplog.at_level(logging.DEBUG):
        (found,) = list_series(tmp_path)
    shown = f"{found!r} {found} {found.doubts} {found.contrast} {caplog.text}"
    for secret in (PATIENT_NAME, PATIENT_ID, BIRTH_DATE, "Bohr"):
        assert secret not in shown
