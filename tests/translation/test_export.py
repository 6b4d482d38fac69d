"""A model as ONNX: it makes what a translation makes, also of sizes it was not exported with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mrtoct.errors import BundleError, FileError
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.head_unet import HeadUNetConfig
from mrtoct.networks.residual_encoder import ResidualEncoderConfig
from mrtoct.networks.unet import UNetConfig
from mrtoct.translation import export, predict_head, predict_slices
from mrtoct.translation.bundle import Bundle, network_of, write_bundle
from mrtoct.translation.export import export_onnx
from mrtoct.translation.geometry import Heads, Patches, Slices
from mrtoct.translation.predict import predict

BUNDLES = {
    "heads": Bundle(
        HeadUNetConfig(in_channels=2, widths=(8, 16), detail=4), ("T1", "T2"), (2.0,) * 3, Heads(),
        mirror=True,
    ),
    "slices": Bundle(
        UNetConfig(in_channels=3, width=4, depth=3), ("MR",), (1.0, 1.0, 3.0),
        Slices(size=(16, 32), neighbours=1), exponents=(0.8,),
    ),
    "encoder": Bundle(
        ResidualEncoderConfig(width=8, blocks=(1, 1, 1), supervised=2), ("MR",), (1.0,) * 3,
        Heads(), exponents=(0.8, 1.25),
    ),
}  # fmt: skip


def write(folder, bundle):
    torch.manual_seed(3)
    network = network_of(bundle)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    write_bundle(folder, bundle, network.state_dict())
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("kind", BUNDLES)
def test_the_file_gives_what_a_translation_gives(tmp_path, monkeypatch, kind):
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    for module in (predict_head, predict_slices):  # ours in float32, as the file is
        monkeypatch.setattr(module, "bfloat16_pays", lambda device: False)
    bundle = BUNDLES[kind]
    network = write(tmp_path / "bundle", bundle)
    made = export_onnx(tmp_path / "bundle", tmp_path / "model.onnx")
    assert made.apart < 0.1

    shape = (16, 32, 7) if kind == "slices" else (16, 32, 12)
    random = np.random.default_rng(5)
    mr = random.gamma(4, 100, (len(bundle.channels), *shape)).astype(np.float32)
    head = np.zeros(shape, dtype=np.bool_)
    head[2:-3, 3:-2, 1:-1] = True
    percentiles = [np.percentile(channel[head], (1, 99)) for channel in mr]
    low, high = np.array(percentiles, dtype=np.float32).T
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    given = {"mr": mr, "head": head.astype(np.float32), "low": low, "high": high}
    theirs = session.run(["ct"], given)[0]
    scaled = np.stack([bundle.scaling.apply(channel, head) for channel in mr])
    ours = bundle.window.to_hu(predict(network, bundle, scaled, head))
    assert ours[head].std() > 10  # not a flat picture that anything would agree with
    if kind != "slices":
        np.testing.assert_allclose(theirs, ours, atol=1.0)
    else:
        np.testing.assert_allclose(theirs[head], ours[head], atol=1.0)

    told = {entry.key: entry.value for entry in onnx.load(tmp_path / "model.onnx").metadata_props}
    assert told["spacing_mm"] == ",".join(f"{s:g}" for s in bundle.spacing)
    assert (told["low_percentile"], told["high_percentile"]) == ("1", "99")
    assert told["sides_are_multiples_of"] == ("8,8,1" if kind == "slices" else "4,4,4")


def test_what_cannot_be_exported_is_said_before_the_work(tmp_path, monkeypatch):
    patches = Bundle(ContextGeneratorConfig(), ("MR",), (1.0,) * 3, Patches())
    write(tmp_path / "patches", patches)
    with pytest.raises(BundleError, match="patch networks"):
        export_onnx(tmp_path / "patches", tmp_path / "model.onnx")
    with pytest.raises(FileError, match=r"must end in \.onnx"):
        export_onnx(tmp_path / "patches", tmp_path / "model.pt")
    monkeypatch.setattr(export, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(FileError, match=r"needs no_such_package: pip install 'mrtoct\[onnx\]'"):
        export_onnx(tmp_path / "patches", tmp_path / "model.onnx")


def test_a_file_that_differs_is_not_kept(tmp_path, monkeypatch):
    write(tmp_path / "bundle", BUNDLES["slices"])
    monkeypatch.setattr(export, "PACKAGES", ())
    monkeypatch.setattr(export, "_write_graph", lambda *_: None)
    monkeypatch.setattr(export, "_add_metadata", lambda _, out, *__: out.write_bytes(b"graph"))
    monkeypatch.setattr(export, "_difference", lambda *_: 1.5)
    with pytest.raises(BundleError, match=r"differs by 1\.5 HU from it; not kept"):
        export_onnx(tmp_path / "bundle", tmp_path / "model.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
