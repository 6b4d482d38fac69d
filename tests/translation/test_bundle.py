"""Bundles: alone they rebuild the network; whatever is wrong with one is one clear sentence."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import safetensors.torch
import torch

from mrtoct.errors import BundleError, FileError, MrtoctError
from mrtoct.hardware.devices import device_named
from mrtoct.io.records import read_record
from mrtoct.io.sums import changed_since
from mrtoct.networks.context_gan import ContextGeneratorConfig
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.prepare.intensity import HuWindow, MrScaling
from mrtoct.translation.bundle import (
    Bundle,
    BundleRecord,
    network_of,
    read_bundle,
    read_description,
    write_bundle,
)
from mrtoct.translation.geometry import Heads, Patches, Slices
from mrtoct.translation.guard.seen import SeenMr
from mrtoct.translation.pretrained.shipped import bundle_path

CONFIG = UNetConfig(width=3, depth=3, dropout=0.25, output="linear")
BUNDLE = Bundle(
    model=CONFIG,
    channels=("mr",),
    spacing=(0.7, 0.8, 1.5),
    geometry=Slices((72, 40)),
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
    change(record["translator"])
    (folder / "bundle.json").write_text(json.dumps(record))


def declare(folder: Path, weights: bytes) -> None:
    """Make the checksum in the description that of some weights."""
    record = json.loads((folder / "bundle.json").read_text())
    record["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    (folder / "bundle.json").write_text(json.dumps(record))


@pytest.mark.parametrize("value", [True, False, None])
def test_whether_mr_is_to_be_corrected_comes_back(tmp_path: Path, value: bool | None) -> None:
    """Bundles from before that do not say it."""
    write_bundle(
        tmp_path / "b", replace(BUNDLE, bias_corrected=bool(value)), trained().state_dict()
    )
    if value is None:
        edit(tmp_path / "b", lambda translator: translator.pop("bias_corrected"))
        (tmp_path / "b" / "SHA256SUMS").unlink()  # nor had they sums
    assert read_bundle(tmp_path / "b")[0].bias_corrected is bool(value)


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
    names = ["SHA256SUMS", "bundle.json", "weights.safetensors"]
    assert sorted(p.name for p in folder.iterdir()) == names
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
    other = Bundle(model=CONFIG, channels=("mr",), spacing=(1.0, 1.0, 1.0), geometry=Slices((8, 8)))
    with pytest.raises(FileError, match="exists already"):
        write_bundle(folder, other, trained().state_dict())
    assert read_bundle(folder)[0] == BUNDLE
    write_bundle(folder, other, trained().state_dict(), overwrite=True)
    assert read_bundle(folder)[0] == other


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"spacing": (1.0, 0.0, 1.0)},
            r"spacing must be three numbers of 0.2 to 10 mm, got \[1.0, 0.0, 1.0\]",
        ),
        ({"spacing": (1.0, float("nan"), 1.0)}, "spacing must be three numbers"),
        (
            {"geometry": Slices((64, 12))},
            r"size must be positive multiples of 8 for this unet, up to 4096, got \[64, 12\]",
        ),
        ({"geometry": Slices((0, 8))}, "size must be positive multiples"),
        ({"geometry": Slices((8 * 10**9, 8))}, "size must be positive multiples"),
        (
            {"geometry": Slices((8, 8), planes=("axial",))},  # type: ignore[arg-type]
            r"planes must be some of .*, got \['axial'\]",
        ),
        (
            {"geometry": Slices((8, 8), planes=("coronal",)), "spacing": (1.0, 1.0, 3.0)},
            "need the same spacing",
        ),
        ({"geometry": Slices((8, 8), 1)}, "1 input channels does not fit 1 MR channels with 1"),
        ({"channels": ("T1", "T2")}, "1 input channels does not fit 2 MR channels"),
        ({"geometry": Heads()}, "a unet sees slices, but the geometry is of heads"),
        (
            {"model": ContextGeneratorConfig(width=1), "geometry": Slices((8, 8))},
            "a context sees patches, but the geometry is of slices",
        ),
    ],
)
def test_impossible_bundles(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Bundle(
            **{
                "model": CONFIG,
                "channels": ("mr",),
                "spacing": (1.0, 1.0, 1.0),
                "geometry": Slices((8, 8)),
                **wrong,
            }
        )


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    assert "is not a bundle: it holds no bundle.json" in problem(tmp_path)
    assert "is not a bundle" in problem(tmp_path / "absent")


def test_a_runs_folder_is_told_of_its_best(tmp_path: Path) -> None:
    write_bundle(tmp_path / "run" / "best", BUNDLE, trained().state_dict())
    message = problem(tmp_path / "run")
    assert message.endswith(f"did you mean {tmp_path / 'run' / 'best'}?")


def test_any_flipped_bit_is_noticed(tmp_path: Path) -> None:
    seen = read_record(bundle_path("head"), SeenMr)
    folder = tmp_path / "b"
    write_bundle(folder, replace(BUNDLE, seen=seen), trained().state_dict())
    read_bundle(folder)
    random = Random(5)
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        for _ in range(25):
            flipped = bytearray(content)
            flipped[random.randrange(len(content))] ^= 1 << random.randrange(8)
            file.write_bytes(flipped)
            with pytest.raises(BundleError):
                read_bundle(folder)
        file.write_bytes(content)


def test_without_sums_a_bundle_of_before_is_read(folder: Path) -> None:
    edit(folder, lambda translator: translator.update(spacing=[2.0, 2.0, 2.0]))
    said = "bundle.json has changed since it was written (SHA256SUMS); train it again, or copy it"
    assert said in problem(folder)
    (folder / "SHA256SUMS").unlink()
    bundle, _ = read_bundle(folder)
    assert bundle.spacing == (2.0, 2.0, 2.0)


def test_the_shipped_bundle_has_sums() -> None:
    names = ("bundle.json", "seen.json", "weights.safetensors")
    assert (bundle_path("head") / "SHA256SUMS").is_file()
    assert changed_since(bundle_path("head"), names) == []


def test_reading_a_bundle_draws_nothing_at_random() -> None:
    """Where there is no memory behind weights, drawing them loads torch's compiler: seconds."""
    code = """
import sys, torch
from mrtoct.translation.bundle import read_bundle
from mrtoct.translation.pretrained.shipped import find_bundle
before = torch.random.get_rng_state()
read_bundle(find_bundle("head"))
assert "torch._dynamo" not in sys.modules
assert torch.equal(torch.random.get_rng_state(), before)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weights_that_are_no_numbers(folder: Path) -> None:
    weights = safetensors.torch.load_file(folder / "weights.safetensors")
    next(w for w in weights.values() if w.is_floating_point()).view(-1)[0] = float("nan")
    content = safetensors.torch.save(weights)
    (folder / "weights.safetensors").write_bytes(content)
    declare(folder, content)
    assert "weights.safetensors holds weights that are NaN or infinite" in problem(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"format": 1,}'])
def test_a_description_that_is_not_json(folder: Path, content: bytes) -> None:
    (folder / "bundle.json").write_bytes(content)
    assert "bundle.json is damaged" in problem(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1, 2]", "damaged: must be an object, got [1, 2]"),
        ("{}", "damaged: 'format' is missing"),
        ('{"format": 1}', "of format 1, and this version of mrtoct reads 3"),
        ("3", "damaged: must be an object, got 3"),
    ],
)
def test_another_format(folder: Path, content: str, said: str) -> None:
    (folder / "bundle.json").write_text(content)
    assert problem(folder).endswith(f"bundle.json is {said}; {BundleRecord.remedy}")


def test_geometries_come_back(tmp_path: Path) -> None:
    slices = Slices((8, 16), 0, ("sagittal", "transverse"))
    bundle = replace(BUNDLE, spacing=(0.8, 0.8, 0.8), geometry=slices)
    write_bundle(tmp_path / "slices", bundle, trained().state_dict())
    assert read_bundle(tmp_path / "slices")[0].geometry == slices
    patches = replace(BUNDLE, model=ContextGeneratorConfig(width=1), geometry=Patches(2, False))
    write_bundle(tmp_path / "patches", patches, network_of(patches).state_dict())
    assert read_bundle(tmp_path / "patches")[0] == patches


@pytest.mark.parametrize("key", ["model", "spacing", "geometry", "channels"])
def test_a_missing_key_is_named(folder: Path, key: str) -> None:
    edit(folder, lambda record: record.pop(key))
    assert f"bundle.json is damaged: 'translator.{key}' is missing; " in problem(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model", 3),
        ("model", {"kind": "unet", "width": "64"}),
        ("model", {"kind": "unet", "width": 3.5}),
        ("model", {"kind": "unet", "colour": 1}),
        ("model", {"kind": "unet", "output": "softmax"}),
        ("spacing", 1.0),
        ("spacing", [1, 2]),
        ("spacing", [1, 2, "x"]),
        ("spacing", [1, 2, None]),
        ("spacing", [1, 2, 0]),
        ("geometry", {"kind": "slices", "size": [64]}),
        ("geometry", {"kind": "slices", "size": [64, 12]}),
        ("geometry", {"kind": "slices", "size": None}),
        ("geometry", {"kind": "slices", "size": [64, 64], "stages": 2}),
        ("geometry", {"kind": "slices", "size": [64, 64], "planes": 3}),
        ("geometry", {"kind": "slices", "size": [64, 64], "planes": "sagittal"}),
        ("geometry", {"kind": "slices", "size": [64, 64], "planes": ["coronal", "coronal"]}),
        ("geometry", {"kind": "patches"}),
        ("geometry", {"kind": "cubes"}),
        ("geometry", {"size": [64, 64]}),
        ("window", {"low": 3, "high": 2}),
        ("window", {"low": "a", "high": 2}),
        ("window", [1, 2]),
        ("scaling", {"floor": 1}),
        ("scaling", None),
        ("seen", {}),
        ("colour", 1),
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
        "'translator.model': kind must be one of unet, residual_unet, context, head_unet, "
        "residual_encoder, got 'transformer'" in problem(folder)
    )
    edit(folder, lambda record: record["model"].pop("kind"))
    assert "kind must be one of" in problem(folder)


@pytest.mark.parametrize("key", ["depth", "width", "in_channels", "out_channels"])
def test_a_network_of_an_absurd_size_is_never_built(folder: Path, key: str) -> None:
    edit(folder, lambda record: record["model"].update({key: 499999999999}))
    assert f"'translator.model': {key} must be 1 to " in problem(folder).replace("3 to", "1 to")


def test_a_network_larger_than_its_weights_is_never_allocated(folder: Path) -> None:
    """Of 20 GB, within the bounds: what does not fit the weights takes no memory."""
    edit(folder, lambda record: record["model"].update(width=512, depth=10))
    edit(folder, lambda record: record["geometry"].update(size=[1024, 1024]))
    assert "weights.safetensors does not fit bundle.json" in problem(folder)


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
        declare(folder, content)
        assert "does not fit bundle.json" in problem(folder)


@pytest.mark.parametrize("change", [{"width": 4}, {"depth": 4}, {"in_channels": 2}])
def test_weights_of_another_network(folder: Path, change: dict[str, int]) -> None:
    edit(folder, lambda record: record["model"].update(change))
    edit(folder, lambda record: record["geometry"].update(size=[64, 64]))
    if "in_channels" in change:
        edit(folder, lambda record: record.update(channels=["T1", "T2"]))
    assert "weights.safetensors does not fit bundle.json" in problem(folder)


def test_a_tensor_too_few(folder: Path) -> None:
    tensors = trained().state_dict()
    tensors.pop("last.bias")
    safetensors.torch.save_file(tensors, folder / "weights.safetensors")
    declare(folder, (folder / "weights.safetensors").read_bytes())
    message = problem(folder)
    assert "does not fit" in message
    assert "last.bias" in message


def test_the_description_can_be_read_alone(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    assert read_description(folder).translator == BUNDLE


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "tpu", "meta"])
def test_an_unknown_device(name: str) -> None:
    with pytest.raises(MrtoctError, match=f"device '{name}' is not available here; allowed: auto"):
        device_named(name)


def test_known_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_named("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_named("auto") == torch.device("cpu")
