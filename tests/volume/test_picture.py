"""What a volume's name shows: facts that are its own, and slices the right way round."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys

import matplotlib.image
import nibabel as nib
import numpy as np
import pytest

from mrtoct.volume import Grid, Volume
from mrtoct.volume.picture import middle_slices, png
from volumes import oblique_grid, random_volume


def test_the_facts() -> None:
    volume = random_volume(oblique_grid(flip=(-1, 1, 1)))
    low, high = volume.voxels.min(), volume.voxels.max()
    axes = "".join(nib.aff2axcodes(volume.affine))
    assert axes == "LAS"
    wanted = f"Volume(13 x 10 x 7, 0.9 x 1.3 x 4 mm, LAS, {low} to {high} HU, int16)"
    assert repr(volume) == wanted
    page = volume._repr_html_()
    for fact in ("13 x 10 x 7", "0.9 x 1.3 x 4 mm", "LAS", f"{low} to {high}", "HU", "int16"):
        assert f">{fact}</td>" in page


def test_values_that_are_no_numbers_are_counted_and_shown_none() -> None:
    voxels = np.full((4, 5, 6), np.nan, np.float32)
    volume = Volume(voxels, Grid((4, 5, 6), np.eye(4)), "a.u.")
    assert "0 to 0 and 120 not finite a.u." in repr(volume)
    assert volume._repr_html_()
    voxels[1, 2, 3], voxels[2, 2, 3] = 5, 9
    assert "5 to 9 and 118 not finite a.u." in repr(volume)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("flip", [(1, 1, 1), (-1, 1, -1), (-1, -1, -1)])
def test_slices_lie_as_radiologists_look_at_them_however_stored(order, flip) -> None:
    """One bright voxel at the right, front and top of the head's middle planes."""
    upright = np.zeros((7, 9, 11), np.int16)
    upright[6, 4, 5], upright[3, 8, 5], upright[3, 4, 10] = 1, 2, 3  # right, front, top
    voxels = upright.transpose(order)[tuple(slice(None, None, f) for f in flip)]
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, (world, f) in enumerate(zip(order, flip, strict=True)):
        affine[world, axis] = f * (1.0, 2.0, 4.0)[world]
    volume = Volume(voxels, Grid(voxels.shape, affine), "label")
    (transverse, a), (coronal, b), (sagittal, c) = middle_slices(volume)
    assert (a, b, c) == (2, 4, 2)
    assert transverse.shape == (9, 7)
    assert transverse[4, 0] == 1  # the patient's right is on the left
    assert transverse[0, 3] == 2  # the front is above
    assert coronal[5, 0] == 1
    assert coronal[0, 3] == 3
    assert sagittal[5, 0] == 2  # the front is on the left
    assert sagittal[0, 4] == 3


def test_the_picture_is_the_slices_in_the_units_window() -> None:
    hu = np.full((20, 20, 20), -1024, np.int16)
    hu[:, 10:, :] = 2000
    volume = Volume(hu, Grid(hu.shape, np.eye(4)), "HU")
    shown = matplotlib.image.imread(io.BytesIO(png(volume)))[..., 0]
    third = shown.shape[1] // 3
    left = shown[:, :third]
    assert left[left.shape[0] // 4, third // 2] == 1  # front: white
    assert left[3 * left.shape[0] // 4, third // 2] == 0
    found = re.search(r"base64,([^']+)'", volume._repr_html_())
    assert found and base64.b64decode(found[1]) == png(volume)


def test_a_deviation_is_shown_from_nothing_to_its_largest() -> None:
    """Between air and dense bone it would be all of one grey."""
    sd = np.zeros((20, 20, 20), np.int16)
    sd[:, 10:, :] = 150
    volume = Volume(sd, Grid(sd.shape, np.eye(4)), "HU")
    shown = matplotlib.image.imread(io.BytesIO(png(volume)))[..., 0]
    left = shown[:, : shown.shape[1] // 3]
    assert left[left.shape[0] // 4].max() == 1
    assert left[3 * left.shape[0] // 4].max() == 0


def test_a_notebook_needs_no_torch_to_show_a_volume() -> None:
    script = (
        "import sys, numpy, mrtoct\n"
        "v = mrtoct.Volume.from_numpy(numpy.zeros((3, 4, 5)), numpy.eye(4), 'a.u.')\n"
        "repr(v), v._repr_html_(), v.to_nibabel()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
