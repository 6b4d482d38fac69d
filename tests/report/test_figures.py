import matplotlib
import numpy as np
import pytest

from mrtoct.errors import ValueRangeError
from mrtoct.report.colors import Window, error_table
from mrtoct.report.figures import panel_figure


def images(figure):
    """The pictures in order, a row per subject."""
    panels = [axes for axes in figure.axes if axes.images]
    return [axes.images[0] for axes in panels]


def test_panels_hold_the_slice_in_radiological_orientation(subjects):
    figure = panel_figure(subjects[:2], height=0.75)
    pictures = images(figure)
    assert len(pictures) == 8
    _, sct, ct, difference = (np.asarray(p.get_array().filled(np.nan)) for p in pictures[:4])
    subject = subjects[0]
    # The mask spans slices 2 to 14, of which 0.75 of the way is 11; the box starts 2 before it.
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


def test_senseless_requests_are_refused(subjects):
    with pytest.raises(ValueRangeError, match="at least one subject"):
        panel_figure([])
    with pytest.raises(ValueRangeError, match=r"from 0 to 1, got 1\.5"):
        panel_figure(subjects, height=1.5)
