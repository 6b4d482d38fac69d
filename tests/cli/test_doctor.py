"""mrtoct doctor: what is there, what is slow, what is broken."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

import mrtoct.translation.pretrained.shipped as shipped
from mrtoct.cli import doctor
from mrtoct.hardware import machine
from mrtoct.hardware.processes import processors
from shipped_model import write_shipped


@pytest.fixture(autouse=True)
def small_model(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "FOLDER", write_shipped(tmp_path / "models"))


def facts(mrtoct, status=0):
    result = mrtoct("doctor", "--json")
    assert result.status == status
    return {fact["name"]: fact for fact in json.loads(result.out)}


def test_versions_are_those_installed(mrtoct):
    told = facts(mrtoct)
    for package in ("numpy", "torch", "SimpleITK"):
        name = next(name for name in told if name.lower() == package.lower())
        assert told[name]["value"] == metadata.version(package)
        assert not told[name]["broken"]
    assert told["model"]["value"] == "head, version 0.9-test, on cpu"
    assert told["cores"]["value"].startswith(f"{processors()} for this process")


def test_a_version_out_of_range_and_a_missing_package_are_broken(mrtoct, monkeypatch):
    versions = {"numpy": "1.26.0", "scipy": None}
    real = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: versions.get(name, real(name)))
    told = facts(mrtoct, status=1)
    assert told["numpy"]["broken"].startswith("mrtoct needs >=2.0: pip install 'numpy")
    assert told["scipy"]["value"] == "missing"


def test_a_damaged_model_and_little_memory_are_broken(mrtoct, monkeypatch, tmp_path):
    weights = tmp_path / "models" / "head" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    monkeypatch.setattr(machine, "_available_memory", lambda: 2**30)
    told = facts(mrtoct, status=1)
    assert "is damaged" in told["model"]["broken"]
    assert told["memory"]["value"] == "1.0 GiB free"
    assert told["memory"]["broken"]


def test_fewer_threads_than_cores_are_slow(mrtoct, monkeypatch):
    monkeypatch.setattr(machine.torch, "get_num_threads", lambda: 0)
    assert "OMP_NUM_THREADS" in facts(mrtoct)["cores"]["slow"]
    shown = mrtoct("doctor").out
    assert "! torch uses fewer cores" in shown
