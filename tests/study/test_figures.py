"""Slices of every model beside the truth, all in one window."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mrtoct.io.files import read_volume
from mrtoct.prepare.store import read_subject
from mrtoct.study.figures import curves_figure, slices_figure, write_figures
from mrtoct.study.plan import Settings, make_plan
from mrtoct.study.results import Results, gather
from small_study import small_experiments


@pytest.fixture(scope="module")
def results(four: Path, study: Path, tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("figures") / "study"
    shutil.copytree(study, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mrtoct.study.plan.paper_experiments", small_experiments)
        found = gather(folder, make_plan(four, Settings(), "cpu"), "heads")
    methods = [m for m in found.methods if m.name.startswith("pix2pix")]
    trainings = [t for t in found.trainings if t.experiment.name.startswith("pix2pix")]
    return replace(found, methods=methods, trainings=trainings)


def test_a_row_shows_one_slice_of_everything_in_one_window(four: Path, results: Results) -> None:
    (name,) = results.subjects("validation")
    figure = slices_figure(results, [name], {"pix2pix": "pix2pix"})
    panels = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in panels[:3]] == ["MR", "real CT", "pix2pix"]
    assert len(panels) == 2 * 3  # two heights
    for panel in panels[1:3] + panels[4:]:
        assert panel.images[0].get_clim() == (-400, 1200)

    subject = read_subject(four, name)
    sct = read_volume(results.study / "fold-1" / "results" / "pix2pix" / name / "sct.nii.gz", "HU")
    inside = np.argwhere(subject.head.voxels & subject.covered.voxels)
    low, high = inside.min(axis=0), inside.max(axis=0)
    k = low[2] + round(0.35 * (high[2] - low[2]))
    for panel, volume in ((panels[1], subject.ct), (panels[2], sct)):
        # front above, the patient's right on the left, two voxels around the head's box
        i, j = (slice(max(a - 2, 0), b + 3) for a, b in zip(low[:2], high[:2], strict=True))
        assert volume.affine[0, 0] > 0 and volume.affine[1, 1] > 0
        expected = volume.voxels[i, j, k][::-1, ::-1].T
        np.testing.assert_array_equal(panel.images[0].get_array(), expected)


def test_curves_of_two_players_have_a_panel_each(results: Results) -> None:
    figure = curves_figure(results.trainings)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [a.get_title() for a in shown] == [
        "Validation error",
        "Discriminator, pix2pix",
        "Discriminator, pix2pix-boost",
    ]
    (line, _) = shown[0].get_lines()
    points = results.trainings[0].curves
    np.testing.assert_allclose(line.get_ydata(), [p.validation_mae for p in points])


def test_only_what_is_finished_is_drawn_and_what_is_stale_goes(results: Results) -> None:
    folder = results.study / "figures"
    folder.mkdir(exist_ok=True)
    (folder / "modern.png").touch()
    pictures = write_figures(results)
    assert [p.file for p in pictures] == ["section-4.3.png", "learning-curves.png"]
    assert sorted(p.name for p in folder.iterdir()) == ["learning-curves.png", "section-4.3.png"]
    assert "−400 to 1200 HU" in pictures[0].caption
    assert "heads" in pictures[0].caption
