"""Structures that a network finds in two CTs, with one that tells them by known HU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from mrtoct.cli.app import app
from mrtoct.io.files import write_volume
from mrtoct.judging.metrics.metric import STRUCTURE_METRICS
from mrtoct.judging.structures import classes_of, structure_dice
from mrtoct.networks.segmenter import CLASSES, LOW_HU, WIDTH_HU
from mrtoct.training import anatomy as anatomy_module
from mrtoct.volume import Grid, Volume
from volumes import oblique_grid

HU = dict(zip(CLASSES, (-1024, -900, 800, 35, -90, 60), strict=True))


class ByHu(nn.Module):
    """Stands in for the network: a class is whose HU is the nearest."""

    def forward(self, ct: Tensor) -> Tensor:
        assert all(n % 4 == 0 for n in ct.shape[2:])
        hu = ct * WIDTH_HU + LOW_HU
        return -torch.cat([(hu - value).abs() for value in HU.values()], dim=1)


@pytest.fixture(autouse=True)
def by_hu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anatomy_module, "segmenter_on", lambda *_: ByHu())


def head(shift: int = 0) -> np.ndarray:
    """Boxes of each class in a row along I; shift moves brain's first plane into bone."""
    hu = np.full((33, 21, 17), -1024, dtype=np.int16)
    names = ("air", "bone", "brain", "fat", "soft tissue")
    for n, name in enumerate(names):
        hu[4 + 5 * n : 9 + 5 * n, 3:18, 2:15] = HU[name]
    hu[14 : 14 + shift, 3:18, 2:15] = HU["bone"]
    return hu


GRID = Grid((33, 21, 17), np.eye(4))


def test_odd_sides_are_filled_and_cut_again() -> None:
    found = classes_of(head())
    assert found.shape == (33, 21, 17)
    assert [int(found[n, 8, 8]) for n in (0, 4, 9, 14, 19, 24)] == [0, 1, 2, 3, 4, 5]


def test_the_dice_of_each_structure() -> None:
    ct, sct = Volume(head(), GRID, "HU"), Volume(head(2), GRID, "HU")
    mask = Volume((head() > -1024).astype(np.uint8), GRID, "label")
    found = structure_dice(sct, ct, mask)
    assert list(found) == list(STRUCTURE_METRICS)
    assert found["structures.bone"] == pytest.approx(2 * 5 / (5 + 7))
    assert found["structures.brain"] == pytest.approx(2 * 3 / (5 + 3))
    assert found["structures.fat"] == 1
    without = mask.with_voxels(np.where(np.abs(head() - HU["fat"]) < 1, 0, mask.voxels), "label")
    assert np.isnan(structure_dice(sct, ct, without)["structures.fat"])


def test_what_was_not_measured_does_not_count() -> None:
    measured = np.ones(GRID.shape, dtype=np.bool_)
    measured[14:16] = False
    sct = Volume(head(2), GRID, "HU", measured)
    mask = Volume((head() > -1024).astype(np.uint8), GRID, "label")
    found = structure_dice(sct, Volume(head(), GRID, "HU"), mask)
    assert found["structures.bone"] == found["structures.brain"] == 1


def test_other_grids_are_looked_at_upright_at_1_mm() -> None:
    grid = oblique_grid((24, 22, 20), (1.6, 1.4, 1.8), (8.0, -5.0, 11.0), (1, 1, 1))
    index = np.indices(grid.shape)
    hu = np.where(index[0] < 12, 800, 35).astype(np.int16)
    other = np.where(index[0] < 15, 800, 35).astype(np.int16)
    mask = Volume(np.ones(grid.shape, np.uint8), grid, "label")
    found = structure_dice(Volume(other, grid, "HU"), Volume(hu, grid, "HU"), mask)
    assert found["structures.bone"] == pytest.approx(2 * 12 / (12 + 15), abs=0.03)


def test_evaluate_shows_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anatomy_module, "require_segmenter", lambda: None)
    paths = [tmp_path / f"{name}.nii.gz" for name in ("sct", "ct", "mask")]
    write_volume(paths[0], Volume(head(2), GRID, "HU"))
    write_volume(paths[1], Volume(head(), GRID, "HU"))
    write_volume(paths[2], Volume((head() > -1024).astype(np.uint8), GRID, "label"))
    words = ["evaluate", str(paths[0]), str(paths[1]), "--mask", str(paths[2])]

    def measured(*more: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*words, "--json", *more])
        assert result.exit_code == 0, result.output
        values: dict[str, Any] = json.loads(result.stdout)["measured"]
        return values

    assert measured("--structures")["structures.bone"] == pytest.approx(10 / 12)
    assert "structures.bone" not in measured()
    table = CliRunner().invoke(app, [*words, "--structures"]).stdout
    assert "Dice, brain segmented" in table
    assert "Dice, brain segmented" not in CliRunner().invoke(app, words).stdout
