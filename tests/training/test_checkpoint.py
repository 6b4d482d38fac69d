"""Checkpoints: what comes back is what was written, Adam's moments too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mrtoct.errors import BundleError
from mrtoct.networks.unet import UNet, UNetConfig
from mrtoct.training.checkpoint import Progress, State, read_checkpoint, write_checkpoint
from mrtoct.translation.bundle import Bundle, read_bundle
from mrtoct.translation.geometry import Slices

CONFIG = UNetConfig(width=3, depth=3, dropout=0.0)
BUNDLE = Bundle(model=CONFIG, channels=("mr",), spacing=(1.0, 1.0, 1.0), geometry=Slices((32, 32)))
JUDGE = torch.nn.Linear(2, 1)
PROGRESS = Progress(step=3, seconds=1.25, best_mae=77.125)


def fresh(seed: int) -> tuple[UNet, torch.optim.Adam]:
    torch.manual_seed(seed)
    network = UNet(CONFIG)
    return network, torch.optim.Adam(network.parameters(), lr=1e-2, betas=(0.5, 0.9))


def state(network: UNet, adam: torch.optim.Adam) -> State:
    """A learner's state with a second network, as an adversary would be."""
    return State(network, {"judge": JUDGE}, {"translator": adam})


def steps(network: UNet, adam: torch.optim.Adam, first: int, count: int) -> None:
    for n in range(first, first + count):
        image = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(n))
        adam.zero_grad()
        (network(image) - image).abs().mean().backward()
        adam.step()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    network, adam = fresh(0)
    steps(network, adam, 0, 3)
    write_checkpoint(tmp_path / "last", BUNDLE, state(network, adam), PROGRESS)
    return tmp_path / "last"


def test_training_goes_on_as_if_it_had_not_stopped(written: Path) -> None:
    network, adam = fresh(0)
    steps(network, adam, 0, 6)
    again, its_adam = fresh(1)
    assert read_checkpoint(written, state(again, its_adam)) == PROGRESS
    steps(again, its_adam, 3, 3)
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    ours, theirs = its_adam.state_dict()["state"], adam.state_dict()["state"]
    assert ours.keys() == theirs.keys()
    for index, entry in theirs.items():
        for name, value in entry.items():
            assert torch.equal(ours[index][name], value)


def test_a_checkpoint_is_a_bundle_without_any_pickle(written: Path) -> None:
    assert sorted(p.name for p in written.iterdir()) == [
        "SHA256SUMS",
        "bundle.json",
        "networks.safetensors",
        "optimizer.safetensors",
        "progress.json",
        "weights.safetensors",
    ]
    network, adam = fresh(0)
    steps(network, adam, 0, 3)
    bundle, read = read_bundle(written)
    assert bundle == BUNDLE
    assert torch.equal(read.last.weight, network.last.weight)


def test_every_player_comes_back(tmp_path: Path) -> None:
    def player(seed: int) -> tuple[torch.nn.Linear, torch.optim.Adam]:
        torch.manual_seed(seed)
        judge = torch.nn.Linear(3, 2)
        adam = torch.optim.Adam(judge.parameters(), lr=0.1)
        judge(torch.ones(1, 3)).sum().backward()
        adam.step()
        return judge, adam

    (first, first_adam), (second, second_adam) = player(1), player(2)
    network, adam = fresh(0)
    steps(network, adam, 0, 1)
    written = State(
        network,
        {"judge": first, "average": second},
        {"translator": adam, "judge": first_adam, "other": second_adam},
    )
    write_checkpoint(tmp_path / "last", BUNDLE, written, PROGRESS)
    (judge, judge_adam), (average, other_adam) = player(3), player(4)
    again, again_adam = fresh(5)
    read = State(
        again,
        {"judge": judge, "average": average},
        {"translator": again_adam, "judge": judge_adam, "other": other_adam},
    )
    read_checkpoint(tmp_path / "last", read)
    assert torch.equal(judge.weight, first.weight)
    assert torch.equal(average.weight, second.weight)
    for ours, theirs in ((judge_adam, first_adam), (other_adam, second_adam)):
        for index, entry in theirs.state_dict()["state"].items():
            for name, value in entry.items():
                assert torch.equal(ours.state_dict()["state"][index][name], value)


def test_a_newer_checkpoint_replaces_the_whole_folder(written: Path) -> None:
    (written / "left over").touch()
    network, adam = fresh(2)
    write_checkpoint(written, BUNDLE, state(network, adam), Progress(step=9))
    assert not (written / "left over").exists()
    assert read_checkpoint(written, state(*fresh(3))) == Progress(9, 0.0, None)


def test_a_failure_while_writing_leaves_the_older_one(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, adam = fresh(2)
    monkeypatch.setattr("mrtoct.training.checkpoint.write_record", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_checkpoint(written, BUNDLE, state(network, adam), Progress(step=9))
    assert read_checkpoint(written, state(*fresh(3))) == PROGRESS
    assert [p.name for p in written.parent.iterdir()] == ["last"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("progress.json", b"{"),
        ("progress.json", b"[1]"),
        ("progress.json", b'{"steps": 3}'),
        ("progress.json", None),
        ("optimizer.safetensors", b"short"),
        ("optimizer.safetensors", None),
        ("networks.safetensors", None),
        ("weights.safetensors", b"short"),
        ("bundle.json", None),
    ],
)
def test_damage_is_one_sentence(written: Path, name: str, content: bytes | None) -> None:
    if content is None:
        (written / name).unlink()
    else:
        (written / name).write_bytes(content)
    with pytest.raises(BundleError) as caught:
        read_checkpoint(written, state(*fresh(0)))
    assert str(written) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_network(written: Path) -> None:
    other = UNet(UNetConfig(width=4, depth=3))
    with pytest.raises(BundleError, match="cannot be resumed"):
        read_checkpoint(written, state(other, torch.optim.Adam(other.parameters())))


def test_progress_is_readable(written: Path) -> None:
    record = json.loads((written / "progress.json").read_text())
    assert record == {"step": 3, "seconds": 1.25, "best_mae": 77.125}
