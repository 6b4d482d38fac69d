"""mrtoct fetch model and mrtoct models, as typed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from loopback import serving
from shipped_model import write_shipped


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MRTOCT_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("MRTOCT_MODEL_SOURCE", raising=False)
    return write_shipped(tmp_path / "made") / "head"


def test_from_a_server_by_name_then_listed_and_told_of(
    bundle: Path, mrtoct: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = hashlib.sha256((bundle / "SHA256SUMS").read_bytes()).hexdigest()
    with serving() as server:
        for file in bundle.iterdir():
            server.files[f"t1/{file.name}"] = file.read_bytes()
        offered = {"pelvis": {"address": "t1", "sha256": wanted, "about": "T1"}}
        server.files["models.json"] = json.dumps({"format": 1, "models": offered}).encode()
        [row] = json.loads(mrtoct("models", "--from", server.base, "--json").out)
        assert row["name"] == "pelvis" and row["sha256"] == wanted
        monkeypatch.setenv("MRTOCT_MODEL_SOURCE", server.base)
        said = mrtoct("fetch", "model", "pelvis")
        assert said.status == 0, said.err
        assert f"SHA-256 {wanted} (as expected)" in said.err
        assert "translate MR SCT --model pelvis" in said.err
        again = mrtoct("fetch", "model", "pelvis")
        assert again.sentence.endswith("pelvis exists already; pass --overwrite to replace it")
    rows = {row["name"]: row for row in json.loads(mrtoct("models", "--json").out)}
    assert list(rows) == ["head", "pelvis"]
    assert rows["pelvis"]["folder"] == str(tmp_path / "models" / "pelvis")
    assert rows["pelvis"]["sha256"] == wanted
    assert rows["head"]["from"] == "shipped with mrtoct"
    assert "nothing at all" in mrtoct("info", "pelvis").out
    shown = mrtoct("models").out
    assert f"  from     {server.base}t1\n" in shown


def test_a_damaged_one_is_listed_as_such(bundle: Path, mrtoct: Callable, tmp_path: Path) -> None:
    assert "not verified" in mrtoct("fetch", "model", bundle, "--name", "mine").err
    (tmp_path / "models" / "mine" / "bundle.json").write_text("{")
    shown = mrtoct("models")
    assert shown.status == 0
    assert "bundle.json is damaged" in shown.out


def test_errors_name_the_options(bundle: Path, mrtoct: Callable) -> None:
    assert "pass --name NAME to give this one another" in mrtoct("fetch", "model", bundle).sentence
    assert "by its name in a list of models" in mrtoct("fetch", "model", "pelvis").sentence
