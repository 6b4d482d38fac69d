"""Ensembles: the mean of models whose answers are known, and a variance computed by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mrtoct.errors import BundleError, ValueRangeError
from mrtoct.io.calibration import CtCalibration
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.phantom import TINY, make_subject
from mrtoct.prepare.intensity import HuWindow
from mrtoct.properties.bone_hu import BoneHu
from mrtoct.translation.bundle import Bundle, write_bundle
from mrtoct.translation.deviation.model import KNOTS, DeviationModel
from mrtoct.translation.ensemble import together
from mrtoct.translation.geometry import Slices
from mrtoct.translation.training_cts import TrainingCts
from mrtoct.translation.translator import Translator
from mrtoct.volume import Volume

SMALL = UNetConfig(width=3, depth=3)
CPU = torch.device("cpu")


class Constant(nn.Module):
    """Answers one number everywhere."""

    config = SMALL

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, image: Tensor) -> Tensor:
        return self.value.expand(len(image), 1, *image.shape[2:])


def bundle(sd: float | None = 30.0, **settings: object) -> Bundle:
    model = None if sd is None else DeviationModel((sd,) * len(KNOTS), 0.0, 0.0)
    plain = Bundle(
        SMALL, ("mr",), (2.0,) * 3, Slices((48, 40)), window=HuWindow(-1000, 1000), deviation=model
    )
    return replace(plain, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def mr() -> Volume:
    return make_subject([1, 0], TINY).mr["T1"]


def ensemble(*models: tuple[Bundle, float]) -> Translator:
    (first, value), *others = models
    return Translator(first, Constant(value), CPU, further=[(b, Constant(v)) for b, v in others])


def test_the_mean_and_the_variance_of_the_mixture(mr: Volume) -> None:
    """0.5, 0.6 and 0.9 of -1000 to 1000 HU are 0, 200 and 800; their own deviations 30, 60, 20."""
    three = ensemble((bundle(30.0), 0.5), (bundle(60.0), 0.6), (bundle(20.0), 0.9))
    sct, deviation = three.translate_with_deviation(mr)
    inside = sct.voxels > -1024
    assert inside.mean() > 0.1
    assert set(np.unique(sct.voxels[inside])) == {333}
    hu = np.array([0.0, 200.0, 800.0])
    variance = np.mean([30.0**2, 60.0**2, 20.0**2]) + hu.var()
    assert set(np.unique(deviation.voxels[inside])) == {round(float(np.sqrt(variance)))}
    assert (deviation.voxels[~inside] == 0).all()
    np.testing.assert_array_equal(three.translate(mr).voxels, sct.voxels)


def test_models_that_agree_are_as_sure_as_each(mr: Volume) -> None:
    _, deviation = ensemble((bundle(30.0), 0.6), (bundle(30.0), 0.6)).translate_with_deviation(mr)
    assert set(np.unique(deviation.voxels)) == {0, 30}


def test_each_model_has_its_own_window(mr: Volume) -> None:
    wide = bundle(window=HuWindow(-1000, 3000))
    sct = ensemble((bundle(), 0.5), (wide, 0.5)).translate(mr)  # 0 and 1000 HU
    assert set(np.unique(sct.voxels)) == {-1024, 500}


def test_what_does_not_fit_together_is_said_in_one_sentence() -> None:
    for other, said in (
        (bundle(channels=("T1",)), "MR channels mr, the other with T1"),
        (bundle(spacing=(1.0, 1.0, 2.0)), "voxel 2 x 2 x 2 mm, the other with 1 x 1 x 2 mm"),
        (bundle(bias_corrected=True), "bias field as it was, the other with corrected"),
    ):
        with pytest.raises(BundleError) as error:
            together([bundle(), bundle(), other], ["A", "B", "C"])
        assert str(error.value) == (
            f"A and C cannot be combined: one was trained with {said}; an ensemble needs the same"
        )


def test_what_it_says_of_itself() -> None:
    sharp, soft = CtCalibration(120.0, "H60"), CtCalibration(120.0, "H30")
    bone = BoneHu(2, (400.0, 800.0), (900.0, 1400.0))
    one = bundle(
        provenance={"name": "one", "trained_on": "ten heads", "licence": "MIT"},
        cts=TrainingCts((sharp,), bone),
    )
    two = bundle(
        provenance={"recipe": {"name": "unet"}, "subjects": {"train": 7}, "licence": "MIT"},
        cts=TrainingCts((sharp, soft), bone),
    )
    both = together([one, two], ["A", "B"])
    assert both.provenance == {
        "name": "the mean of 2 models: one, B",
        "trained_on": "ten heads; 7 subjects, recipe unet",
        "licence": "MIT",
    }
    assert both.cts == TrainingCts((soft, sharp), bone)
    assert both.deviation is not None
    assert together([one, bundle(sd=None)], ["A", "B"]).deviation is None
    assert together([one, bundle()], ["A", "B"]).cts is None
    assert together([one], ["A"]) is one


def test_one_that_cannot_say_how_sure_it_is_is_named(mr: Volume) -> None:
    unsure = ensemble((bundle(), 0.5), (bundle(sd=None), 0.6))
    with pytest.raises(BundleError, match=r"^model 2: this bundle cannot estimate"):
        unsure.translate_with_deviation(mr)
    assert 100 in unsure.translate(mr).voxels  # the mean of 0 and 200 HU needs no deviation


def test_bundles_are_loaded_by_their_folders(tmp_path: Path, mr: Volume) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(folders):
        torch.manual_seed(seed)
        write_bundle(folder, bundle(), UNet(SMALL).state_dict())
    alone = [Translator.load(folder).translate(mr).voxels.astype(float) for folder in folders]
    both = Translator.load(folders).translate(mr).voxels
    assert np.abs(alone[0] - alone[1]).max() > 2
    np.testing.assert_allclose(both, (alone[0] + alone[1]) / 2, atol=1.01)  # three roundings
    assert len(Translator.load(folders).translate_stages(mr)) == 1
    with pytest.raises(ValueRangeError, match="no model is given"):
        Translator.load([])
