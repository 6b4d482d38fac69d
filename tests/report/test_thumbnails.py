import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mrtoct.report.thumbnails import GAP, TILE, subject_thumbnails

SIDE = 2 * TILE + GAP


def opened(thumbnail):
    return np.asarray(Image.open(io.BytesIO(thumbnail.jpeg)).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def pictures(subjects):
    voxels = np.where(subjects[0].mask.voxels, 100.0, 0.0).astype(np.float32)
    subject = replace(subjects[0], deviation=subjects[0].ct.with_voxels(voxels))
    return {t.title: (t, opened(t)) for t in subject_thumbnails(subject, 200.0)}


def test_every_picture_says_what_it_is_and_has_one_size(pictures):
    assert list(pictures) == ["MR", "Synthetic CT", "Real CT", "Synthetic − real",
                              "Registration", "Standard deviation"]  # fmt: skip
    for thumbnail, pixels in pictures.values():
        assert pixels.shape == (SIDE, SIDE, 3)
        assert thumbnail.described.startswith("sub-01: ")
    assert "0 to 200 HU" in pictures["Standard deviation"][0].described
    assert "-500 to 1500 HU" in pictures["Real CT"][0].described


def test_soft_tissue_bone_and_outside_have_their_grey(pictures):
    pixels = pictures["Real CT"][1]
    # 40 HU of -500 to 1500; the block of 1000 HU lies right, anterior and superior.
    assert np.median(pixels[TILE // 2, TILE // 2 + 20]) == pytest.approx(255 * 540 / 2000, abs=6)
    upper = pixels[:TILE, :TILE]
    bone = np.argwhere(np.abs(upper[..., 0] - 255 * 1500 / 2000) < 8)
    assert len(bone) > 200
    assert bone[:, 0].mean() < TILE / 2  # anterior is up
    assert bone[:, 1].mean() < TILE / 2  # the patient's right is on the left
    assert pixels[2, 2].max() < 8


def test_contours_run_around_bone_alone(pictures):
    pixels, real = pictures["Registration"][1], pictures["Real CT"][1]
    drawn = (pixels[..., 0] - pixels[..., 2]) > 120
    assert 100 < drawn.sum() < 0.1 * drawn.size
    # JPEG blurs by a few pixels: wherever a contour is, bone is near.
    for row, column in np.argwhere(drawn)[::40]:
        near = real[max(row - 6, 0) : row + 7, max(column - 6, 0) : column + 7, 0]
        assert near.max() > 255 * (250 + 500) / 2000


def test_a_deviation_of_half_its_scale_has_the_colour_of_the_middle(pictures):
    from mrtoct.report.colors import deviation_table

    pixels = pictures["Standard deviation"][1]
    middle = pixels[TILE // 2, TILE // 2 + 20]
    assert middle == pytest.approx(deviation_table()[127].astype(int), abs=12)


def test_without_a_deviation_there_are_five(subjects):
    assert len(subject_thumbnails(subjects[1], 100.0)) == 5
