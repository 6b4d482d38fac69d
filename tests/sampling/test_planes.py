"""Slices of three planes against indexing by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mrtoct.prepare.intensity import HuWindow
from mrtoct.sampling.augment import Augmentation, augment
from mrtoct.sampling.planes import in_plane, require_planes, subject_in_plane
from mrtoct.sampling.slices import Batch, SliceSet
from mrtoct.sampling.subjects import LoadedSubject
from mrtoct.volume import Grid
from volumes import oblique_grid

SHAPE = (9, 14, 11)


@pytest.fixture
def subject() -> LoadedSubject:
    """Another number in every voxel, a head that touches no border, two slices dropped."""
    numbers = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    head = np.zeros(SHAPE, dtype=bool)
    head[2:7, 3:12, 1:10] = True
    covered = np.ones(SHAPE, dtype=bool)
    covered[:, :, :3] = False
    return LoadedSubject(
        "odd",
        Grid(SHAPE, np.diag([8.0, 8.0, 8.0, 1.0])),
        mr=(numbers / numbers.size)[None].astype(np.float16),
        hu=(numbers - 700).astype(np.int16),
        covered=covered,
        head=head,
        mr_head=head,
        kept=[3, 4, 5, 6, 7, 8],
        brain=(numbers / numbers.size).astype(np.float16),
    )


def test_slices_lie_where_they_should(subject: LoadedSubject) -> None:
    volume = subject.hu
    np.testing.assert_array_equal(in_plane(volume, "transverse")[..., 4], volume[:, :, 4])
    np.testing.assert_array_equal(in_plane(volume, "coronal")[..., 4], volume[:, 4, :])
    np.testing.assert_array_equal(in_plane(volume, "sagittal")[..., 4], volume[4].T)
    channels = np.stack([volume, -volume])
    for plane in ("transverse", "coronal", "sagittal"):
        turned = in_plane(channels, plane)  # type: ignore[arg-type]
        np.testing.assert_array_equal(in_plane(turned, plane), channels)  # type: ignore[arg-type]
        np.testing.assert_array_equal(turned[1], in_plane(-volume, plane))  # type: ignore[arg-type]


def test_a_turned_subject_is_the_same_head_at_the_same_place(subject: LoadedSubject) -> None:
    oblique = replace(subject, grid=oblique_grid(SHAPE, (2.0, 2.0, 2.0), (20, -10, 35)))
    for plane, index in (("coronal", (2, 10, 7)), ("sagittal", (10, 7, 2))):
        turned = subject_in_plane(oblique, plane)  # type: ignore[arg-type]
        i, j, k = (2, 7, 10)
        assert turned.hu[index] == oblique.hu[i, j, k]
        assert turned.mr[(0, *index)] == oblique.mr[0, i, j, k]
        assert turned.brain is not None and oblique.brain is not None
        assert turned.brain[index] == oblique.brain[i, j, k]
        np.testing.assert_allclose(
            turned.grid.to_world([index]), oblique.grid.to_world([(i, j, k)]), atol=1e-9
        )
        assert turned.grid.shape == turned.hu.shape


def test_dropped_slices_teach_in_no_plane(subject: LoadedSubject) -> None:
    turned = subject_in_plane(subject, "coronal")
    usable = np.zeros(SHAPE, dtype=bool)
    usable[:, :, subject.kept] = True
    np.testing.assert_array_equal(turned.covered, (subject.covered & usable).transpose(0, 2, 1))
    # 5 x 6 voxels of 64 mm2 in each coronal slice of the head, 9 x 6 in each sagittal one.
    assert turned.kept == list(range(3, 12))
    assert subject_in_plane(subject, "sagittal").kept == list(range(2, 7))
    assert subject_in_plane(subject, "transverse") is subject


def test_slices_with_too_little_head_are_left_out(subject: LoadedSubject) -> None:
    subject.head[:, 3] = False
    subject.head[4, 3, 3:9] = True  # 6 voxels, 384 mm2
    subject.head[:, 4] = False
    subject.head[4:6, 4, 3:7] = True  # 8 voxels, 512 mm2
    assert subject_in_plane(subject, "coronal").kept == list(range(4, 12))


def test_batches_hold_the_slices_of_each_plane(subject: LoadedSubject) -> None:
    planes = ("transverse", "coronal", "sagittal")
    turned = [subject_in_plane(subject, plane) for plane in planes]  # type: ignore[arg-type]
    slices = SliceSet(turned, size=(16, 16), window=HuWindow(-700, 800), neighbours=1)
    assert len(slices) == 6 + 9 + 5
    batch = slices.batch([1, 6, 17])  # transverse 4, coronal 3, sagittal 4
    assert batch.lateral is not None
    assert batch.lateral.tolist() == [True, True, False]
    expected = {0: subject.hu[:, :, 4].T, 1: subject.hu[:, 3, :].T, 2: subject.hu[4]}
    for n, image in expected.items():
        height, width = image.shape
        j, i = (16 - height) // 2, (16 - width) // 2
        found = batch.ct[n, 0, j : j + height, i : i + width].numpy() * 1500 - 700
        np.testing.assert_allclose(found, image, atol=1e-3)
    below = batch.mr[2, 0, 1:15, 2:13].numpy()
    np.testing.assert_allclose(below, subject.mr[0, 3].astype(np.float32), atol=1e-6)


def test_sagittal_slices_are_not_turned_upside_down() -> None:
    image = torch.rand(200, 1, 8, 6)
    one = torch.ones_like(image)
    lateral = torch.arange(200) % 2 == 0
    batch = Batch(image, image, one, one, one, lateral)
    made = augment(batch, Augmentation(flip=True), torch.Generator().manual_seed(1))
    same = torch.isclose(made.ct, image, atol=1e-5).flatten(1).all(1)
    mirrored = torch.isclose(made.ct, image.flip(3), atol=1e-5).flatten(1).all(1)
    assert same[~lateral].all()
    assert (same | mirrored).all()
    assert 30 < int(mirrored[lateral].sum()) < 70


@pytest.mark.parametrize(
    ("planes", "spacing", "message"),
    [
        ((), (1.0, 1.0, 1.0), r"planes must be some of transverse, coronal, sagittal, got \[\]"),
        (("axial",), (1.0, 1.0, 1.0), r"got \['axial'\]"),
        (("coronal", "coronal"), (1.0, 1.0, 1.0), "must be some of"),
        (("transverse", "coronal"), (1.0, 1.0, 1.5), r"same spacing .* got \[1\.0, 1\.0, 1\.5\]"),
        (("sagittal",), (2.0, 1.0, 1.0), "same spacing"),
    ],
)
def test_planes_that_do_not_fit(
    planes: tuple[str, ...], spacing: tuple[float, float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        require_planes(planes, spacing)


def test_planes_that_fit() -> None:
    require_planes(("transverse",), (1.0, 1.0, 3.0))
    require_planes(("sagittal", "coronal"), (0.65, 0.65, 0.651))
