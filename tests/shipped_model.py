"""A bundle that stands in for the shipped one: the same kind of network, random weights."""

from __future__ import annotations

from pathlib import Path

import torch

from mrtoct.networks.head_unet import HeadUNet, HeadUNetConfig
from mrtoct.translation.bundle import Bundle, write_bundle
from mrtoct.translation.deviation.model import KNOTS, DeviationModel
from mrtoct.translation.geometry import Heads

CONFIG = HeadUNetConfig(widths=(8, 16), detail=4)
PROVENANCE = {
    "name": "head",
    "version": "0.9-test",
    "trained_on": "nothing at all",
    "intended_use": "Tests of mrtoct, and nothing else.",
}


def write_shipped(folder: Path, spacing: float = 4.0) -> Path:
    """Write folder/head and return folder: the FOLDER of shipped models, for a test."""
    torch.manual_seed(7)
    network = HeadUNet(CONFIG)
    torch.nn.init.normal_(network.last.weight, std=0.1)  # a CT with bright and dark places
    flat = DeviationModel(floors=(20.0,) * len(KNOTS), surroundings=0.1, spread=1.0)
    bundle = Bundle(
        CONFIG, ("MR",), (spacing,) * 3, Heads(), provenance=dict(PROVENANCE), deviation=flat
    )  # fmt: skip
    write_bundle(folder / "head", bundle, network.state_dict(), half=True)
    return folder
