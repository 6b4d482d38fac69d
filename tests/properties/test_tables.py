from __future__ import annotations

import numpy as np
import pytest

from mrtoct.errors import FileError, MrtoctError
from mrtoct.properties.curves.find import CURVES, find_curve, find_quantity
from mrtoct.properties.tables.files import read_table, write_table

DENSITY, RED = find_quantity("density"), find_quantity("red")


def test_hlut_as_matrad_reads_it(tmp_path):
    path = tmp_path / "made.hlut"
    write_table(path, CURVES["red"]["matrad"], RED)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    table = np.loadtxt(lines)
    assert table[:, 0].tolist() == [-1024, -999, -90, -45, 0, 100, 350, 3000]
    assert table[:, 1].tolist() == [0.001, 0.001, 0.95, 0.99, 1, 1.095, 1.199, 2.505]
    assert read_table(path, RED).values == CURVES["red"]["matrad"].values


def test_comments_commas_and_blank_lines(tmp_path):
    path = tmp_path / "mine.hlut"
    path.write_text("# by hand\n\n-1000 0.001 # air\n0,1.0\n1000\t1.5\n")
    curve = find_curve(RED, str(path))
    assert (curve.hu, curve.values) == ((-1000, 0, 1000), (0.001, 1.0, 1.5))


def test_mcsquare_takes_grams_and_material_numbers(tmp_path):
    folder = tmp_path / "scanner"
    write_table(folder, CURVES["density"]["schneider-2000"], DENSITY)
    density = np.loadtxt(folder / "HU_Density_Conversion.txt")
    material = np.loadtxt(folder / "HU_Material_Conversion.txt")
    assert np.interp(1000, *density.T) == pytest.approx(1.609, abs=1e-3)
    assert material[[0, -1]].tolist() == [[-1050, 39], [1500, 62]]
    back = find_curve(DENSITY, str(folder))
    hu = np.arange(-1000, 2990.0)
    np.testing.assert_allclose(
        back(hu), CURVES["density"]["schneider-2000"](hu), rtol=1e-5, atol=1e-3
    )
    alone = find_curve(DENSITY, str(folder / "HU_Density_Conversion.txt"))
    assert alone.values == back.values


def test_k_plan_calibration(tmp_path):
    h5py = pytest.importorskip("h5py", reason="k-Plan's calibrations are HDF5")
    path = tmp_path / "made.kct"
    write_table(path, CURVES["density"]["k-plan"], DENSITY)
    with h5py.File(path) as file:
        assert file.attrs["application_name"] == "k-Plan"
        assert file.attrs["file_type"] == "k-Plan CT Calibration"
        assert file.attrs["major_version"].tolist() == [1]
        assert file.attrs["minor_version"].dtype == np.uint64
        table = file["ct_calibration"]
        assert (table.shape, table.dtype) == ((1, 4, 2), np.float32)
        np.testing.assert_allclose(table[0, 2], (1000, 1530))
    np.testing.assert_allclose(find_curve(DENSITY, str(path)).values, (1.2, 1060, 1530, 2150))
    other = tmp_path / "other.kct"
    with h5py.File(other, "w") as file:
        file.create_dataset("ct_calibration", data=np.zeros(5))
    with pytest.raises(FileError, match=r"other.kct holds a table of shape \(5,\)"):
        find_curve(DENSITY, str(other))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("no.hlut", "", "holds no line of two numbers"),
        ("words.hlut", "0 1\nbone 2\n", "line 2: 'bone 2' is not two numbers"),
        ("three.hlut", "0 1 2\n", "line 1"),
        ("falling.hlut", "100 1.1\n0 1\n", "must rise from point to point"),
        ("damaged.kct", "no HDF5", "is not a k-Plan calibration"),
        ("unit.txt", "-1000 1.2\n0 1000\n", "in another unit"),
        ("unit.hlut", "-1000 0.001\n0 1\n1000 1.5\n", "gives 1 at 0 HU; mass density is 900"),
        ("missing.kct", None, "does not exist"),
    ],
)
def test_tables_that_cannot_be_used_are_named(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(MrtoctError, match=reason) as caught:
        find_curve(DENSITY, str(path))
    assert name in str(caught.value)


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    for name in ("red.kct", "red.txt", "scanner"):
        with pytest.raises(FileError, match="holds density, not red"):
            write_table(tmp_path / name, CURVES["red"]["matrad"], RED)
    with pytest.raises(FileError, match="is not a supported table"):
        write_table(tmp_path / "red.xls", CURVES["red"]["matrad"], RED)
    assert not list(tmp_path.iterdir())
