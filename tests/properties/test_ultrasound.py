from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from mrtoct.errors import FileError, ValueRangeError
from mrtoct.properties.ultrasound import (
    MAPPINGS,
    find_mapping,
    skull_on_path,
    ultrasound_maps,
    write_ultrasound,
)


@pytest.fixture(scope="module")
def maps(shells):
    return ultrasound_maps(shells.ct(), 0.5, MAPPINGS["k-plan"])


def test_each_medium_has_its_values(shells, maps):
    _, radius = shells.radii()
    bone, brain, out = (radius > 61.5) & (radius < 66.5), radius < 59, radius > 78
    for volume, values in (
        (maps.density, (1530, 1046, 994)),
        (maps.speed, (2201.9, 1546, 1500)),
        (maps.pseudo_ct, (1000, 40, -1000)),
        (maps.skull, (1, 0, 0)),
    ):
        for where, value in zip((bone, brain, out), values, strict=True):
            np.testing.assert_allclose(volume.voxels[where], value, rtol=1e-5)
    assert maps.pseudo_ct.voxels.dtype == np.int16


@pytest.mark.parametrize(("name", "mhz"), [("k-plan", 0.5), ("k-wave", 0.25), ("yaakub-2023", 2.0)])
def test_alpha_times_the_frequencys_power_is_each_mediums_attenuation(shells, name, mhz):
    _, radius = shells.radii()
    maps = ultrasound_maps(shells.ct(), mhz, MAPPINGS[name])
    attenuation = maps.alpha.voxels * mhz ** maps.facts["alpha_power"]
    np.testing.assert_allclose(attenuation[radius < 59], 0.59 * mhz**1.2, rtol=1e-5)
    np.testing.assert_allclose(attenuation[radius > 78], 0.00217 * mhz**2, rtol=1e-5)
    at_one = {"k-plan": 13.3, "k-wave": 13.3, "yaakub-2023": 4 + 4.7 * np.sqrt(1 - 700 / 1700)}
    power = {"k-plan": 1, "k-wave": 2, "yaakub-2023": 1.43}[name]
    bone = (radius > 61.5) & (radius < 66.5)
    np.testing.assert_allclose(attenuation[bone], at_one[name] * mhz**power, rtol=1e-3)


@pytest.mark.parametrize("name", MAPPINGS)
def test_no_mapping_goes_below_water(head, name):
    maps = ultrasound_maps(head.ct, 0.5, MAPPINGS[name])
    assert maps.speed.voxels.min() == 1500
    assert maps.density.voxels.min() == 994
    assert maps.alpha.voxels.min() > 0
    assert maps.speed.voxels[maps.skull.voxels].mean() > 1750


def test_the_folder(tmp_path, shells, maps):
    folder = tmp_path / "us"
    middle = np.array(shells.middle)
    path = skull_on_path(maps, tuple(middle + np.array([0.0, 0, 85])), tuple(middle))
    write_ultrasound(folder, maps, path=path)
    names = ["alpha_coeff", "density", "pseudoCT", "skull_mask", "sound_speed"]
    assert sorted(p.name for p in folder.glob("*.nii.gz")) == [f"{n}.nii.gz" for n in names]
    pseudo = nib.load(folder / "pseudoCT.nii.gz")
    assert pseudo.get_data_dtype() == np.int16
    assert np.asarray(pseudo.dataobj).min() == -1000
    np.testing.assert_array_equal(pseudo.get_sform(), pseudo.get_qform())
    alpha = nib.load(folder / "alpha_coeff.nii.gz")
    assert alpha.header["descrip"].item() == b"attenuation [dB/(MHz^y cm)], y 1, for 0.5 MHz"
    told = json.loads((folder / "ultrasound.json").read_text())
    assert told["path"]["bone_mm"] == pytest.approx(8, abs=1.2)
    assert (told["alpha_power"], told["frequency_mhz"]) == (1.0, 0.5)
    with pytest.raises(FileError, match="exists already"):
        write_ultrasound(folder, maps)


def test_what_cannot_be(shells, head):
    with pytest.raises(ValueRangeError, match=r"0\.05 to 10 MHz, got 650"):
        ultrasound_maps(shells.ct(), 650, MAPPINGS["k-plan"])
    with pytest.raises(ValueRangeError, match="looks like an MR"):
        ultrasound_maps(head.mr["T1"], 0.5, MAPPINGS["k-plan"])
    with pytest.raises(ValueRangeError, match="no mapping 'aubry'; allowed: k-plan"):
        find_mapping("aubry")
