"""mrtoct translate --model A,B, as typed."""

from __future__ import annotations

import json
import shutil

import numpy as np
import safetensors.torch

from mrtoct.io.files import read_volume
from mrtoct.translation.bundle import read_bundle, write_bundle


def other(best, folder):
    """A bundle like another, whose CT is brighter: its last bias is moved."""
    bundle, _ = read_bundle(best)
    weights = safetensors.torch.load_file(best / "weights.safetensors")
    weights["last.bias"] += 0.5
    write_bundle(folder, bundle, weights)
    return folder


def test_several_models_and_their_spread(made, mrtoct, tmp_path):
    models = [made.best, other(made.best, tmp_path / "other")]
    hu, sd = [], []
    for name, model in (("a", models[0]), ("b", models[1]), ("both", f"{models[0]},{models[1]}")):
        paths = [tmp_path / f"{name}.nii.gz", tmp_path / f"{name}-sd.nii.gz"]
        result = mrtoct("translate", made.mr, paths[0], "--model", model, "--uncertainty", paths[1])
        assert result.status == 0, result.err
        hu.append(read_volume(paths[0], "HU").voxels.astype(float))
        sd.append(read_volume(paths[1], "HU").voxels.astype(float))
    inside = sd[0] > 2
    assert np.abs(hu[1] - hu[0])[inside].mean() > 50
    np.testing.assert_allclose(hu[2], (hu[0] + hu[1]) / 2, atol=1.01)
    wanted = np.sqrt((sd[0] ** 2 + sd[1] ** 2) / 2 + ((hu[0] - hu[1]) / 2) ** 2)[inside]
    # Variances are added on the models' grid and resampled as deviations.
    assert np.median(np.abs(sd[2][inside] / wanted - 1)) < 0.02


def test_what_does_not_fit_is_one_sentence(made, mrtoct, tmp_path):
    sct = tmp_path / "sct.nii.gz"
    odd = tmp_path / "odd"
    shutil.copytree(made.best, odd)
    record = json.loads((odd / "bundle.json").read_text())
    record["translator"]["channels"] = ["T1"]
    (odd / "bundle.json").write_text(json.dumps(record))
    for name in ("SHA256SUMS", "seen.json"):
        (odd / name).unlink()
    said = mrtoct("translate", made.mr, sct, "--model", f"{made.best},{odd}").sentence
    assert "cannot be combined: one was trained with MR channels" in said
    said = mrtoct("translate", made.mr, sct, "--model", f"{made.best},nowhere").sentence
    assert "mrtoct ships no model 'nowhere'" in said
    assert not sct.exists()


def test_a_comma_in_a_folders_name(made, mrtoct, tmp_path):
    shutil.copytree(made.best, tmp_path / "a,b")
    result = mrtoct("translate", made.mr, tmp_path / "s.nii.gz", "--model", tmp_path / "a,b")
    assert result.status == 0, result.err
