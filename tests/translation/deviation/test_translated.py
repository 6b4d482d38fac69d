"""A standard deviation on the MR's own grid, beside an sCT that it does not change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mrtoct.errors import BundleError
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.prepare.intensity import HuWindow
from mrtoct.prepare.mask import head_mask_mr
from mrtoct.prepare.store import read_subject
from mrtoct.resample import resample
from mrtoct.translation.bundle import Bundle, read_bundle, write_bundle
from mrtoct.translation.deviation.model import DeviationModel, local_contrast
from mrtoct.translation.geometry import Slices
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume
from volumes import oblique_grid

SMALL = UNetConfig(width=3, depth=3)
MODEL = DeviationModel(
    floors=(40.0, 200.0, 90.0, 30.0, 20.0, 80.0, 120.0, 200.0, 300.0), surroundings=0.3, spread=0.8
)
BUNDLE = Bundle(
    SMALL, ("mr",), (4.0, 4.0, 4.0), Slices((48, 48)), window=HuWindow(-1000, 2000), deviation=MODEL
)


class Line(nn.Module):
    """Stands in for a network: bright where the MR is, in every slice alike."""

    config = SMALL

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.5))

    def forward(self, image: Tensor) -> Tensor:
        return self.slope * image + 0.1


def translator(bundle: Bundle = BUNDLE) -> Translator:
    torch.manual_seed(4)
    return Translator(bundle, UNet(SMALL), torch.device("cpu"))


@pytest.fixture(scope="module")
def mr(tiny_store: Path) -> Volume:
    return read_subject(tiny_store, "head1").mr


def test_it_is_the_formula_on_the_head_and_zero_outside(mr: Volume) -> None:
    sct, deviation = translator().translate_with_deviation(mr)
    np.testing.assert_array_equal(sct.voxels, translator().translate(mr).voxels)
    assert deviation.grid.matches(mr.grid)
    assert (deviation.voxels.dtype, deviation.unit) == (np.int16, "HU")
    head = head_mask_mr(mr).voxels
    np.testing.assert_array_equal(deviation.voxels > 0, head)
    assert (deviation.voxels[~head] == 0).all()
    # With one floor for all tissues, and no views, it can be worked out from the sCT alone.
    flat = replace(MODEL, floors=(25.0,) * 9, spread=0.0)
    sct, deviation = translator(replace(BUNDLE, deviation=flat)).translate_with_deviation(mr)
    contrast = local_contrast(sct.voxels, mr.spacing, flat.radius)
    expected = np.sqrt(25.0**2 + (0.3 * contrast) ** 2)
    # Away from the cut: the network answers outside the head, too, the sCT is cut there.
    core = np.abs(mr.grid.to_world(np.argwhere(head)) - mr.grid.center).max(axis=1) < 30
    index = tuple(np.argwhere(head)[core].T)
    np.testing.assert_allclose(deviation.voxels[index], expected[index], atol=1.5)


def test_what_is_never_sure_is_at_least_one_hu_in_the_head(mr: Volume) -> None:
    sure = DeviationModel(floors=(0.0,) * 9, surroundings=0.0, spread=0.0)
    _, deviation = translator(replace(BUNDLE, deviation=sure)).translate_with_deviation(mr)
    np.testing.assert_array_equal(deviation.voxels, head_mask_mr(mr).voxels.astype(np.int16))


def test_an_oblique_thick_scan_gets_its_own_grid(mr: Volume) -> None:
    center = mr.grid.center
    grid = oblique_grid((41, 43, 19), (4.3, 4.1, 8.0), (9, -6, 14), (1, -1, 1))
    affine = grid.affine.copy()
    affine[:3, 3] += center - grid.center
    oblique = resample(mr, type(grid)(grid.shape, affine), fill=0.0)
    even = replace(BUNDLE, deviation=replace(MODEL, floors=(20.0,) * 9))
    line = Translator(even, Line(), torch.device("cpu"))  # type: ignore[arg-type]
    sct, deviation = line.translate_with_deviation(oblique)
    assert deviation.grid.matches(oblique.grid)
    np.testing.assert_array_equal(sct.voxels, line.translate(oblique).voxels)
    # The same head, so about the same deviations in the same places of the world.
    _, upright = line.translate_with_deviation(mr)
    moved = resample(upright, oblique.grid, fill=0.0).voxels
    both = (deviation.voxels > 0) & (moved > 20)
    assert both.sum() > 3_000
    found, before = deviation.voxels[both].astype(float), moved[both].astype(float)
    assert np.corrcoef(found, before)[0, 1] > 0.7
    assert found.mean() == pytest.approx(before.mean(), rel=0.1)
    _, elsewhere = line.translate_with_deviation(oblique, onto=mr.grid)
    assert elsewhere.grid.matches(mr.grid)


def test_a_bundle_keeps_the_numbers(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b", BUNDLE, UNet(SMALL).state_dict())
    assert read_bundle(tmp_path / "b")[0].deviation == MODEL
    write_bundle(tmp_path / "bare", replace(BUNDLE, deviation=None), UNet(SMALL).state_dict())
    assert read_bundle(tmp_path / "bare")[0].deviation is None


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"surroundings": 0.3', '"surroundings": -2', "surroundings must be finite and at least 0"),
        ('"floors"', '"ceilings"', "unknown key .*ceilings"),
        ('"spread": 0.8', '"spread": "much"', "must be a valid number"),
    ],
)
def test_a_damaged_bundle_says_so(tmp_path: Path, before: str, after: str, message: str) -> None:
    write_bundle(tmp_path / "b", BUNDLE, UNet(SMALL).state_dict())
    file = tmp_path / "b" / "bundle.json"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    with pytest.raises(BundleError, match=message) as caught:
        read_bundle(tmp_path / "b")
    assert str(file) in str(caught.value)
