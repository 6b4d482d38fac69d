from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.report.colors import Window, error_table
from mrtoct.report.figures import (
    cut_text,
    overview_depth,
    panel_figure,
    subject_figure,
    uncertainty_figure,
)


def images(figure):
    """The pictures in order, a row per subject."""
    panels = [axes for axes in figure.axes if axes.images]
    return [axes.images[0] for axes in panels]


def test_panels_hold_the_slice_in_radiological_orientation(subjects):
    figure = panel_figure(subjects[:2], depth=12.0)
    pictures = images(figure)
    assert len(pictures) == 8
    _, sct, ct, difference = (np.asarray(p.get_array().filled(np.nan)) for p in pictures[:4])
    subject = subjects[0]
    # The mask spans slices 2 to 14, 4 mm apart, and 12 mm below its top is 11.
    expected = np.where(subject.mask.voxels, subject.ct.voxels, np.nan)[1:22, 2:28, 11]
    # Right is on the left, anterior on top.
    assert np.allclose(ct, expected[::-1, ::-1].T, equal_nan=True)
    rows, columns = np.nonzero(ct > 500)
    assert rows.mean() < ct.shape[0] / 2
    assert columns.mean() < ct.shape[1] / 2
    assert np.allclose(difference, sct - ct, equal_nan=True)


def test_all_ct_panels_share_the_window_and_all_errors_the_scale(subjects):
    pictures = images(panel_figure(subjects, window=Window("w", -100, 300), error_limit=150))
    for row in range(3):
        for column in (1, 2):
            assert pictures[4 * row + column].get_clim() == (-100, 300)
        assert pictures[4 * row + 3].get_clim() == (-150, 150)


def test_figure_can_be_written_without_a_display(subjects, tmp_path):
    path = tmp_path / "panels.png"
    panel_figure(subjects[:1]).savefig(path, dpi=50)
    pixels = matplotlib.image.imread(path)
    assert pixels.shape[0] > 80
    assert pixels[..., :3].std() > 0.1


def test_error_colours_are_dark_at_zero_and_differ_in_hue_and_agree_in_lightness():
    table = error_table(257).astype(float)
    luminance = table @ [0.2126, 0.7152, 0.0722]
    assert luminance[128] < 15
    assert (np.diff(luminance[:129]) < 0).all()
    assert (np.diff(luminance[128:]) > 0).all()
    # Blue below, red-yellow above: told apart with any common colour blindness.
    assert (table[:120, 2] > table[:120, 0]).all()
    assert (table[137:, 0] > table[137:, 2]).all()


def filled(image):
    return np.ma.filled(image.get_array(), np.nan)


def test_a_subject_is_cut_where_its_real_ct_holds_most_and_in_all_planes(subjects):
    subject = subjects[0]
    pictures = images(subject_figure(subject))
    assert len(pictures) == 4 * 4
    inside = subject.mask.voxels
    ct = np.where(inside, subject.ct.voxels, np.nan)[1:22, 2:28, :17]
    sct = np.where(inside, subject.sct.voxels, np.nan)[1:22, 2:28, :17]
    # In the box: 0.7 of the way from slice 2 to 14; bone and the hole behind it meet at 9.
    transverse, coronal, sagittal = pictures[2], pictures[10], pictures[14]
    np.testing.assert_array_equal(filled(transverse), ct[::-1, ::-1, 10].T)
    found = {}
    for name, shown, axis in (("coronal", coronal, 1), ("sagittal", sagittal, 0)):
        candidates = np.moveaxis(ct, axis, 0)[:, ::-1, ::-1].swapaxes(1, 2)
        same = [np.array_equal(filled(shown), c, equal_nan=True) for c in candidates]
        (found[name],) = np.flatnonzero(same)
    # Bone spans 16 to 23 along J and 12 to 17 along I, the box starts at 2 and 1.
    assert found["coronal"] in range(14, 17)  # at most 0.65 of the way
    assert found["sagittal"] in range(11, 13)
    difference = filled(pictures[11])
    expected = (sct - ct)[:, found["coronal"], :][::-1, ::-1].T
    np.testing.assert_allclose(difference, expected, rtol=1e-5)


def test_where_it_is_cut_does_not_depend_on_the_synthetic_ct(make_subject, subjects):
    worse = replace(subjects[0], sct=subjects[0].sct.with_voxels(-subjects[0].ct.voxels))
    assert cut_text(worse) == cut_text(subjects[0])
    assert overview_depth([worse]) == overview_depth(subjects[:1])


def test_cuts_are_told_in_world_coordinates(subjects):
    # I, J, K start at -30, -40 and -10 mm and are 3, 2.5 and 4 mm apart; K of the first is 10.
    upper, *_ = cut_text(subjects[0]).split(", ")
    assert upper == "transverse z = 30 mm"
    assert cut_text(subjects[0]).count(" mm") == 4


def test_uncertainty_is_beside_the_error_on_one_scale(subjects):
    subject = subjects[0]
    deviation = subject.ct.with_voxels(np.full(subject.ct.grid.shape, 37.0, np.float32))
    figure = uncertainty_figure(replace(subject, deviation=deviation))
    sct, ct, error, shown = (images(figure)[n] for n in range(4))
    np.testing.assert_allclose(filled(error), np.abs(filled(sct) - filled(ct)), rtol=1e-5)
    assert np.nanmin(filled(shown)) == np.nanmax(filled(shown)) == 37
    assert np.array_equal(np.isnan(filled(shown)), np.isnan(filled(ct)))
    assert error.get_clim() == shown.get_clim() == (0, 400)
    with pytest.raises(ValueRangeError, match="sub-01 has no standard deviation"):
        uncertainty_figure(subject)


def test_senseless_requests_are_refused(subjects):
    with pytest.raises(ValueRangeError, match="at least one subject"):
        panel_figure([], depth=5.0)
    with pytest.raises(ValueRangeError, match=r"0 mm or more, got -1\.5"):
        panel_figure(subjects, depth=-1.5)
