from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from mrtoct.errors import FileError, GeometryError, ValueRangeError
from mrtoct.io.files import read_volume, sidecar
from mrtoct.properties.convert import convert
from mrtoct.properties.curves.find import find_curve, find_quantity
from mrtoct.properties.files import deviation_file, write_map
from mrtoct.volume import Volume


def made(sct: Volume, name: str, curve: str | None = None, **options):
    quantity = find_quantity(name)
    return convert(sct, quantity, find_curve(quantity, curve), **options)


def test_a_map_follows_the_curve_voxel_by_voxel(shells):
    ct = shells.ct()
    density = made(ct, "density")
    grid, radius = shells.radii()
    assert density.values.grid.matches(grid)
    assert density.values.unit == "kg/m3"
    np.testing.assert_allclose(
        density.values.voxels[(radius > 61.5) & (radius < 66.5)], 1609, rtol=1e-5
    )
    np.testing.assert_allclose(density.values.voxels[radius < 59], 1049.76, rtol=1e-5)
    mu = made(ct, "mu511", "burger-2002").values.voxels
    assert mu[radius > 78].max() == 0
    np.testing.assert_allclose(mu[radius < 59], 0.096 + 40 * 5.73e-5, rtol=1e-5)


def test_padding_below_air_is_air(shells):
    ct = shells.ct()
    hu = ct.voxels.copy()
    hu[:3] = -3024
    assert made(ct.with_voxels(hu), "mu511").values.voxels[:3].max() == 0


def test_sound_follows_the_curve_in_the_skull_alone(shells):
    ct = shells.ct()
    _, radius = shells.radii()
    speed = made(ct, "sound-speed").values.voxels
    np.testing.assert_allclose(
        speed[(radius > 61.5) & (radius < 66.5)], 1.33 * 1530 + 167, rtol=1e-5
    )
    assert set(np.unique(speed[radius < 59])) == {1546}  # not 1550, the line's value at 40 HU
    assert set(np.unique(speed[radius > 78])) == {1500}  # not 169, the line's value in air
    assert speed.min() >= 1500


def test_attenuation_is_at_a_frequency(shells):
    ct = shells.ct()
    _, radius = shells.radii()
    bone = (radius > 61.5) & (radius < 66.5)
    for mhz, expected in ((0.5, 6.65), (1.0, 13.3)):
        found = made(ct, "attenuation", frequency_mhz=mhz).values.voxels
        np.testing.assert_allclose(found[bone], expected, rtol=1e-5)
        np.testing.assert_allclose(found[radius < 59], 0.59 * mhz**1.2, rtol=1e-5)
        np.testing.assert_allclose(found[radius > 78], 0.00217 * mhz**2, rtol=1e-5)
    webb = made(ct, "attenuation", "webb-ge-120kvp", frequency_mhz=0.5).values.voxels
    np.testing.assert_allclose(webb[bone], 18.5, atol=0.05)
    for mhz, reason in ((None, "give it in MHz"), (500, "0.05 to 10 MHz, got 500")):
        with pytest.raises(ValueRangeError, match=reason):
            made(ct, "attenuation", frequency_mhz=mhz)


def test_a_deviation_is_carried_through(shells):
    ct = shells.ct()
    _, radius = shells.radii()
    sd = ct.with_voxels(np.where(radius < 75, 50, 0).astype(np.int16))
    red = made(ct, "red", "matrad", deviation=sd).deviation
    assert red.unit == "1"
    bone = (radius > 61.5) & (radius < 66.5)
    slope = (2.505 - 1.199) / (3000 - 350)
    np.testing.assert_allclose(red.voxels[bone], 50 * slope, rtol=1e-3)
    assert red.voxels[radius > 78].max() == 0
    speed = made(ct, "sound-speed", deviation=sd).deviation.voxels
    assert speed[radius < 59].max() == 0  # one value for all soft tissue
    np.testing.assert_allclose(speed[bone], 50 * 1.33 * 0.58, rtol=0.2)  # bends at 1000 HU


def test_what_lies_beyond_the_curve_is_told(shells):
    ct = shells.ct()
    hu = ct.voxels.copy()
    hu[30:35, 40:45, 30:32] = 2500
    told = made(ct.with_voxels(hu), "density", "k-plan").facts
    assert told["saturated_above_hu"] == 1950
    assert told["saturated_ml"] == round(50 * ct.grid.voxel_volume / 1000, 2)
    assert told["highest"] == 2150
    assert made(ct, "density", "k-plan").facts["saturated_ml"] == 0


def test_what_is_no_ct_is_refused(shells, head):
    ct = shells.ct()
    with pytest.raises(ValueRangeError, match="shifted up by about 1024"):
        made(head.ct.with_voxels(head.ct.voxels + 1024), "density")
    with pytest.raises(ValueRangeError, match="looks like an MR"):
        made(head.mr["T1"], "density")
    with pytest.raises(ValueRangeError, match="is constant"):
        made(ct.with_voxels(np.zeros_like(ct.voxels)), "density")
    with pytest.raises(GeometryError, match="different grids"):
        made(ct, "density", deviation=head.ct)
    with pytest.raises(ValueRangeError, match="at least 0 HU"):
        made(ct, "density", deviation=ct)
    soft = np.minimum(ct.voxels, 200)
    with pytest.raises(ValueRangeError):
        made(ct.with_voxels(soft), "sound-speed")


def test_files_say_what_they_hold(tmp_path, shells):
    ct = shells.ct()
    sd = ct.with_voxels(np.full(ct.grid.shape, 20, np.int16))
    path = tmp_path / "maps" / "rho.nii.gz"
    write_map(path, made(ct, "density", deviation=sd), facts={"made_from": "sct.nii.gz"})
    image = nib.load(path)
    assert image.header["descrip"].item() == b"mass density [kg/m3], schneider-2000"
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.header.get_sform(), image.header.get_qform())
    told = json.loads(sidecar(path).read_text())
    assert (told["unit"], told["curve"], told["made_from"]) == (
        "kg/m3", "schneider-2000", "sct.nii.gz",
    )  # fmt: skip
    assert told["deviation"] == deviation_file(path).name == "rho_sd.nii.gz"
    assert nib.load(deviation_file(path)).header["descrip"].item() == b"SD of mass density [kg/m3]"


@pytest.mark.parametrize("ending", [".nii.gz", ".mha"])
def test_what_was_measured_of_the_ct_goes_with_its_maps(tmp_path, shells, ending):
    measured = np.ones(shells.ct().grid.shape, bool)
    measured[:, :, :9] = False
    ct = shells.ct().measured_where(measured)
    sd = ct.with_voxels(np.full(ct.grid.shape, 20, np.int16))
    path = tmp_path / f"rho{ending}"
    write_map(path, made(ct, "density", deviation=sd))
    for file in (path, deviation_file(path)):
        np.testing.assert_array_equal(read_volume(file, "kg/m3").measured, measured)
    with pytest.raises(FileError, match="exists already"):
        write_map(path, made(ct, "density", deviation=sd))
    path.unlink()
    with pytest.raises(FileError, match=f"rho_measured{ending} exists already"):
        write_map(path, made(ct, "density", deviation=sd))
