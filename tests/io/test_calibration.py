"""What CTs say of their tube voltage, kernel and scanner: in DICOM, beside a file, or nowhere."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dicom_series import plane_directions, positions, write_series
from mrtoct.errors import FileError
from mrtoct.io.calibration import (
    UNKNOWN,
    CtCalibration,
    distinct,
    read_calibration,
    shared,
    write_calibration,
)
from mrtoct.io.scan import Scan

GE = CtCalibration(120.0, "STANDARD", "GE MEDICAL SYSTEMS HiSpeed")


def ct_series(folder, each=lambda dataset, k: None, **tags):
    directions = plane_directions()
    stored = np.zeros((4, 5, 6), np.int16)
    firsts = positions(directions, 2.5 * np.arange(4))
    write_series(folder, stored, directions, firsts, modality="CT", each=each, **tags)
    return Scan(folder)


def test_dicom_says_it_in_its_header(tmp_path):
    scan = ct_series(
        tmp_path / "ct", KVP="120", ConvolutionKernel="STANDARD",
        Manufacturer="GE MEDICAL SYSTEMS", ManufacturerModelName="HiSpeed",
    )  # fmt: skip
    assert read_calibration(scan) == GE
    assert str(GE) == "120 kVp, kernel STANDARD, GE MEDICAL SYSTEMS HiSpeed"


def test_what_differs_from_slice_to_slice_is_not_known(tmp_path):
    def each(dataset, k):
        dataset.KVP = "120" if k < 2 else "100"

    scan = ct_series(tmp_path / "ct", each, ConvolutionKernel=["Hr40f", "3"], Manufacturer="X")
    found = read_calibration(scan)
    assert (found.kvp, found.kernel) == (None, "Hr40f 3")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"KVP": 120, "ConvolutionKernel": "STANDARD", "Manufacturer": "GE MEDICAL SYSTEMS",
          "ManufacturersModelName": "HiSpeed", "PatientName": "x"}, GE),
        ({"TubeVoltage": "100", "Manufacturer": "Canon", "ManufacturersModelName": "Canon One"},
         CtCalibration(100.0, None, "Canon One")),
        ({"KVP": "n/a", "ConvolutionKernel": None}, UNKNOWN),
        ({"KVP": -3}, UNKNOWN),
        ([1, 2], UNKNOWN),
    ],
)  # fmt: skip
def test_beside_a_file_a_json_says_it(tmp_path, told, expected):
    path = tmp_path / "ct.nii.gz"
    path.touch()
    (tmp_path / "ct.json").write_text(json.dumps(told))
    assert read_calibration(Scan(path)) == expected


def test_without_a_json_nothing_is_known_and_a_damaged_one_is_named(tmp_path):
    path = tmp_path / "ct.nii.gz"
    path.touch()
    assert read_calibration(Scan(path)) == UNKNOWN
    assert str(UNKNOWN) == "not known"
    (tmp_path / "ct.json").write_text("{")
    with pytest.raises(FileError, match=r"ct\.json cannot be read as JSON"):
        read_calibration(Scan(path))


def test_what_is_written_beside_a_synthetic_ct_comes_back_without_a_scanner(tmp_path):
    path = tmp_path / "sct.nii.gz"
    path.touch()
    write_calibration(path, GE, "Synthetic CT", overwrite=False)
    assert read_calibration(Scan(path)) == CtCalibration(120.0, "STANDARD", None)
    with pytest.raises(FileError, match="exists already"):
        write_calibration(path, GE, "Synthetic CT", overwrite=False)


def test_what_several_have_in_common():
    other = CtCalibration(120.0, "BONE", None)
    assert shared([GE, other]) == CtCalibration(120.0, None, None)
    assert shared([GE, GE]) == GE
    assert shared([GE, UNKNOWN]) == UNKNOWN  # one may have been at another voltage
    assert shared([]) == UNKNOWN
    assert distinct([GE, other, GE]) == (other, GE)
