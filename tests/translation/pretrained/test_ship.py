from dataclasses import replace

import numpy as np
import pytest
import torch

from layered_head import BIG, layered_head
from mrtoct.errors import BundleError
from mrtoct.translation.bundle import read_bundle, write_bundle
from mrtoct.translation.guard.collect import seen_of
from mrtoct.translation.pretrained.ship import FACTS, ship
from mrtoct.volume import Grid, Volume
from shipped_model import write_shipped

TOLD = dict.fromkeys(FACTS, "told") | {"name": "head"}


@pytest.fixture
def bundle(tmp_path):
    """A bundle as a training leaves it: in full precision, with what its training looked like."""
    description, network = read_bundle(write_shipped(tmp_path / "made") / "head")
    tissue = layered_head(BIG)
    i, j, k = tissue.shape
    mr = Volume(np.float32(20) * tissue, Grid((i, j, k), np.eye(4)), "a.u.")
    description = replace(description, seen=seen_of([mr], channel="MR"))
    write_bundle(tmp_path / "whole", description, network.state_dict())
    return tmp_path / "whole"


def test_a_shipped_bundle_is_half_as_large_and_keeps_what_it_computes(bundle, tmp_path):
    target = ship(bundle, TOLD, folder=tmp_path / "package")
    assert target == tmp_path / "package" / "head"
    _, before = read_bundle(bundle)
    shipped, after = read_bundle(target)
    assert all(shipped.provenance[name] == TOLD[name] for name in FACTS)
    for name, weight in before.state_dict().items():
        torch.testing.assert_close(after.state_dict()[name], weight.half().float(), rtol=0, atol=0)
    size = (target / "weights.safetensors").stat().st_size
    weights = sum(w.numel() for w in before.state_dict().values())
    assert 2 * weights < size < 2 * weights + 20_000


@pytest.mark.parametrize("missing", FACTS)
def test_a_fact_that_is_missing_is_named(bundle, tmp_path, missing):
    with pytest.raises(BundleError, match=missing):
        ship(bundle, {**TOLD, missing: ""}, folder=tmp_path)


def test_a_bundle_without_deviations_is_not_shipped(bundle, tmp_path):
    description, network = read_bundle(bundle)
    write_bundle(tmp_path / "bare", replace(description, deviation=None), network.state_dict())
    with pytest.raises(BundleError, match="lacks its deviations"):
        ship(tmp_path / "bare", TOLD, folder=tmp_path)
