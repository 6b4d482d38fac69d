"""Bundles: alone they rebuild the network; whatever is wrong with one is one clear sentence."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from mrtoct.errors import BundleError, FileError, MrtoctError
from mrtoct.hardware.devices import device_named
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.translation.bundle import Bundle, read_bundle, read_description, write_bundle

CONFIG = UNetConfig(width=3, depth=3, dropout=0.25, output="linear")
BUNDLE = Bundle(
    model=CONFIG,
    channels=("mr",),
    spacing=(0.7, 0.8, 1.5),
    size=(72, 40),
    window=HuWindow(-1000, 2000),
    scaling=MrScaling(2, 97, 1.25),
    provenance={"recipe": {"name": "t"}, "step": 7},
    validation={"mae_hu": 81.5},
)


def trained() -> UNet:
    """A network whose every tensor, batch norm statistics too, is unlike a fresh one's."""
    torch.manual_seed(5)
    network = UNet(CONFIG)
    for tensor in network.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape) + 0.1 if tensor.is_floating_point() else 9)
    return network.eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "b", BUNDLE, trained().state_dict())
    return tmp_path / "b"


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads((folder / "bundle.json").read_text())
    change(record)
    (folder / "bundle.json").write_text(json.dumps(record))


def problem(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def test_a_bundle_alone_rebuilds_the_network(folder: Path) -> None:
    image = torch.rand(2, 1, 32, 48)
    with torch.no_grad():
        expected = trained()(image)
    bundle, network = read_bundle(str(folder))
    assert bundle == BUNDLE
    assert not network.training
    with torch.no_grad():
        assert torch.equal(network(image), expected)
    for name, tensor in trained().state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor), name


def test_it_is_json_and_safetensors_and_nothing_else(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(p.name for p in folder.iterdir()) == ["bundle.json", "weights.safetensors"]
    content = (folder / "weights.safetensors").read_bytes()
    header = int.from_bytes(content[:8], "little")
    assert set(json.loads(content[8 : 8 + header])) >= set(trained().state_dict())

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle")

    for name in ("pickle.load", "pickle.loads", "pickle.Unpickler", "torch.load"):
        monkeypatch.setattr(name, refuse)
    read_bundle(folder)


def test_weights_in_another_memory_format_or_on_a_view_are_stored_whole(tmp_path: Path) -> None:
    network = trained().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    write_bundle(tmp_path / "b", BUNDLE, network.state_dict())
    _, read = read_bundle(tmp_path / "b")
    for name, tensor in network.state_dict().items():
        assert torch.equal(read.state_dict()[name], tensor)


def test_an_existing_bundle_is_replaced_only_when_asked(folder: Path) -> None:
    other = Bundle(model=CONFIG, channels=("mr",), spacing=(1, 1, 1), size=(8, 8))
    with pytest.raises(FileError, match="exists already"):
        write_bundle(folder, other, trained().state_dict())
    assert read_bundle(folder)[0] == BUNDLE
    write_bundle(folder, other, trained().state_dict(), overwrite=True)
    assert read_bundle(folder)[0] == other


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"spacing": (1.0, 0.0, 1.0)}, r"spacing must be positive, got \[1.0, 0.0, 1.0\]"),
        ({"spacing": (1.0, float("nan"), 1.0)}, "spacing must be positive"),
        ({"size": (64, 12)}, r"size must be positive multiples of 8, got \[64, 12\]"),
        ({"size": (0, 8)}, "size must be positive multiples"),
        ({"planes": ("axial",)}, r"planes must be some of .*, got \['axial'\]"),
        ({"planes": ("coronal",), "spacing": (1.0, 1.0, 3.0)}, "need the same spacing"),
        (
            {"model": ContextGeneratorConfig(width=1), "planes": ("coronal",)},
            "planes are for slices",
        ),
    ],
)
def test_impossible_bundles(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bundle(
            **{"model": CONFIG, "channels": ("mr",), "spacing": (1, 1, 1), "size": (8, 8), **wrong}
        )


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    assert "is not a bundle: it holds no bundle.json" in problem(tmp_path)
    assert "is not a bundle" in problem(tmp_path / "absent")


def test_a_runs_folder_is_told_of_its_best(tmp_path: Path) -> None:
    write_bundle(tmp_path / "run" / "best", BUNDLE, trained().state_dict())
    message = problem(tmp_path / "run")
    assert message.endswith(f"did you mean {tmp_path / 'run' / 'best'}?")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"format": 1,}'])
def test_a_description_that_is_not_json(folder: Path, content: bytes) -> None:
    (folder / "bundle.json").write_bytes(content)
    assert "bundle.json is damaged" in problem(folder)


@pytest.mark.parametrize(
    ("content", "found"),
    [("[1, 2]", "None"), ("{}", "None"), ('{"format": 1}', "1"), ("3", "None")],
)
def test_another_format(folder: Path, content: str, found: str) -> None:
    (folder / "bundle.json").write_text(content)
    assert f"bundle.json has format {found}; this version reads 2" in problem(folder)


def test_planes_come_back_and_are_transverse_in_older_bundles(tmp_path: Path) -> None:
    planes = ("sagittal", "transverse")
    bundle = replace(BUNDLE, spacing=(0.8, 0.8, 0.8), planes=planes)
    write_bundle(tmp_path / "b", bundle, trained().state_dict())
    assert read_bundle(tmp_path / "b")[0].planes == planes
    edit(tmp_path / "b", lambda record: record.pop("planes"))
    assert read_bundle(tmp_path / "b")[0] == replace(bundle, planes=("transverse",))


@pytest.mark.parametrize(
    "key",
    ["model", "spacing_mm", "size", "hu_window", "mr_scaling", "provenance", "validation"],
)
def test_a_missing_key_is_named(folder: Path, key: str) -> None:
    edit(folder, lambda record: record.pop(key))
    assert problem(folder).endswith(f"bundle.json is damaged: '{key}' is missing")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", 3),
        ("model", {"kind": "unet", "width": "64"}),
        ("model", {"kind": "unet", "width": 3.5}),
        ("model", {"kind": "unet", "colour": 1}),
        ("model", {"kind": "unet", "output": "softmax"}),
        ("spacing_mm", 1.0),
        ("spacing_mm", [1, 2]),
        ("spacing_mm", [1, 2, "x"]),
        ("spacing_mm", [1, 2, None]),
        ("spacing_mm", [1, 2, 0]),
        ("size", [64]),
        ("size", [64, 12]),
        ("size", None),
        ("planes", 3),
        ("planes", "sagittal"),
        ("planes", ["transverse", "transverse"]),
        ("hu_window", {"low": 3, "high": 2}),
        ("hu_window", {"low": "a", "high": 2}),
        ("hu_window", [1, 2]),
        ("mr_scaling", {"floor": 1}),
        ("mr_scaling", None),
        ("provenance", 3),
        ("validation", "good"),
    ],
)
def test_a_value_of_the_wrong_kind(folder: Path, key: str, value: object) -> None:
    edit(folder, lambda record: record.update({key: value}))
    assert "bundle.json is damaged: " in problem(folder)


def test_an_unknown_kind_of_model(folder: Path) -> None:
    edit(folder, lambda record: record["model"].update(kind="transformer"))
    assert (
        "holds a model of kind 'transformer'; this version knows unet, residual_unet, context"
        in problem(folder)
    )
    edit(folder, lambda record: record["model"].pop("kind"))
    assert "'kind' is missing" in problem(folder)


def test_weights_missing_truncated_or_edited(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    content = weights.read_bytes()
    for damaged in (content[:-1], content[:100], b"", content[:-1] + bytes([content[-1] ^ 1])):
        weights.write_bytes(damaged)
        assert "weights.safetensors is damaged: its checksum" in problem(folder)
    weights.unlink()
    assert problem(folder).endswith("weights.safetensors is missing")


def test_damaged_weights_whose_checksum_was_made_to_fit(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    for content in (weights.read_bytes()[:-1], b"", b"\x80\x04pickle"):
        weights.write_bytes(content)
        edit(folder, lambda r, c=content: r.update(weights_sha256=hashlib.sha256(c).hexdigest()))
        assert "does not fit bundle.json" in problem(folder)


@pytest.mark.parametrize("change", [{"width": 4}, {"depth": 4}, {"in_channels": 2}])
def test_weights_of_another_network(folder: Path, change: dict[str, int]) -> None:
    edit(folder, lambda record: record["model"].update(change))
    edit(folder, lambda record: record.update(size=[64, 64]))
    if "in_channels" in change:
        edit(folder, lambda record: record.update(channels=["T1", "T2"]))
    assert "weights.safetensors does not fit bundle.json" in problem(folder)


def test_a_tensor_too_few(folder: Path) -> None:
    tensors = trained().state_dict()
    tensors.pop("last.bias")
    safetensors.torch.save_file(tensors, folder / "weights.safetensors")
    checksum = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    edit(folder, lambda record: record.update(weights_sha256=checksum))
    message = problem(folder)
    assert "does not fit" in message
    assert "last.bias" in message


def test_the_description_can_be_read_alone(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    record = read_description(folder)
    assert record["model"] == {
        "kind": "unet", "in_channels": 1, "out_channels": 1,
        "width": 3, "depth": 3, "dropout": 0.25, "output": "linear",
    }  # fmt: skip
    assert record["spacing_mm"] == [0.7, 0.8, 1.5]
    assert record["hu_window"] == {"low": -1000, "high": 2000}


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "tpu", "meta"])
def test_an_unknown_device(name: str) -> None:
    with pytest.raises(MrtoctError, match=f"device '{name}' is not available here; allowed: auto"):
        device_named(name)


def test_known_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_named("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_named("auto") == torch.device("cpu")
