"""Learning without pairs: no pair is ever shown, a step's terms, what a bundle says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mrtoct.networks.pix2pix import PatchDiscriminator, PatchDiscriminatorConfig
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.prepare.store import read_manifest, read_subject, write_manifest, write_subject
from mrtoct.sampling.slices import Batch
from mrtoct.training.curves import read_curves
from mrtoct.training.recipe import Recipe
from mrtoct.training.setting import set_up
from mrtoct.training.split import Split
from mrtoct.training.structure import histogram_loss, structure_loss
from mrtoct.training.train import train
from mrtoct.training.unpaired import Unpaired
from mrtoct.translation.bundle import read_bundle, trained_on
from mrtoct.translation.translator import Translator

HEADS = ["head1", "head2"]


def tiny(**sections: object) -> Recipe:
    base = {
        "name": "tiny",
        "data": {"spacing": [8, 8, 8], "size": [32, 32]},
        "model": {"width": 2, "depth": 3},
        "unpaired": {"width": 2},
        "training": {"steps": 4, "batch": 2, "validate_every": 2, "precision": "float32"},
    }
    return Recipe.model_validate({**base, **sections})


def learnt(store: Path, run: Path) -> dict[str, torch.Tensor]:
    one_step = {"steps": 1, "batch": 2, "precision": "float32"}
    train(store, run, tiny(training=one_step), split=Split(HEADS, [], []))
    return read_bundle(run / "last")[1].state_dict()


def test_the_other_image_of_each_subject_changes_nothing(tiny_store: Path, tmp_path: Path) -> None:
    """Of the two heads one gives its MR, one its CT: each image is mirrored in turn.

    Exactly two of the four change what is learnt, and they are of different subjects.
    """
    as_it_is = learnt(tiny_store, tmp_path / "run")
    changes = {}
    for name in HEADS:
        for kind in ("mr", "ct"):
            store = tmp_path / f"{name}-{kind}"
            for one in HEADS:
                subject = read_subject(tiny_store, one)
                if one == name:
                    volume = subject.mr if kind == "mr" else subject.ct
                    spoilt = volume.with_voxels(np.flip(volume.voxels, 0).copy())
                    if kind == "mr":
                        subject = replace(subject, channels={"mr": spoilt})
                    else:
                        subject = replace(subject, ct=spoilt)
                write_subject(store, subject)
            write_manifest(store, read_manifest(tiny_store))
            found = learnt(store, tmp_path / f"run-{name}-{kind}")
            changes[name, kind] = any(not torch.equal(found[k], as_it_is[k]) for k in found)
    seen = {key for key, changed in changes.items() if changed}
    assert seen in ({("head1", "mr"), ("head2", "ct")}, {("head1", "ct"), ("head2", "mr")})


def test_a_step_is_its_terms_written_out() -> None:
    recipe = tiny()
    assert recipe.unpaired is not None

    def learner() -> tuple[UNet, PatchDiscriminator, Unpaired]:
        torch.manual_seed(0)
        generator = UNet(UNetConfig(width=2, depth=3, dropout=0.0))
        critic = PatchDiscriminator(PatchDiscriminatorConfig(in_channels=1, width=2, depth=3))
        fabric, _ = set_up("float32", 2)
        assert recipe.unpaired is not None
        return generator, critic, Unpaired(generator, critic, recipe, recipe.unpaired, fabric)

    generator = torch.Generator().manual_seed(1)
    mr, ct = torch.rand(2, 4, 1, 32, 32, generator=generator)
    mr[2:], ct[:2] = 0, 0
    one = torch.ones_like(ct)
    batch = Batch(mr, ct, one, one, torch.zeros_like(ct))
    network, critic, _ = learner()
    network.train()
    made = network(mr[:2])
    terms = recipe.unpaired
    anchors = terms.structure * structure_loss(made, mr[:2], one[:2])
    anchors = anchors + terms.histogram * histogram_loss(made, one[:2], ct[2:], one[2:])
    judged = ((critic(ct[2:]) - 1) ** 2).mean() / 2 + (critic(made) ** 2).mean() / 2

    *_, own = learner()
    figures = own.step(batch)
    assert figures["train_loss"].item() == pytest.approx(anchors.item(), rel=1e-4)
    assert figures["discriminator_loss"].item() == pytest.approx(judged.item(), rel=1e-4)
    assert figures["score_real"].item() == pytest.approx(critic(ct[2:]).mean().item(), rel=1e-4)
    # The CT of heads that give their MR and the MR of heads that give their CT are not looked at.
    *_, other = learner()
    both = replace(batch, mr=torch.cat([mr[:2], one[2:]]), ct=torch.cat([one[:2], ct[2:]]))
    assert other.step(both) == figures


def test_it_trains_translates_and_says_that_it_learnt_without_pairs(
    tiny_store: Path, tmp_path: Path
) -> None:
    best = train(tiny_store, tmp_path / "run", tiny(), split=Split(HEADS, [], HEADS[:1]))
    points = read_curves(tmp_path / "run")
    assert points[-1].validation_mae is None and points[-1].score_fake is not None
    bundle, _ = read_bundle(best)
    assert trained_on(bundle.provenance) == "2 subjects, recipe tiny, without pairs"
    mr = read_subject(tiny_store, "head1").mr
    translator = Translator.load(best)
    kinds = {finding.kind: finding.weight for finding in translator.doubts(mr)}
    assert kinds["without-pairs"] == "note"
    sct = translator.translate(mr)
    assert sct.grid.matches(mr.grid) and np.isfinite(sct.voxels).all()


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"loss": [{"term": "mse"}]}, "leave loss out"),
        ({"focus": {"bone": 1.0}}, "leave focus out"),
        ({"adversarial": {}}, "leave adversarial out"),
        ({"model": {"kind": "context"}}, "transverse slices, got a context"),
        (
            {"data": {"spacing": [8, 8, 8], "size": [32, 32], "planes": ["coronal"]}},
            "transverse slices, got a unet and coronal",
        ),
    ],
)
def test_what_would_need_a_pair_is_refused(sections: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        tiny(**sections)
