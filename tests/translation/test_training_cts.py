"""What a bundle says of the CTs that it learnt from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from mrtoct.io.calibration import UNKNOWN, CtCalibration
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.phantom import TINY, make_subject
from mrtoct.prepare.store import write_subject
from mrtoct.prepare.subject import PrepareSettings, RawSubject, prepare_subject
from mrtoct.properties.bone_hu import BoneHu
from mrtoct.translation.bundle import Bundle, read_bundle, write_bundle
from mrtoct.translation.geometry import Slices
from mrtoct.translation.training_cts import TrainingCts, cts_in

AT_120 = CtCalibration(120.0, "H30s", "Siemens")
AT_100 = CtCalibration(100.0, "H30s", "Siemens")


def test_bone_and_calibrations_come_from_the_subjects_of_the_store(tmp_path: Path) -> None:
    halves = []
    for name, calibration in (("a", AT_120), ("b", AT_100), ("c", AT_120)):
        head = make_subject(ord(name), TINY)
        raw = RawSubject(
            name, {"mr": head.mr["T1"]}, head.ct, head.ct_to_mr, calibration=calibration
        )
        made = prepare_subject(raw, PrepareSettings(spacing=(6, 6, 6), judge_given=False))
        write_subject(tmp_path, made)
        bone = made.ct.voxels[made.head.voxels & (made.ct.voxels > 300)]
        halves.append(round(float(np.percentile(bone, 50)), 1))
    found = cts_in(tmp_path, ["a", "b", "c"])
    assert found.calibrations == (AT_100, AT_120)
    assert found.calibration == CtCalibration(None, "H30s", "Siemens")
    assert found.bone is not None
    assert found.bone.cts == 3
    assert found.bone.median == (min(halves), max(halves))
    assert cts_in(tmp_path, ["a", "c"]).calibration == AT_120


def test_in_words() -> None:
    assert str(TrainingCts()) == "simulated"
    assert str(TrainingCts((UNKNOWN,))) == "not known"
    assert str(TrainingCts((AT_100, AT_120))) == (
        "100 kVp, kernel H30s, Siemens; 120 kVp, kernel H30s, Siemens"
    )
    many = tuple(CtCalibration(float(kvp)) for kvp in (80, 90, 100, 110, 120, 130))
    assert str(TrainingCts(many)) == "80 kVp; 90 kVp; 100 kVp; 110 kVp; and 2 others"


def test_a_bundle_keeps_it_and_one_made_before_is_read_without(tmp_path: Path) -> None:
    config = UNetConfig(width=3, depth=3)
    bundle = Bundle(config, ("mr",), (6.0, 6.0, 6.0), Slices((32, 48)))
    cts = TrainingCts((AT_120,), BoneHu(2, (900.0, 1000.0), (1300.0, 1500.5)))
    write_bundle(tmp_path / "new", replace(bundle, cts=cts), UNet(config).state_dict())
    assert read_bundle(tmp_path / "new")[0].cts == cts
    write_bundle(tmp_path / "old", bundle, UNet(config).state_dict())
    path = tmp_path / "old" / "bundle.json"
    record = json.loads(path.read_text())
    assert record["translator"].pop("cts") is None
    path.write_text(json.dumps(record))
    (path.parent / "SHA256SUMS").unlink()  # nor were there sums
    assert read_bundle(tmp_path / "old")[0].cts is None
