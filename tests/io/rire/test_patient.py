"""A phantom in RIRE's layout is the same head, and its truth still fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mrtoct.io.files import read_volume
from mrtoct.io.rire.transform import read_rire_transform, to_ras
from mrtoct.io.transforms import read_transform
from mrtoct.phantom import PhantomSubject


def test_the_layout(written: Path) -> None:
    files = {str(p.relative_to(written)) for p in written.rglob("*") if p.is_file()}
    scans = ("ct", "mr_T1", "mr_PD")
    truth = ("labels.nii.gz", "ct_to_mr.tfm", "ct_T1.standard", "ct_PD.standard")
    assert files == {
        *(f"{scan}/{name}" for scan in scans for name in ("header.ascii", "image.bin.Z")),
        *(f"truth/{name}" for name in truth),
    }


def test_scans_are_the_phantoms(written: Path, phantom: PhantomSubject) -> None:
    scans = {"ct": phantom.ct, "mr_T1": phantom.mr["T1"], "mr_PD": phantom.mr["PD"]}
    for name, made in scans.items():
        read = read_volume(written / name, "a.u.")
        # Made from right to left and back to front the other way round.
        np.testing.assert_array_equal(read.voxels[::-1, ::-1], made.voxels)
        np.testing.assert_allclose(read.affine, np.diag([*(-1, -1, 1) * np.array(made.spacing), 1]))


def test_the_truth_takes_points_where_the_phantom_does(
    written: Path, phantom: PhantomSubject
) -> None:
    # Voxels are the witness: the same voxel of the CT goes to the same place among the MR's.
    ct, mr = read_volume(written / "ct", "HU"), read_volume(written / "mr_T1", "a.u.")
    shape = np.array(ct.grid.shape)
    indices = np.random.default_rng(4).uniform(0, shape - 1, (50, 3))
    m = phantom.ct_to_mr
    moved = phantom.ct.grid.to_world(indices) @ m[:3, :3].T + m[:3, 3]
    expected = phantom.mr["T1"].grid.to_index(moved)
    mirror = np.array([-1, -1, 1])

    def flipped(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.where(mirror < 0, np.array(shape) - 1 - values, values)

    for matrix in (
        read_transform(written / "truth" / "ct_to_mr.tfm"),
        to_ras(read_rire_transform(written / "truth" / "ct_T1.standard"), ct.grid, mr.grid),
    ):
        start = ct.grid.to_world(flipped(indices, ct.grid.shape))
        read = mr.grid.to_index(start @ matrix[:3, :3].T + matrix[:3, 3])
        np.testing.assert_allclose(flipped(read, mr.grid.shape), expected, atol=1e-4)


def test_labels_lie_on_the_ct(written: Path, phantom: PhantomSubject) -> None:
    labels = read_volume(written / "truth" / "labels.nii.gz", "label")
    assert labels.grid.matches(read_volume(written / "ct", "HU").grid)
    counts = np.bincount(phantom.labels.voxels.ravel())
    np.testing.assert_array_equal(np.bincount(labels.voxels.ravel()), counts)
