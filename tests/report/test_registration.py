import numpy as np
import pytest
from matplotlib.figure import Figure

from analytic_head import grid_at, rigid
from mrtoct.errors import GeometryError
from mrtoct.report.registration import CT_WINDOW, registration_figure
from mrtoct.volume import Grid, Volume

SHIFT = (9.0, -6.0, 4.0)


def ball(grid: Grid, center: tuple[float, float, float], high: float, low: float) -> np.ndarray:
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    return np.where(((points - center) ** 2).sum(axis=-1) < 30**2, high, low)


@pytest.fixture(scope="module")
def figure() -> Figure:
    """A bone ball at (3, 2, 1) in the CT, moved by SHIFT in the MR, where the right half is cut."""
    ct_grid = grid_at((51, 47, 43), (2.0, 2.0, 2.2), rigid((0, 0, 0), (0, 0, 0)))
    mr_grid = grid_at((61, 63, 57), (1.5, 1.5, 1.9), rigid((3, -4, 6), SHIFT))
    ct = Volume(ball(ct_grid, (3, 2, 1), 900.0, -1000.0), ct_grid, "HU")
    mr = Volume(ball(mr_grid, (12, -4, 5), 500.0, 20.0), mr_grid, "a.u.")
    box = ct_grid.upright((1.0, 1.0, 1.0))
    return registration_figure(ct, mr, rigid((0, 0, 0), SHIFT), box, "good: " + "why " * 40)


def test_both_scans_show_the_ball_in_one_place(figure: Figure) -> None:
    for board, over in zip(figure.axes[:3], figure.axes[3:], strict=True):
        mr = np.asarray(over.images[0].get_array())
        squares = np.asarray(board.images[0].get_array())
        bright = np.argwhere(mr > 0.5)
        assert np.argwhere(squares > 0.5).mean(axis=0) == pytest.approx(bright.mean(axis=0), abs=1)
        # Deep inside, CT squares show 900 HU, MR squares the MR's brightest.
        row, column = np.rint(bright.mean(axis=0)).astype(int)
        deep = squares[row - 18 : row + 19, column - 18 : column + 19].ravel()
        bone = (900 - CT_WINDOW[0]) / (CT_WINDOW[1] - CT_WINDOW[0])
        shares = [(abs(deep - shade) < 0.01).mean() for shade in (bone, 1.0)]
        assert min(shares) > 0.3
        assert sum(shares) == pytest.approx(1, abs=0.02)


def test_contours_lie_on_the_ball_of_the_ct(figure: Figure) -> None:
    for over in figure.axes[3:]:
        mr = np.asarray(over.images[0].get_array())
        middle = np.argwhere(mr > 0.5).mean(axis=0)[::-1]
        (contour,) = over.collections
        path = np.concatenate([p.vertices for p in contour.get_paths()])
        radius = np.linalg.norm(path - middle, axis=1)
        assert radius == pytest.approx(np.full(len(radius), 30), abs=2.5)


def test_the_patients_right_and_front_and_head_are_where_they_belong(figure: Figure) -> None:
    # The ball lies right (3), front (2) and head (1) of the middle of the CT's grid, 0.
    heights, widths = zip(*(a.images[0].get_array().shape for a in figure.axes[3:]), strict=True)
    middles = [
        np.argwhere(np.asarray(a.images[0].get_array()) > 0.5).mean(axis=0) for a in figure.axes[3:]
    ]
    offsets = [
        m - (np.array(s) - 1) / 2
        for m, s in zip(middles, zip(heights, widths, strict=True), strict=True)
    ]
    np.testing.assert_allclose(offsets, [(-2, -3), (-1, -3), (-1, -2)], atol=0.8)


def test_a_long_title_is_wrapped(figure: Figure) -> None:
    title = figure.get_suptitle()
    assert title.startswith("good: why")
    assert max(map(len, title.split("\n"))) <= 90


def test_pixels_are_as_fine_as_the_grid_but_not_finer_than_a_millimetre() -> None:
    for spacing, pixels in (((2.0, 2.5, 4.0), 2.0), ((0.5, 0.5, 2.0), 1.0)):
        grid = grid_at((40, 36, 20), spacing, np.eye(4))
        volume = Volume(ball(grid, (0, 0, 0), 500.0, 20.0), grid, "a.u.")
        figure = registration_figure(
            volume.with_voxels(volume.voxels, "HU"), volume, np.eye(4), grid
        )
        height, width = figure.axes[0].images[0].get_array().shape
        assert (width, height) == tuple(
            round(n * s / pixels) for n, s in zip(grid.shape[:2], spacing[:2], strict=True)
        )


def test_scans_that_do_not_meet_are_refused() -> None:
    grid = grid_at((5, 5, 5), (2, 2, 2), np.eye(4))
    ct = Volume(np.zeros(grid.shape), grid, "HU")
    with pytest.raises(GeometryError, match="overlap"):
        registration_figure(ct, ct, rigid((0, 0, 0), (500, 0, 0)), grid)
